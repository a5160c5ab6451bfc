"""The file of the history: opened, brought up to date, or set aside where it is damaged.

Guarantees: the file is 0600 from its first byte; its tables are made, and changed, in one transaction each,
so that a process killed meanwhile leaves the old or the new; a file that newer code wrote is refused and
left alone; one that SQLite calls damaged is renamed to `history.db.corrupt-…`, and never used again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from flowkit.errors import FlowkitError, HistoryError
from flowkit.store import owners

FILE = "history.db"
VERSION = 1  # of the schema; `MIGRATIONS` leads from each older one to the next
MIGRATIONS: dict[int, str] = {}
TABLES = ("outlines", "codes", "runs", "sessions", "attempts", "results", "logs", "cache", "files")
PATIENCE = 30.0  # seconds that a writer waits for another one

_RENAMING = 0  # the byte of `owners.lock` for that; runs have their numbers, from 1 on
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DAMAGED = (
    "no such table",
    "no such column",
    "malformed",
    "Could not decode",
    "unsupported file format",
)  # what its messages begin with
_FEW = 8  # descriptors
_ELSEWHERE = "set `FLOWKIT_HOME` to a folder of your own"
_COMPANIONS = ("", "-wal", "-shm")


def open_to_write(path: Path) -> sqlite3.Connection:
    """A connection to the history, made or migrated where needed; used by one thread at a time.

    Raises:
        HistoryError: it cannot be opened or written, or newer code made it.
    """
    with explained(path):
        if _is_emptied(path):
            _replace_damaged(path)
        try:
            return _opened(path)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            _replace_damaged(path)
            return _opened(path)


def open_to_read(path: Path) -> sqlite3.Connection | None:
    """A connection that changes nothing; None where there is no history yet.

    Raises:
        HistoryError: it cannot be read, or newer code made it.
    """
    if not path.exists():
        return None
    with explained(path):
        _check_file(path)
        if _is_emptied(path):
            _replace_damaged(path)
        try:
            return _reader(path) if path.exists() else None
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            _replace_damaged(path)
            return None


def path_of(connection: sqlite3.Connection) -> Path:
    """The file that a connection was opened for."""
    # As bytes, for a name that is no UTF-8.
    query = "SELECT CAST(file AS BLOB) FROM pragma_database_list WHERE name='main'"
    return Path(os.fsdecode(connection.execute(query).fetchone()[0]))


def _is_emptied(path: Path) -> bool:
    """Whether only the log is left of a history, which SQLite would drop without a word."""
    log = Path(f"{path}-wal")
    return path.exists() and not path.stat().st_size and log.exists() and log.stat().st_size > 0


def is_damage(error: BaseException) -> bool:
    """Whether an error means that the file is no good, rather than that something is in the way."""
    return isinstance(error, sqlite3.Error) and (
        getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT or str(error).startswith(_DAMAGED)
    )


def missing_tables(connection: sqlite3.Connection) -> list[str]:
    """The tables that a history has and this one does not; none where its first writer has not got so far."""
    if _version(connection) == 0:
        return []
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    return [table for table in TABLES if table not in there]


def _replace_damaged(path: Path) -> Path | None:
    """Set a damaged history aside, unless another process was quicker and what is there now is sound."""
    owners.claim(path.parent, _RENAMING, patience=PATIENCE)
    try:
        return set_aside(path) if path.exists() and not _is_sound(path) else None
    finally:
        owners.release(path.parent, _RENAMING)


def set_aside(path: Path) -> Path:
    """Rename a history, and say where it is now by the return value; the next one starts empty."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    kept = path.with_name(f"{path.name}.corrupt-{stamp}")
    number = 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    for companion in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{companion}").rename(f"{kept}{companion}")
    SET_ASIDE.append(kept)
    return kept


# The histories that this process found damaged; the command that did so says it.
SET_ASIDE: list[Path] = []


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system raise inside the block into a sentence.

    Raises:
        HistoryError: instead of `sqlite3.Error` and `OSError`, and of what is raised by a row that is not as
            it was written; a damaged history is set aside before.
    """
    try:
        yield
    except FlowkitError:
        raise
    except (sqlite3.IntegrityError, TypeError, ValueError, OverflowError) as error:
        kept = _replace_damaged(path)
        if kept is None:  # the history is sound, so this is a bug
            raise
        raise damaged(path, kept) from error
    except sqlite3.Error as error:
        if is_damage(error):
            raise damaged(path, _replace_damaged(path)) from error
        raise HistoryError(
            f"the history `{path}` {_reason(path, error)}", hints=_hints(path, error)
        ) from error
    except OSError as error:
        hints = (_ELSEWHERE,) if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) else ()
        raise HistoryError(f"the history `{path}` cannot be used: {error.strerror}", hints=hints) from error


def damaged(path: Path, kept: Path | None) -> HistoryError:
    """The error that names a damaged history.

    Args:
        kept: as what it was set aside; None where another process did so.
    """
    where = (
        "another process has set it aside"
        if kept is None
        else f"it is kept as `{kept}`; `flowkit doctor --fix` saves what can be read"
    )
    return HistoryError(
        f"the history `{path}` is damaged", hints=(where, "the next command begins a new one")
    )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything inside the block, or nothing; waits for other writers first."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _is_sound(path: Path) -> bool:
    """Whether the history that is there now is whole: another process may have begun a new one meanwhile."""
    if _is_emptied(path):
        return False
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as connection:
            is_whole = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            return is_whole and not missing_tables(connection)
    except (sqlite3.Error, UnicodeDecodeError):  # the latter: what it says has the damage in it
        return False


def _opened(path: Path) -> sqlite3.Connection:
    _make_file(path)
    connection = sqlite3.connect(
        path, timeout=PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        # Survives the death of the process; after a power cut the last commits may be missing, never torn.
        connection.execute("PRAGMA synchronous=NORMAL")
        if _version(connection) < VERSION:
            # See docs/decisions/page-size.md.
            connection.execute("PRAGMA page_size=16384")
            _use_wal(connection)
            _bring_up_to_date(connection)
        _refuse_newer(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the journal, which SQLite refuses at once, without waiting, while another process does so."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.005)


def _reader(path: Path) -> sqlite3.Connection | None:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    if not os.access(path.parent, os.W_OK):
        # Its companions cannot be made in a folder that is read-only; without them it is read as it is.
        uri += "" if Path(f"{path}-wal").exists() else "&immutable=1"
    connection = sqlite3.connect(
        uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        version = _version(connection)
        _refuse_newer(path, connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
        _roll_back(path)
        return _reader(path)
    except BaseException:
        connection.close()
        raise
    if version == VERSION:
        return connection
    connection.close()
    if version == 0:  # its first writer has not got so far
        return None
    _opened(path).close()
    return _reader(path)


def _roll_back(path: Path) -> None:
    """Undo what a process that was killed, as it made the file, has left half done: who only reads cannot."""
    with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
        _version(connection)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        version = _version(connection)  # again: another process may have been quicker
        if version == 0:
            steps = [resources.files("flowkit.store").joinpath("schema.sql").read_text("utf-8")]
        else:
            steps = [MIGRATIONS[step] for step in range(version, VERSION)]
        for step in steps:
            for statement in _statements(step):
                connection.execute(statement)
        if version < VERSION:
            connection.execute(f"PRAGMA user_version={VERSION}")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; `executescript` would end the transaction that they must be part of."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _refuse_newer(path: Path, connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version > VERSION:
        raise HistoryError(
            f"the history `{path}` was written by a newer flowkit "
            f"(schema {version}; this one knows {VERSION})",
            hints=("upgrade flowkit, or set `FLOWKIT_HOME` to another folder",),
        )


def _make_file(path: Path) -> None:
    """Make the file with its permissions before SQLite would make it with those of the umask."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        _check_file(path)


def _check_file(path: Path) -> None:
    """Refuse what is no plain file of one's own: a link may lead to what must not be touched."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise HistoryError(f"the history `{path}` is a symbolic link", hints=("move the link away",))
    if not stat.S_ISREG(found.st_mode):
        raise HistoryError(f"the history `{path}` is not a file", hints=("move it away",))
    if found.st_nlink > 1:
        raise HistoryError(f"the history `{path}` has another name (a hard link)", hints=("move it away",))


def _reason(path: Path, error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CANTOPEN and not os.access(path.parent, os.W_OK):
        return "cannot be written: its folder is read-only"
    known = {
        sqlite3.SQLITE_FULL: "cannot be written: the disk is full",
        sqlite3.SQLITE_READONLY: "cannot be written: it is read-only",
        sqlite3.SQLITE_CANTOPEN: "cannot be opened",
        sqlite3.SQLITE_BUSY: "is kept busy by another process",
        sqlite3.SQLITE_PERM: "cannot be opened: permission denied",
        sqlite3.SQLITE_IOERR: f"cannot be read or written: {error}",
    }
    return known.get(code, f"cannot be used: {error}")


def _files_are_scarce() -> bool:
    """Whether this process can open few more files, or none: SQLite does not say so."""
    import resource  # for this alone

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        return most != resource.RLIM_INFINITY and len([*Path("/dev/fd").iterdir()]) + _FEW >= most
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)


def _hints(path: Path, error: sqlite3.Error) -> tuple[str, ...]:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR) and _files_are_scarce():
        return ("raise the limit of open files (`ulimit -n`), or use fewer workers",)
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return (f"free space on the disk of `{path.parent}`, or set `FLOWKIT_HOME` to another folder",)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return (_ELSEWHERE,)
    return ()
