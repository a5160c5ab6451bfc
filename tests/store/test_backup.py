"""A copy of the history: whole, private, and made while runs go on."""

from __future__ import annotations

import sqlite3
import stat
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
from made_history import MadeHistory, row

from flowkit.errors import HistoryError, UsageError
from flowkit.plan.status import SUCCESS
from flowkit.store.backup import back_up
from flowkit.store.history import History

# What Python 3.12 on asks for, and 3.11 has from 3.11.4 on.
SAFELY: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


BEFORE = b"SQLite format 3\0 and more"


def test_a_copy_is_one_private_file_that_can_be_read_as_a_history(made: MadeHistory, tmp_path: Path) -> None:
    run = made.run()
    target = tmp_path / "copy" / "history.db"
    target.parent.mkdir()
    assert back_up(made.folder, target).runs == 1
    assert [path.name for path in target.parent.iterdir()] == ["history.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with History(target.parent) as history:
        assert history.find("latest").number == run


def test_an_archive_has_the_results_and_the_registry_too(made: MadeHistory, tmp_path: Path) -> None:
    made.run(large=b"x" * 70_000), made.run(large=b"x" * 70_000)
    registry = made.folder / "registry.toml"
    registry.write_text("schema = 1\n")
    target = tmp_path / "kept.tar.gz"
    copied = back_up(made.folder, target, (registry, made.folder / "missing"))
    assert (copied.runs, copied.files, copied.missing) == (2, 1, 0)
    with tarfile.open(target) as tar:
        assert {entry.mode for entry in tar} == {0o600}
        tar.extractall(tmp_path / "again", **SAFELY)
    again = tmp_path / "again"
    assert (again / "registry.toml").read_text() == "schema = 1\n"
    [file] = (again / "results").rglob("*/*")
    assert file.read_bytes() == b"x" * 70_000
    with History(again) as history:
        assert len(history.runs()) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "kept.tar.gz", "state"]


def test_a_copy_that_is_made_while_a_run_writes_is_sound(made: MadeHistory, tmp_path: Path) -> None:
    journal = made.begun("etl", ["load"], {})
    enough = threading.Event()

    def write() -> None:
        for attempt in range(1, 2000):
            journal.append([row(0, SUCCESS, attempt=attempt)], {}, [0])
            if enough.is_set():
                return

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(5):
        target = tmp_path / f"{number}.db"
        back_up(made.folder, target)
        copy = sqlite3.connect(target)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        [attempts] = copy.execute("SELECT COUNT(*) FROM attempts").fetchone()
        [results] = copy.execute("SELECT COUNT(*) FROM results WHERE batch>=0").fetchone()
        assert attempts == results  # of one commit are both or neither
        copy.close()
    enough.set()
    writer.join()


def test_a_file_that_retention_has_taken_is_counted(made: MadeHistory, tmp_path: Path) -> None:
    made.run(large=b"x" * 70_000)
    next(made.results.rglob("*/*")).unlink()
    assert back_up(made.folder, tmp_path / "kept.tgz").missing == 1


def test_what_was_there_before_stays_when_a_copy_fails(made: MadeHistory, tmp_path: Path) -> None:
    made.run()
    target = tmp_path / "kept.db"
    target.write_bytes(BEFORE)
    made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()
    whole = made.path.read_bytes()
    for damaged in (whole[:5000], whole[:4096] + b"\xff" * (len(whole) - 4096)):
        made.path.write_bytes(damaged)
        with pytest.raises(HistoryError, match="is damaged"):
            back_up(made.folder, target)
    assert target.read_bytes() == BEFORE
    assert {path.name for path in tmp_path.iterdir()} == {"kept.db", "state"}


def test_places_that_do_not_serve_are_refused(made: MadeHistory, tmp_path: Path) -> None:
    for target, says in (
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "where.db", "there is no folder"),
        (made.path, "is the history itself"),
    ):
        with pytest.raises(UsageError, match=says):
            back_up(made.folder, target)
    with pytest.raises(UsageError, match="there is no history yet"):
        back_up(tmp_path / "nowhere", tmp_path / "kept.db")


@pytest.mark.parametrize("name", ["kept.db", "kept.tar.gz"])
def test_a_copy_replaces_the_one_before_it_and_nothing_else(
    made: MadeHistory, tmp_path: Path, name: str
) -> None:
    made.run()
    target = tmp_path / name
    back_up(made.folder, target)
    made.run()
    assert back_up(made.folder, target).runs == 2
    target.write_text("precious")
    with pytest.raises(UsageError, match="is there, and is no backup"):
        back_up(made.folder, target)
    assert target.read_text() == "precious"


def test_an_archive_of_another_kind_is_refused_with_the_kind_that_there_is(
    made: MadeHistory, tmp_path: Path
) -> None:
    made.run()
    with pytest.raises(UsageError, match="would be no such archive") as caught:
        back_up(made.folder, tmp_path / "kept.zip")
    assert caught.value.hints == (f"say `{tmp_path / 'kept.tar.gz'}`",)
