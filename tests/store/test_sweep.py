"""The sweep: runs whose process is gone are crashed, those that live are never touched."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import zlib
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from made_history import BEGAN, MadeHistory, line, row

from flowkit.plan.events import Detail
from flowkit.plan.status import FAILED, RETRYING, RUNNING, SUCCESS, Status
from flowkit.store import database, owners
from flowkit.store.history import History
from flowkit.store.run_status import RunStatus
from flowkit.store.sweep import CANCELLED_BY_COMMAND, REASON, sweep


def test_a_run_whose_process_is_gone_is_crashed_and_its_open_attempts_are_lost(made: MadeHistory) -> None:
    run = made.crashed(lines=[line("last words")])
    [swept] = sweep(made.folder)
    assert (swept.number, swept.status, swept.reason) == (run, RunStatus.CRASHED, REASON)
    with History(made.folder) as history:
        assert history.find("failed") == swept
        load, clean = history.attempts(swept)
        assert history.sessions(swept)[0].ended == swept.ended
    assert load.status is Status.SUCCESS
    assert clean.status is Status.CANCELLED
    assert clean.detail == {"lost": True, "message": "The process that ran it was gone."}
    assert swept.ended == clean.ended == BEGAN + 1
    assert swept.counts == {"ok": 1, "cancelled": 1}


def test_the_end_is_the_latest_sign_of_life_and_never_before_the_beginning(made: MadeHistory) -> None:
    made.crashed(rows=())
    [swept] = sweep(made.folder)
    assert swept.ended == swept.started
    assert swept.duration == 0


def test_a_second_sweep_finds_nothing(made: MadeHistory) -> None:
    made.crashed()
    assert sweep(made.folder)
    assert sweep(made.folder) == []


def test_a_run_of_this_process_that_goes_on_is_left_alone(made: MadeHistory) -> None:
    made.run(None)
    assert sweep(made.folder) == []
    with History(made.folder) as history:
        assert history.find("latest").status is RunStatus.RUNNING


def hold(folder: Path, place: int, pipe: Connection) -> None:
    """Another process that owns a run until it is told to end."""
    assert owners.claim(folder, place)
    pipe.send("held")
    pipe.recv()
    os._exit(9)


def test_a_run_of_another_process_is_left_alone_until_that_ends(made: MadeHistory) -> None:
    run = made.crashed()
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(made.folder, run, there))
    process.start()
    assert here.recv() == "held"
    assert sweep(made.folder) == []
    here.send("end")
    process.join()
    assert [swept.number for swept in sweep(made.folder)] == [run]


def test_a_run_that_was_killed_by_cancel_is_cancelled(made: MadeHistory) -> None:
    run = made.crashed()
    made.connection.execute("UPDATE runs SET reason=? WHERE number=?", (CANCELLED_BY_COMMAND, run))
    [swept] = sweep(made.folder)
    assert (swept.status, swept.reason) == (RunStatus.CANCELLED, CANCELLED_BY_COMMAND)


def test_children_count_instead_of_their_mapped_task_and_by_their_last_attempt(made: MadeHistory) -> None:
    rows = [
        row(1, 4, attempt=2),
        row(1, 3, child=0),
        row(1, SUCCESS, child=0, attempt=2),
        row(1, RUNNING, child=1, took=None),
    ]
    made.crashed(rows)
    assert sweep(made.folder)[0].counts == {"ok": 1, "cancelled": 1}


def test_what_waited_for_another_attempt_counts_as_cancelled(made: MadeHistory) -> None:
    made.crashed([row(0, SUCCESS), row(1, RETRYING, detail=Detail(retry_in=60.0))])
    assert sweep(made.folder)[0].counts == {"ok": 1, "cancelled": 1}


def test_what_only_carries_values_is_not_counted(made: MadeHistory) -> None:
    journal = made.begun("etl", ["a", "b"], {})
    document = zlib.compress(json.dumps({"keys": ["a", "b"], "hidden": [0]}).encode())
    made.connection.execute("UPDATE outlines SET document=?", (document,))
    journal.append([row(0, SUCCESS), row(1, FAILED)], {}, [0, 0])
    owners.release(made.folder, journal.run)
    assert sweep(made.folder)[0].counts == {"failed": 1}


def test_what_killed_writers_have_begun_is_removed(made: MadeHistory) -> None:
    made.crashed()
    torn = made.results / ".999999999-aa.tmp"
    torn.touch()
    sweep(made.folder)
    assert not torn.exists()


def test_where_nothing_can_be_written_it_is_only_reported(
    made: MadeHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made.crashed()
    made.connection.execute("UPDATE sessions SET boot='an earlier start of the machine'")

    def refuse(folder: Path, place: int) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(owners, "is_owned", refuse)
    monkeypatch.setattr(owners, "claim", refuse)
    [swept] = sweep(made.folder)
    assert (swept.number, swept.status) == (run, RunStatus.CRASHED)
    with History(made.folder, [run]) as history:
        assert history.find("failed").number == run
        assert history.runs(status=RunStatus.RUNNING) == []
    assert made.rows("SELECT status FROM runs") == [(RunStatus.RUNNING,)]


def test_without_locks_a_process_that_is_there_is_left_alone(
    made: MadeHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.crashed()

    def refuse(folder: Path, place: int) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(owners, "is_owned", refuse)
    assert sweep(made.folder) == []
    made.connection.execute("UPDATE sessions SET host='elsewhere', boot=''")
    assert sweep(made.folder) == []


def test_a_writer_that_does_not_let_go_is_not_waited_for_long(
    made: MadeHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.crashed()
    monkeypatch.setattr("flowkit.store.sweep._PATIENCE", 1)
    other = sqlite3.connect(made.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert [run.status for run in sweep(made.folder)] == [RunStatus.CRASHED]
    other.execute("ROLLBACK")
    other.close()
    assert made.rows("SELECT status FROM runs") == [(RunStatus.RUNNING,)]


def test_no_history_and_a_damaged_one_have_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep(tmp_path) == []
    (tmp_path / database.FILE).write_bytes(b"this is no history")
    assert sweep(tmp_path) == []
    assert len(database.SET_ASIDE) == 1
