"""Whether what is kept is sound, and how to save what is not.

Guarantees: looking changes nothing; a damaged history is set aside whole before anything is taken from it,
and only what can be read row by row is taken, each run once.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowkit.errors import HistoryError
from flowkit.store import database, files, owners, retention
from flowkit.store.run_status import RunStatus
from flowkit.store.salvage import UNREADABLE, opened, salvaged

NETWORKS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs", "9p", "ceph", "lustre", "fuse.glusterfs"}
)
_OF_A_RUN = ("sessions", "attempts", "results", "logs")
_MOST_PROBLEMS = 5
_Row = tuple[Any, ...]


@dataclass(frozen=True)
class Litter:
    """What nothing needs: files without a row, and those that killed processes had begun."""

    count: int
    bytes: int


@dataclass
class Saved:
    """What was saved of a damaged history."""

    kept: Path
    runs: int = 0
    attempts: int = 0


def damage(path: Path) -> list[str]:
    """What is wrong with the file of the history; nothing where all is well, or there is none.

    Raises:
        HistoryError: it cannot be opened at all, or is no plain file.
    """
    if not path.exists() and not path.is_symlink():
        return []
    with database.explained(path):
        database._check_file(path)
        with opened(path) as connection:
            try:
                rows = connection.execute(f"PRAGMA integrity_check({_MOST_PROBLEMS})").fetchall()
                found = [str(row[0]) for row in rows if row[0] != "ok"]
                return found or [
                    f"the table `{table}` is missing" for table in database.missing_tables(connection)
                ]
            except UNREADABLE as error:
                if not isinstance(error, UnicodeDecodeError) and not database.is_damage(error):
                    raise
                return [str(error)]


def loose(folder: Path) -> list[Path]:
    """Files and folders that others may read or write."""
    return [path for path in (folder, *_everything(folder)) if _is_loose(path)]


def litter(connection: sqlite3.Connection | None, folder: Path) -> Litter:
    """What `sweep` of files and `retention.clean` would remove."""
    results = folder / files.FOLDER
    orphans = retention.orphans(connection, results) if connection is not None else ()
    abandoned = [
        Path(entry.path)
        for entry in files._listed(results)
        if entry.name.endswith(".tmp") and not files._is_writing(entry)
    ]
    paths = [*abandoned, *(files.path_of(results, name) for name in orphans)]
    return Litter(len(paths), sum(map(_size, paths)))


def size(folder: Path) -> tuple[int, int]:
    """Bytes of the history and of the results in files."""
    history = sum(_size(folder / f"{database.FILE}{ending}") for ending in ("", "-wal", "-shm"))
    return history, sum(_size(path) for path in _everything(folder / files.FOLDER) if path.is_file())


def network_of(path: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The kind of file system of a folder where that lies on another machine; else "".

    SQLite's locks and shared memory cannot be relied on there.
    """
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    kind, longest = "", -1
    for line in lines:
        _, place, name, *_ = line.split(" ")
        folder = Path(re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), place))
        if path.is_relative_to(folder) and len(folder.parts) >= longest:
            kind, longest = name, len(folder.parts)
    return kind if kind in NETWORKS else ""


def set_aside_before(folder: Path) -> list[Path]:
    """The damaged histories that were set aside, the oldest first."""
    found = folder.glob(f"{database.FILE}.corrupt-*")
    return sorted(path for path in found if not path.name.endswith(("-wal", "-shm")))


def unsaved(folder: Path, damaged: Path) -> int:
    """How many runs can be read in a damaged history and are not in the one that is used."""
    known = _uids(folder / database.FILE)
    return len({run["uid"] for run in _runs_in(damaged)} - known)


def mend(folder: Path) -> Saved:
    """Set a damaged history aside, and save what can be read of it in a new one.

    Raises:
        HistoryError: a run goes on, or the new one cannot be written.
    """
    path = folder / database.FILE
    for run in _runs_in(path):
        if run["status"] == RunStatus.RUNNING and owners.is_owned(folder, run["number"]):
            raise HistoryError(
                f"run {run['number']} goes on, and writes to the damaged history",
                hints=("try again when it has ended",),
            )
    return save(folder, database.set_aside(path))


def save(folder: Path, damaged: Path) -> Saved:
    """Copy the runs that can be read in a damaged history, and are not in the one that is used, into that.

    Raises:
        HistoryError: it cannot be written.
    """
    path = folder / database.FILE
    target = database.open_to_write(path)
    saved = Saved(damaged)
    with contextlib.closing(target), database.explained(path), salvaged(damaged) as source:
        with database.transaction(target):
            for table in ("outlines", "codes"):
                for row in _read(source, table):
                    _insert(target, table, row)
        known = _uids(path)
        for run in _runs(source):
            if run["uid"] not in known:
                with database.transaction(target):
                    _save_run(source, target, run, saved)
    return saved


def _save_run(
    source: sqlite3.Connection, target: sqlite3.Connection, run: dict[str, Any], saved: Saved
) -> None:
    """A run keeps its number and name unless they were given again meanwhile."""
    old = run["number"]
    if _has(target, "number", old):
        run = {key: value for key, value in run.items() if key != "number"}
    if _has(target, "name", run["name"]):
        run["name"] = f"{run['name']}-{run['uid'][:8]}"
    new = _insert(target, "runs", run)
    for table in _OF_A_RUN:
        for row in _read(source, table, "WHERE run=?", (old,)):
            _insert(target, table, {**row, "run": new})
            saved.attempts += table == "attempts"
    for row in _read(source, "files", "WHERE owner=?", (f"run {old}",)):
        _insert(target, "files", {**row, "owner": f"run {new}"})
    saved.runs += 1


def _runs_in(path: Path) -> list[dict[str, Any]]:
    if path.is_file():
        with contextlib.suppress(*UNREADABLE), salvaged(path) as connection:
            return _runs(connection)
    return []


def _runs(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """The runs that can be read, by number, and whose row is whole enough to be one."""
    found = {row.get("uid"): row for row in _read(connection, "runs")}
    whole = [
        row
        for uid, row in found.items()
        if isinstance(uid, str) and isinstance(row.get("name"), str) and isinstance(row.get("number"), int)
    ]
    return sorted(whole, key=lambda row: int(row["number"]))


def _read(
    connection: sqlite3.Connection, table: str, where: str = "", values: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    """The rows that can be read, from both ends until what is damaged."""
    key = ", ".join(_key(connection, table))
    found: dict[_Row, dict[str, Any]] = {}
    for order in ("", f"ORDER BY {key}", f"ORDER BY {', '.join(f'{each} DESC' for each in key.split(', '))}"):
        with contextlib.suppress(*UNREADABLE):
            cursor = connection.execute(f"SELECT * FROM {table} {where} {order}", values)
            names = [column[0] for column in cursor.description]
            for row in cursor:
                found.setdefault(row, dict(zip(names, row, strict=True)))
    return list(found.values())


def _key(connection: sqlite3.Connection, table: str) -> list[str]:
    try:
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    except UNREADABLE:
        return ["1"]
    return [column[1] for column in sorted(columns, key=lambda column: int(column[5])) if column[5]] or ["1"]


def _insert(target: sqlite3.Connection, table: str, row: dict[str, Any]) -> int | None:
    """Insert a row, with the columns that there still are; one that is there, or is none, is left out."""
    columns = {column[1] for column in target.execute(f"PRAGMA table_info({table})")}
    known = {name: value for name, value in row.items() if name in columns}
    names, places = ", ".join(known), ", ".join("?" * len(known))
    cursor = target.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})", [*known.values()])
    return cursor.lastrowid


def _uids(path: Path) -> set[str]:
    connection = database.open_to_read(path)
    if connection is None:
        return set()
    with contextlib.closing(connection), database.explained(path):
        return {row[0] for row in connection.execute("SELECT uid FROM runs")}


def _has(connection: sqlite3.Connection, column: str, value: Any) -> bool:
    return connection.execute(f"SELECT 1 FROM runs WHERE {column}=?", (value,)).fetchone() is not None


def _everything(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if not path.is_symlink())


def _is_loose(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(path.lstat().st_mode) & 0o077)
    except OSError:
        return False


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
