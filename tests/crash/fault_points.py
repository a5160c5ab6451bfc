"""Faults in a command, at the n-th call that may change what is on disk; called in it before it begins.

What counts: the calls of `os` that make, change or move a file, and the statements that SQLite is given.
Where a fault has come about, the file that `FAULT` names is made: a command without it was left alone.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import sqlite3
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

MAKES = ("mkdir", "link", "symlink", "replace", "rename")
REMOVES = ("unlink", "rmdir")
OF_DESCRIPTORS = ("write", "fsync", "fdatasync", "ftruncate")
CHANGES = (
    "BEGIN",
    "COMMIT",
    "INSERT",
    "REPLACE",
    "UPDATE",
    "DELETE",
    "CREATE",
    "PRAGMA USER",
    "PRAGMA JOURNAL",
)
SAYS = {
    sqlite3.SQLITE_FULL: "database or disk is full",
    sqlite3.SQLITE_IOERR: "disk I/O error",
}

_open = os.open


def kill_at(number: int) -> None:
    """The process dies, as by `kill -9`, just before the n-th call."""

    def act(call: int, name: str) -> None:
        if call == number:
            os.kill(os.getpid(), signal.SIGKILL)

    _watch(act)


def fill_at(number: int) -> None:
    """From the n-th call on, the disk is full; files can still be removed."""

    def act(call: int, name: str) -> None:
        if call >= number and name not in REMOVES:
            _fail(name, errno.ENOSPC, sqlite3.SQLITE_FULL)

    _watch(act)


def break_at(number: int) -> None:
    """The n-th call fails, as where the disk cannot be read or written there."""

    def act(call: int, name: str) -> None:
        if call == number:
            _fail(name, errno.EIO, sqlite3.SQLITE_IOERR)

    _watch(act)


def few_pages(most: int) -> None:
    """SQLite itself finds the database full beyond so many pages."""
    _connect_by(_limited(most))


def small_files(most: int) -> None:
    """No file grows beyond so many bytes: the kernel refuses."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def hold_commits() -> None:
    """What has happened to tasks is never written: the last moment before it is, made long."""
    from flowkit.store.journal import Journal

    Journal.append = lambda *given, **options: signal.pause()  # type: ignore[method-assign]


def few_descriptors(most: int) -> None:
    """No more open files than that."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def few_threads(most: int) -> None:
    """No more new threads than that: the kernel refuses, as where a user has too many processes."""
    left = most

    def refusing(start: Callable[..., Any]) -> Callable[..., Any]:
        def started(*given: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise RuntimeError("can't start new thread")
            return start(*given, **options)

        return started

    for name in ("_start_new_thread", "_start_joinable_thread"):  # before Python 3.13, and from then on
        if hasattr(threading, name):
            setattr(threading, name, refusing(getattr(threading, name)))


def no_temporary_files() -> None:
    """The places for them are full."""

    def refused(*given: Any, **options: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for name in ("TemporaryFile", "NamedTemporaryFile", "TemporaryDirectory", "mkstemp", "mkdtemp"):
        setattr(tempfile, name, refused)


def umask(mask: int) -> None:
    """Another umask."""
    os.umask(mask)


def close(*numbers: int) -> None:
    """Without these streams."""
    for number in numbers:
        os.close(number)


def jumping_clock(step: float) -> None:
    """Each look at the clock of the wall finds it so many seconds further, or further back, than it was."""
    looks = 0
    true = time.time

    def jumped() -> float:
        nonlocal looks
        looks += 1
        return true() + looks * step

    time.time = jumped
    time.time_ns = lambda: int(jumped() * 1e9)


def _watch(act: Callable[[int, str], None]) -> None:
    """Call `act` with number and name before each call that counts."""
    calls = 0

    def count(name: str) -> None:
        nonlocal calls
        calls += 1
        act(calls, name)

    for name in (*MAKES, *REMOVES):
        setattr(os, name, _counted(name, getattr(os, name), count))
    for name in OF_DESCRIPTORS:
        setattr(os, name, _counted(name, getattr(os, name), count, lambda given: _is_kept(given[0])))
    os.open = _counted("open", os.open, count, _makes)
    _connect_by(_counting(count))


def _counted(
    name: str,
    call: Callable[..., Any],
    count: Callable[[str], None],
    counts: Callable[[tuple[Any, ...]], bool] = lambda given: True,
) -> Callable[..., Any]:
    def counted(*given: Any, **options: Any) -> Any:
        if counts(given):
            count(name)
        return call(*given, **options)

    return counted


def _is_kept(opened: int) -> bool:
    """Whether a descriptor is one of a file, not of a pipe or a terminal."""
    mode = os.fstat(opened).st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _makes(given: tuple[Any, ...]) -> bool:
    return len(given) > 1 and bool(given[1] & os.O_CREAT)


def _counting(count: Callable[[str], None]) -> type[sqlite3.Connection]:
    class Counting(sqlite3.Connection):
        """A connection whose statements count."""

        def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
            if sql.lstrip().upper().startswith(CHANGES):
                count("sql")
            return super().execute(sql, *given)

        def executemany(self, sql: str, *given: Any) -> sqlite3.Cursor:
            count("sql")
            return super().executemany(sql, *given)

    return Counting


def _limited(most: int) -> type[sqlite3.Connection]:
    class Limited(sqlite3.Connection):
        """A connection to a database that cannot grow."""

        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            self.execute(f"PRAGMA max_page_count={most}")

    return Limited


def _connect_by(factory: type[sqlite3.Connection]) -> None:
    connect = sqlite3.connect

    def connected(*given: Any, **options: Any) -> sqlite3.Connection:
        found: sqlite3.Connection = connect(*given, **{**options, "factory": factory})
        return found

    sqlite3.connect = connected  # type: ignore[assignment]


def _fail(name: str, number: int, code: int) -> None:
    os.close(_open(os.environ["FAULT"], os.O_WRONLY | os.O_CREAT, 0o600))
    if name != "sql":
        raise OSError(number, os.strerror(number))
    error = sqlite3.OperationalError(SAYS[code])
    error.sqlite_errorcode = code
    raise error
