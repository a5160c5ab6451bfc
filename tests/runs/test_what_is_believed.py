"""What is remembered is what happened: no late end, no run without a recorder, nothing that is damaged."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import Any

import pytest
from run_place import Place

from flowkit import Flow, task
from flowkit.engine.engine import Engine
from flowkit.errors import HistoryError
from flowkit.executors import ThreadExecutor
from flowkit.plan.status import RUNNING, TIMED_OUT
from flowkit.store import database, owners
from flowkit.store.run_status import RunStatus


@task(cache=True)
def square(number: int) -> list[int]:
    print("squared")
    return [number * number]


def squares() -> Flow:
    with Flow("squares") as flow:
        square(3)
    return flow


def test_a_durable_end_that_comes_after_the_time_limit_is_not_written(place: Place) -> None:
    engines: list[Engine] = []
    begun, go, threads = threading.Event(), threading.Event(), list[threading.Thread]()

    @task(durability="task", timeout=0.05)
    def late() -> int:
        threads.append(threading.current_thread())
        begun.set()
        go.wait()
        return 7

    @task
    def other() -> None:
        begun.wait()
        node = engines[0].plan.keys.index("late")
        while engines[0].machine.status[node] == RUNNING:
            threading.Event().wait(0.005)
        go.set()
        threads[0].join()

    with Flow("f") as flow:
        late()
        other()
    session = place.run(flow, executor=ThreadExecutor(3), change=engines.append)
    node = session.outcome.plan.keys.index("late")
    assert place.rows("SELECT status FROM attempts WHERE node=? AND attempt=1", node) == [(TIMED_OUT,)]


def test_a_run_whose_recorder_meets_a_bug_is_no_success(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Engine, "masked", broken)
    session = place.run(squares())
    assert not session.outcome.state.is_successful()
    assert place.rows("SELECT status FROM runs") == [(RunStatus.FAILED,)]


@pytest.mark.parametrize("damage", ["log='[['", "log='[1]'", "data='text'", "data=x'00'", "used='x'"])
def test_a_damaged_entry_is_a_miss(place: Place, damage: str) -> None:
    place.run(squares())
    with closing(sqlite3.connect(place.folder / database.FILE)) as connection, connection:
        connection.execute(f"UPDATE cache SET {damage}")
    assert place.run(squares()).state("square") == "Success"
    assert place.run(squares()).state("square") == "Cached"


def test_a_new_history_begins_while_a_run_of_the_one_set_aside_goes_on(place: Place) -> None:
    place.memory().close()
    assert owners.claim(place.folder, 1)  # that run; a lock is of this process or of another
    try:
        assert place.run(squares()).number == 2
    finally:
        owners.release(place.folder, 1)


def test_a_history_that_is_whole_is_not_set_aside_for_one_that_was_before_it(place: Place) -> None:
    place.run(squares())
    damage = sqlite3.DatabaseError("database disk image is malformed")
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT  # as an older connection says, to the file that was here
    path = place.folder / database.FILE
    with pytest.raises(HistoryError), database.explained(path):
        raise damage
    assert place.rows("SELECT number FROM runs") == [(1,)]
