"""What is kept of the past, and for how long.

Guarantees: nothing of a run that goes on, or that somebody goes on with, is taken; no file that a cache entry
or another run needs; of the latest run nothing but for its age, so that it can be resumed however large it
is. A process that is killed meanwhile leaves files without rows, never rows without files.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from flowkit.store import files, owners
from flowkit.store.database import transaction
from flowkit.store.run_status import RunStatus

DAY = 86400.0
_HOUR = 3600.0
_CHUNK = 200  # files, or entries, a transaction: others want to write too
_OLDEST = 20  # runs that are looked at to see whether any is too old


class Limits(Protocol):
    """What is kept of runs.

    Attributes:
        runs: of each flow, the latest so many keep results and logs.
        max_bytes: that results, logs and rows take all told.
        days: after which a run is forgotten.
    """

    @property
    def runs(self) -> int: ...
    @property
    def max_bytes(self) -> int: ...
    @property
    def days(self) -> float: ...


class CacheLimits(Protocol):
    """What is kept of the cache: at most so many bytes, nothing that was not used for `days`."""

    @property
    def max_bytes(self) -> int: ...
    @property
    def days(self) -> float | None: ...


@dataclass(frozen=True)
class Due:
    """What is to go.

    Attributes:
        emptied: runs that lose results and logs.
        forgotten: runs that lose all.
        entries: keys of entries of the cache.
    """

    emptied: tuple[int, ...] = ()
    forgotten: tuple[int, ...] = ()
    entries: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.emptied or self.forgotten or self.entries)


@dataclass
class Freed:
    """What has gone; `bytes` of files, of results in rows and of logs."""

    emptied: int = 0
    forgotten: int = 0
    entries: int = 0
    files: int = 0
    bytes: int = 0

    def add(self, other: Freed) -> None:
        """Count that too."""
        for name, number in vars(other).items():
            setattr(self, name, getattr(self, name) + number)


def apply(
    connection: sqlite3.Connection,
    folder: Path,
    limits: Limits,
    cache: CacheLimits,
    flow: str | None = None,
) -> Freed:
    """Bound what is kept; quick where nothing is due.

    Args:
        connection: to write.
        folder: the state folder.
        flow: whose runs are counted; None: those of all.

    Raises:
        sqlite3.Error: what was done until then is done.
    """
    # Unasked, the latest of a flow stay however old they look: the clock may be years ahead, once.
    return carry_out(connection, folder, due(connection, limits, cache, flow, spared=limits.runs))


def due(
    connection: sqlite3.Connection,
    limits: Limits,
    cache: CacheLimits,
    flow: str | None = None,
    *,
    spared: int = 0,
) -> Due:
    """What is to go; nothing is changed.

    Args:
        flow: whose runs are counted; None: those of all.
        spared: the latest runs of a flow, so many, that are not forgotten for their age.
    """
    forgotten = _too_old(connection, limits.days, spared)
    gone = set(forgotten)
    holding = [run for run in _holding(connection) if run[0] not in gone]
    emptied = [*_too_many(connection, holding, limits.runs, flow)]
    left = [run for run in holding if run[0] not in emptied]
    emptied += _too_large(connection, left, limits.max_bytes)
    return Due(tuple(emptied), tuple(forgotten), tuple(_too_much_cache(connection, cache)))


def carry_out(connection: sqlite3.Connection, folder: Path, due: Due) -> Freed:
    """Take away what is to go."""
    freed = Freed()
    for run in due.emptied:
        freed.add(_take(connection, folder, run, forget=False))
    for run in due.forgotten:
        freed.add(_take(connection, folder, run, forget=True))
    for keys in _chunks(due.entries):
        freed.add(_evict(connection, folder, keys))
    return freed


def clean(connection: sqlite3.Connection, folder: Path, limits: Limits, cache: CacheLimits) -> Freed:
    """Bound what is kept, and remove what nothing refers to any more; gives the room back to the disk."""
    freed = Freed()
    while wanted := due(connection, limits, cache):
        some = carry_out(connection, folder, wanted)
        freed.add(some)
        if not (some.emptied or some.forgotten or some.entries):  # others hold what is left
            break
    results = folder / files.FOLDER
    files.sweep(results)
    freed.add(drop_files(connection, folder, list(orphans(connection, results))))
    _drop_codes(connection)
    if not _going_on(connection):
        connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return freed


def orphans(connection: sqlite3.Connection, results: Path) -> Iterator[str]:
    """The files that no row speaks of, and nobody can still be about to write one for."""
    until = time.time() - _HOUR
    for name in files.names(results):
        if not _is_needed(connection, name) and _written(results, name) < until:
            yield name


def drop_files(connection: sqlite3.Connection, folder: Path, names: Sequence[str]) -> Freed:
    """Remove the files among these that no row speaks of.

    A run that goes on writes its files before its rows, and may have written one of these again: what is
    younger than that run stays, and is an orphan later. No run can begin during the transaction.
    """
    results = folder / files.FOLDER
    freed = Freed()
    for some in _chunks(names):
        with transaction(connection):
            since = min(_going_on(connection), default=float("inf")) - 1
            for name in some:
                if not _is_needed(connection, name) and _written(results, name) < since:
                    size = files.remove(results, name)
                    freed.add(Freed(files=bool(size), bytes=size))
    return freed


# -- what is due ------------------------------------------------------------------------------


def _too_old(connection: sqlite3.Connection, days: float, spared: int) -> list[int]:
    """Looks at the oldest first, as times are in no index and mostly rise with the numbers."""
    until = time.time() - days * DAY
    first = f"SELECT * FROM runs ORDER BY number LIMIT {_OLDEST}"
    oldest = f"SELECT number FROM ({first}) WHERE started<? AND status<>0"
    if connection.execute(oldest, (until,)).fetchone() is None:
        return []
    query = (
        "SELECT number FROM (SELECT number, started, status, ROW_NUMBER() OVER (PARTITION BY flow ORDER BY"
        " number DESC) AS place FROM runs) WHERE started<? AND status<>0 AND place>? ORDER BY number"
    )
    return [row[0] for row in connection.execute(query, (until, spared))]


def _holding(connection: sqlite3.Connection) -> list[tuple[int, str, int]]:
    """Number, flow and bytes in files of the ended runs that have results or logs, the oldest first.

    Each step leads to the next run that has some, so that the many that have none cost nothing.
    """
    steps = (
        "SELECT MIN(run) FROM results WHERE batch>=0 AND run>{}",
        "SELECT MIN(run) FROM logs WHERE run>{}",
    )
    numbers = " UNION ".join(
        f"SELECT run FROM (WITH RECURSIVE each(run) AS (SELECT ({step.format(-1)}) UNION ALL"
        f" SELECT ({step.format('each.run')}) FROM each WHERE run IS NOT NULL) SELECT run FROM each)"
        for step in steps
    )
    return connection.execute(
        f"SELECT number, flow, bytes FROM runs WHERE number IN ({numbers}) AND status<>0 ORDER BY number"
    ).fetchall()


def _too_many(
    connection: sqlite3.Connection, holding: Sequence[tuple[int, str, int]], most: int, flow: str | None
) -> list[int]:
    oldest: dict[str, int] = {}
    for of in {run[1] for run in holding} if flow is None else {flow}:
        row = connection.execute(
            "SELECT number FROM runs WHERE flow=? ORDER BY number DESC LIMIT 1 OFFSET ?", (of, most)
        ).fetchone()
        oldest[of] = row[0] if row else -1
    return [number for number, of, _ in holding if number <= oldest.get(of, -1)]


def _too_large(
    connection: sqlite3.Connection, holding: Sequence[tuple[int, str, int]], most: int
) -> list[int]:
    """The oldest runs, until what is left is small enough; never the latest."""
    over = _rows_bytes(connection) + sum(run[2] for run in holding) - most
    found: list[int] = []
    for number, _, size in holding[:-1]:
        if over <= 0:
            break
        found.append(number)
        over -= size + _bytes_in_rows(connection, number)
    return found


def _too_much_cache(connection: sqlite3.Connection, limits: CacheLimits) -> list[bytes]:
    """The entries that were not used for longest."""
    total = connection.execute("SELECT COALESCE(SUM(bytes), 0) FROM cache").fetchone()[0]
    until = 0.0 if limits.days is None else time.time() - limits.days * DAY
    if total <= limits.max_bytes and not until:
        return []
    found = []
    for key, used, size in connection.execute("SELECT key, used, bytes FROM cache ORDER BY used"):
        if total <= limits.max_bytes and used >= until:
            break
        found.append(key)
        total -= size
    return found


def _rows_bytes(connection: sqlite3.Connection) -> int:
    """What the rows take of the history's file."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _bytes_in_rows(connection: sqlite3.Connection, run: int) -> int:
    row = connection.execute(
        "SELECT COALESCE((SELECT SUM(LENGTH(data)) FROM results WHERE run=:run AND batch>=0), 0)"
        " + COALESCE((SELECT SUM(LENGTH(text)) FROM logs WHERE run=:run), 0)",
        {"run": run},
    ).fetchone()
    return int(row[0])


# -- taking it away ---------------------------------------------------------------------------


def _take(connection: sqlite3.Connection, folder: Path, run: int, *, forget: bool) -> Freed:
    """Take results and logs of a run, or all of it; nothing where somebody has taken it up."""
    if not owners.claim(folder, run):
        return Freed()
    try:
        with transaction(connection):
            row = connection.execute("SELECT status FROM runs WHERE number=?", (run,)).fetchone()
            if row is None or row[0] == RunStatus.RUNNING:
                return Freed()
            size = _bytes_in_rows(connection, run)
            names = _disown(connection, f"run {run}")
            _delete(connection, run, forget=forget)
    finally:
        owners.release(folder, run)
    freed = Freed(emptied=not forget, forgotten=forget, bytes=size)
    freed.add(drop_files(connection, folder, names))
    return freed


def _delete(connection: sqlite3.Connection, run: int, *, forget: bool) -> None:
    """The values of the parameters stay as long as the run: resuming it begins with them."""
    connection.execute(f"DELETE FROM results WHERE run=?{'' if forget else ' AND batch>=0'}", (run,))
    connection.execute("DELETE FROM logs WHERE run=?", (run,))
    if not forget:
        connection.execute("UPDATE runs SET bytes=0 WHERE number=?", (run,))
        return
    connection.execute("DELETE FROM attempts WHERE run=?", (run,))
    connection.execute("DELETE FROM sessions WHERE run=?", (run,))
    connection.execute("DELETE FROM runs WHERE number=?", (run,))


def _evict(connection: sqlite3.Connection, folder: Path, keys: Sequence[bytes]) -> Freed:
    names: list[str] = []
    freed = Freed(entries=len(keys))
    with transaction(connection):
        for key in keys:
            names += _disown(connection, f"cache {key.hex()}")
            row = connection.execute("SELECT LENGTH(data) FROM cache WHERE key=?", (key,)).fetchone()
            freed.bytes += row[0] if row else 0
            connection.execute("DELETE FROM cache WHERE key=?", (key,))
    freed.add(drop_files(connection, folder, names))
    return freed


def _disown(connection: sqlite3.Connection, owner: str) -> list[str]:
    """Forget whose files these were; returns them."""
    names = [row[0] for row in connection.execute("SELECT digest FROM files WHERE owner=?", (owner,))]
    connection.execute("DELETE FROM files WHERE owner=?", (owner,))
    return names


def _drop_codes(connection: sqlite3.Connection) -> None:
    """Forget the outlines that no run has."""
    with transaction(connection):
        connection.execute("DELETE FROM outlines WHERE digest NOT IN (SELECT outline FROM runs)")


def _is_needed(connection: sqlite3.Connection, name: str) -> bool:
    row = connection.execute("SELECT 1 FROM files WHERE digest=? LIMIT 1", (name,)).fetchone()
    return row is not None


def _going_on(connection: sqlite3.Connection) -> list[float]:
    """When the runs that go on were begun, or taken up again."""
    query = (
        "SELECT COALESCE((SELECT MAX(sessions.started) FROM sessions WHERE run=number), started)"
        " FROM runs WHERE status=0"
    )
    return [row[0] for row in connection.execute(query)]


def _written(results: Path, name: str) -> float:
    """When a file was written; never, where it is gone."""
    try:
        return files.path_of(results, name).lstat().st_mtime
    except OSError:
        return float("inf")


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(values)
    while some := list(islice(rest, _CHUNK)):
        yield some
