"""`durability="task"`: when something follows from a task, its end and its result are in the file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from run_place import Place

from flowkit import Flow, task
from flowkit.executors import ThreadExecutor
from flowkit.plan.status import SUCCESS


def written() -> list[tuple[int, int, bool]]:
    """Node, status, and whether there is a result, of each attempt that is in the file."""
    with closing(sqlite3.connect(os.environ["HISTORY"])) as connection:
        return connection.execute(
            "SELECT node, status, EXISTS (SELECT 1 FROM results WHERE results.run=attempts.run"
            " AND results.batch=attempts.batch) FROM attempts WHERE attempt > 0"
        ).fetchall()


@task
def first() -> list[int]:
    return [1, 2]


@task
def then(values: list[int]) -> bool:
    return (0, SUCCESS, True) in [(node, status, bool(there)) for node, status, there in written()]


@pytest.mark.parametrize("executor", [None, ThreadExecutor(3)], ids=str)
def test_what_follows_from_a_task_finds_its_end_and_its_result_written(
    place: Place, monkeypatch: pytest.MonkeyPatch, executor: ThreadExecutor | None
) -> None:
    monkeypatch.setenv("HISTORY", str(place.folder / "history.db"))
    with Flow("durable") as flow:
        then(first(task_args={"durability": "task"}))
    assert place.run(flow, executor=executor).value("then") is True
    place.settings = replace(place.settings, durability="task")
    with Flow("setting") as flow:
        then(first())
    assert place.run(flow, executor=executor).value("then") is True


def test_an_attempt_that_was_committed_twice_is_one_attempt(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTORY", str(place.folder / "history.db"))
    place.settings = replace(place.settings, durability="task")
    with Flow("once") as flow:
        then.copy(name="last").bind(first())
    session = place.run(flow)
    assert session.value("last") is True
    assert len(place.rows("SELECT 1 FROM attempts WHERE attempt > 0")) == 2


def test_a_task_may_be_less_careful_than_its_run(place: Place) -> None:
    place.settings = replace(place.settings, durability="task")
    with Flow("mixed") as flow:
        first(task_args={"durability": "batch"})
        first()
    session = place.run(flow)
    assert len(session.outcome.plan.durable) == 1


def test_without_history_a_task_that_asks_for_it_runs_like_others() -> None:
    with Flow("durable") as flow:
        result = first(task_args={"durability": "task"})
    assert flow.run(history=False).result[result].result == [1, 2]
