"""The file of the history: made once, private, refused where it is not ours, set aside where damaged."""

from __future__ import annotations

import contextlib
import errno
import itertools
import multiprocessing
import os
import resource
import signal
import sqlite3
import stat
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from flowkit.errors import HistoryError
from flowkit.store import database
from flowkit.store.database import open_to_read, open_to_write, transaction


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / database.FILE


def tables(path: Path) -> set[str]:
    connection = open_to_write(path)
    found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    connection.close()
    return found - {"sqlite_sequence"}


def test_a_new_history_has_all_tables_and_is_nobody_elses(path: Path) -> None:
    before = os.umask(0)
    try:
        connection = open_to_write(path)
        connection.execute("INSERT INTO codes VALUES (x'00', '[]')")
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        connection.close()
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}
    assert {"runs", "attempts", "results", "logs", "sessions", "cache", "files"} <= tables(path)


def test_a_umask_that_denies_all_does_not_lock_the_owner_out(path: Path) -> None:
    before = os.umask(0o077)
    try:
        open_to_write(path).close()
    finally:
        os.umask(before)
    assert tables(path)


def test_what_is_not_there_yet_is_read_as_none_and_not_made(path: Path) -> None:
    assert open_to_read(path) is None
    assert not path.exists()
    path.touch(mode=0o600)  # its first writer was killed, or has not got so far
    assert open_to_read(path) is None
    assert tables(path)


def test_a_reader_cannot_write(path: Path) -> None:
    open_to_write(path).close()
    reader = open_to_read(path)
    assert reader is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM runs")
    reader.close()


@pytest.mark.parametrize("opened", [open_to_read, open_to_write])
def test_a_history_of_newer_code_is_refused_and_left_alone(path: Path, opened: object) -> None:
    open_to_write(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    before = path.read_bytes()
    assert callable(opened)
    with pytest.raises(HistoryError, match=r"newer flowkit \(schema 99; this one knows \d+\)"):
        opened(path)
    assert path.read_bytes() == before
    assert database.SET_ASIDE == []


@pytest.fixture
def older(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of this code, seen by code that has a newer schema."""
    open_to_write(path).close()
    monkeypatch.setattr(database, "VERSION", database.VERSION + 1)
    step = "CREATE TABLE more (id INTEGER);\nALTER TABLE runs ADD COLUMN colour TEXT;\n"
    monkeypatch.setitem(database.MIGRATIONS, database.VERSION - 1, step)
    return path


@pytest.mark.parametrize("opened", [open_to_read, open_to_write])
def test_an_older_history_is_migrated_by_whoever_opens_it(older: Path, opened: object) -> None:
    assert callable(opened)
    connection = opened(older)
    assert connection.execute("SELECT COUNT(colour) FROM runs").fetchone() == (0,)
    assert connection.execute("PRAGMA user_version").fetchone() == (database.VERSION,)
    connection.close()


def test_a_migration_that_fails_changes_nothing(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        database.MIGRATIONS,
        database.VERSION - 1,
        "CREATE TABLE more (id INTEGER);\nALTER TABLE nope ADD x;\n",
    )
    with pytest.raises(HistoryError):
        open_to_write(older)
    connection = sqlite3.connect(older)
    assert connection.execute("PRAGMA user_version").fetchone() == (database.VERSION - 1,)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name='more'").fetchone() is None
    connection.close()


def test_a_migration_that_is_killed_anywhere_leaves_the_old_history_or_the_new(older: Path) -> None:
    """Killed before the first, second, … statement, until it gets through; then the next opens it."""
    with contextlib.closing(sqlite3.connect(older)) as connection, connection:
        connection.execute("INSERT INTO codes VALUES (x'01', '[]')")
    before = older.read_bytes()
    for point in itertools.count(1):
        for companion in ("-wal", "-shm"):
            Path(f"{older}{companion}").unlink(missing_ok=True)
        older.write_bytes(before)
        status = migrated_in_child(older, point)
        with contextlib.closing(sqlite3.connect(older)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            [(version,)] = connection.execute("PRAGMA user_version")
            assert version in (database.VERSION - 1, database.VERSION)
            more = connection.execute("SELECT name FROM sqlite_master WHERE name='more'").fetchall()
            assert bool(more) == (version == database.VERSION), "half migrated"
        with contextlib.closing(open_to_write(older)) as connection:
            assert connection.execute("SELECT id, colour FROM more, runs").fetchall() == []
            assert connection.execute("SELECT COUNT(*) FROM codes").fetchone() == (1,)
        if status == 0:
            break
        assert status == -signal.SIGKILL
    assert point > 4, "the statements are not counted"


def migrated_in_child(path: Path, point: int) -> int:
    """Open a history in a process that is killed before its n-th statement; how that ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    class Deadly(sqlite3.Connection):
        left = point

        def execute(self, *given: Any) -> sqlite3.Cursor:
            Deadly.left -= 1
            if not Deadly.left:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().execute(*given)

    connect = sqlite3.connect
    sqlite3.connect = lambda *given, **options: connect(*given, **options, factory=Deadly)  # type: ignore
    open_to_write(path).close()
    os._exit(0)


def make(path: Path, start: Barrier) -> None:
    """One of many processes that begin at once, and each write a row."""
    start.wait()
    connection = open_to_write(path)
    with transaction(connection):
        connection.execute("INSERT INTO codes VALUES (?, '[]')", (str(os.getpid()).encode(),))
    connection.close()


def test_many_processes_that_make_it_at_once_get_one_history(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    processes = [context.Process(target=make, args=(path, start)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    connection = open_to_write(path)
    assert connection.execute("SELECT COUNT(*) FROM codes").fetchone() == (4,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert database.SET_ASIDE == []


@pytest.mark.parametrize("opened", [open_to_read, open_to_write])
def test_links_and_folders_are_refused_and_their_targets_untouched(
    path: Path, tmp_path: Path, opened: object
) -> None:
    assert callable(opened)
    target = tmp_path / "precious"
    target.write_text("mine")
    path.symlink_to(target)
    with pytest.raises(HistoryError, match="symbolic link"):
        opened(path)
    path.unlink()
    path.hardlink_to(target)
    with pytest.raises(HistoryError, match="hard link"):
        opened(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(HistoryError, match="is not a file"):
        opened(path)
    assert target.read_text() == "mine"


@pytest.mark.parametrize("opened", [open_to_read, open_to_write])
def test_what_is_no_database_is_set_aside_and_kept(path: Path, opened: object) -> None:
    assert callable(opened)
    path.write_text("<<<<<<< HEAD\n" * 100)
    connection = opened(path)
    [kept] = database.SET_ASIDE
    assert kept.name.startswith(f"{database.FILE}.corrupt-")
    assert kept.read_text().startswith("<<<<<<<")
    if connection is not None:
        connection.close()
    assert tables(path)


def test_a_history_that_lost_a_table_is_set_aside_where_that_is_found_out(path: Path) -> None:
    connection = open_to_write(path)
    connection.execute("DROP TABLE logs")
    with pytest.raises(HistoryError, match="is damaged") as caught, database.explained(path):
        connection.execute("SELECT * FROM logs")
    connection.close()
    [kept] = database.SET_ASIDE
    assert str(kept) in caught.value.hints[0]
    assert "logs" in tables(path)


def test_a_row_that_is_not_as_it_was_written_is_damage(path: Path) -> None:
    """What the half of a page that is nothing but zeros looks like: a row that has no values."""
    open_to_write(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE loose AS SELECT * FROM runs")
        connection.execute("INSERT INTO loose (number) VALUES (7)")
        [[page]] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name='loose'")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET rootpage=? WHERE name='runs'", (page,))
        connection.commit()
    with pytest.raises(HistoryError, match="is damaged"), database.explained(path):
        raise TypeError("what a value that is missing leads to")
    assert len(database.SET_ASIDE) == 1


@pytest.mark.parametrize("bug", [TypeError(""), ValueError(""), sqlite3.IntegrityError("")])
def test_a_bug_is_not_taken_for_damage_of_a_sound_history(path: Path, bug: Exception) -> None:
    open_to_write(path).close()
    with pytest.raises(type(bug)), database.explained(path):
        raise bug
    assert not database.SET_ASIDE


@pytest.mark.parametrize("opened", [open_to_read, open_to_write])
def test_an_emptied_history_is_set_aside_with_the_log_that_is_of_it(path: Path, opened: object) -> None:
    connection = open_to_write(path)
    connection.execute("INSERT INTO codes VALUES (x'00', '[]')")
    log = Path(f"{path}-wal").read_bytes()
    connection.close()
    path.write_bytes(b"")
    Path(f"{path}-wal").write_bytes(log)
    assert callable(opened)
    found = opened(path)
    if found is not None:
        found.close()
    [kept] = database.SET_ASIDE
    assert Path(f"{kept}-wal").read_bytes() == log


def test_two_that_are_set_aside_in_one_second_have_two_names(path: Path) -> None:
    for _ in range(3):
        path.write_text("no history")
        database.set_aside(path)
    assert len(set(database.SET_ASIDE)) == 3
    assert all(kept.exists() for kept in database.SET_ASIDE)


def test_the_companions_go_with_what_is_set_aside(path: Path) -> None:
    path.write_text("no history")
    Path(f"{path}-wal").write_text("pages")
    kept = database.set_aside(path)
    assert Path(f"{kept}-wal").read_text() == "pages"
    assert not Path(f"{path}-wal").exists()


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    connection = open_to_write(path)
    with pytest.raises(KeyboardInterrupt), transaction(connection):
        connection.execute("INSERT INTO codes VALUES (x'00', '[]')")
        raise KeyboardInterrupt
    assert connection.execute("SELECT * FROM codes").fetchall() == []
    connection.close()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (sqlite3.SQLITE_FULL, "cannot be written: the disk is full"),
        (sqlite3.SQLITE_READONLY, "cannot be written: it is read-only"),
        (sqlite3.SQLITE_BUSY, "is kept busy by another process"),
        (sqlite3.SQLITE_CANTOPEN, "cannot be opened"),
    ],
)
def test_what_sqlite_says_is_said_in_a_sentence_that_names_the_file(path: Path, code: int, says: str) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    with pytest.raises(HistoryError) as caught, database.explained(path):
        raise error
    assert caught.value.message == f"the history `{path}` {says}"


def test_what_was_half_written_when_its_writer_was_killed_is_undone_by_who_only_reads(path: Path) -> None:
    """Until the log is there SQLite writes into the file, and keeps in a journal what was there before."""
    open_to_write(path).close()
    writer = os.fork()
    if not writer:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in ("PRAGMA journal_mode=DELETE", "PRAGMA cache_size=1", "BEGIN IMMEDIATE"):
            connection.execute(statement)
        for number in range(500):
            connection.execute("INSERT INTO codes VALUES (?, ?)", (number.to_bytes(4, "big"), "x" * 1000))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(writer, 0)
    assert Path(f"{path}-journal").stat().st_size > 0
    reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    with contextlib.closing(reader), pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("PRAGMA user_version")
    connection = open_to_read(path)
    assert connection is not None
    assert connection.execute("SELECT COUNT(*) FROM codes").fetchone() == (0,)
    connection.close()


def test_where_no_file_can_be_opened_the_limit_is_named(path: Path) -> None:
    open_to_write(path).close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    taken: list[int] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(HistoryError) as caught, database.explained(path):
            sqlite3.connect(path).execute("SELECT 1 FROM runs")
    finally:
        for each in taken:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "ulimit -n" in caught.value.hints[0]


def test_an_error_of_the_system_is_said_too(path: Path) -> None:
    with (
        pytest.raises(HistoryError, match="cannot be used: No space left on device"),
        database.explained(path),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
