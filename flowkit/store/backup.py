"""A copy of the history, made while runs go on.

Guarantees: the copy is what was committed at one instant; it is whole under its name, or not there; 0600.
Files of results are named by their content and are copied after the rows that speak of them, so that none is
missing but what retention has taken meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowkit.errors import HistoryError, UsageError
from flowkit.store import database, files

ARCHIVES = (".tar.gz", ".tgz")
_OTHERS = (".zip", ".tar", ".gz", ".bz2", ".xz", ".zst", ".7z")


@dataclass(frozen=True)
class Copied:
    """What was copied.

    Attributes:
        runs, files: how many.
        missing: files that went meanwhile.
        bytes: of the copy.
    """

    runs: int
    files: int
    missing: int
    bytes: int


def back_up(folder: Path, target: Path, others: tuple[Path, ...] = ()) -> Copied:
    """Copy the history to a file, or, with results and other files, into an archive.

    Args:
        folder: the state folder.
        target: what ends in `.tar.gz` or `.tgz` becomes an archive, all else a database.
        others: files of the state folder that an archive has too, where they exist.

    Raises:
        UsageError: there is no history yet, or the target is of no use.
        HistoryError: something cannot be read.
    """
    source = folder / database.FILE
    _refuse(source, target)
    with _whole(target) as temporary:
        if not target.name.endswith(ARCHIVES):
            return Copied(_copy(source, temporary), 0, 0, temporary.stat().st_size)
        with _made(temporary.with_name(f"{temporary.name}.db")) as copy:
            runs = _copy(source, copy)
            found, missing = _archive(temporary, copy, folder, others)
        return Copied(runs, found, missing, temporary.stat().st_size)


def _refuse(source: Path, target: Path) -> None:
    if not source.exists():
        raise UsageError("there is nothing to copy: there is no history yet")
    if target.is_dir():
        raise UsageError(f"`{target}` is a folder", hints=(f"say `{target / 'flowkit.tar.gz'}`",))
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder `{target.parent}`")
    if target.exists() and target.samefile(source):
        raise UsageError(f"`{target}` is the history itself")
    if target.suffix in _OTHERS and not target.name.endswith(ARCHIVES):
        raise UsageError(
            f"`{target}` would be no such archive", hints=(f"say `{target.with_suffix('.tar.gz')}`",)
        )
    if target.exists() and not _is_backup(target):
        raise UsageError(f"`{target}` is there, and is no backup", hints=("choose another name",))


def _is_backup(path: Path) -> bool:
    """Whether a file looks like a copy from before, which the new one may replace."""
    with path.open("rb") as file:
        begins = file.read(16)
    return not begins or begins.startswith((b"SQLite format 3\0", b"\x1f\x8b"))


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A file to write, which takes its name when it is complete.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        with _made(target.with_name(f".{target.name}-{secrets.token_hex(4)}.tmp")) as temporary:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(target)
    except OSError as error:
        raise UsageError(f"`{target}` cannot be written: {error.strerror}") from error


@contextmanager
def _made(path: Path) -> Iterator[Path]:
    """A new file, which does not stay."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> int:
    """Copy the database in one step, which writers do not disturb and are not kept waiting by."""
    connection = database.open_to_read(source)
    if connection is None:
        if source.exists():
            raise UsageError("there is nothing to copy: there is no history yet")
        raise _damaged(source)
    with contextlib.closing(connection), contextlib.closing(sqlite3.connect(target)) as copy:
        try:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without companions
            if copy.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise _damaged(source)
            [runs] = copy.execute("SELECT COUNT(*) FROM runs").fetchone()
        except sqlite3.Error as error:
            if database.is_damage(error):
                raise _damaged(source) from error
            raise UsageError(f"the copy cannot be written to `{target.parent}`: {error}") from error
    return int(runs)


def _damaged(source: Path) -> HistoryError:
    return HistoryError(
        f"the history `{source}` is damaged", hints=("`flowkit doctor --fix` saves what can be read",)
    )


def _archive(archive: Path, copy: Path, folder: Path, others: tuple[Path, ...]) -> tuple[int, int]:
    """Write the archive; returns how many files are in it, and how many went meanwhile."""
    found = missing = 0
    with archive.open("wb") as raw, tarfile.open(fileobj=raw, mode="w:gz", compresslevel=1) as tar:
        _add(tar, copy, database.FILE)
        for name in _files_of(copy):
            place = files.path_of(folder / files.FOLDER, name)
            try:
                _add(tar, place, str(place.relative_to(folder)))
                found += 1
            except FileNotFoundError:
                missing += 1
        for other in others:
            with contextlib.suppress(FileNotFoundError):
                _add(tar, other, other.name)
    return found, missing


def _files_of(copy: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        return [row[0] for row in connection.execute("SELECT DISTINCT digest FROM files ORDER BY digest")]


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    """Add a plain file, 0600, whose content is as long as was said before it."""
    with path.open("rb") as file:
        entry = tar.gettarinfo(arcname=name, fileobj=file)
        entry.mode, entry.uname, entry.gname = 0o600, "", ""
        entry.name = name
        tar.addfile(entry, file)
