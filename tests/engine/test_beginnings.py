"""What is stopped while it runs has run since it began."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from flowkit import Flow, task
from flowkit.engine.beginnings import Beginnings
from flowkit.engine.engine import Engine
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.engine.executors.base import Executor
from flowkit.engine.outcome import Outcome
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Row
from flowkit.plan.machine import Machine
from flowkit.plan.status import CANCELLED, RUNNING, SUCCESS

over = threading.Event()


@task
def stuck(number: int) -> None:
    over.wait(30.0)


@pytest.fixture(autouse=True)
def released() -> Iterator[None]:
    """Ends what was left behind."""
    over.clear()
    yield
    over.set()


def wide(count: int) -> Flow:
    with Flow("wide") as flow:
        for number in range(count):
            stuck(number)
    return flow


class Seen:
    """An observer that keeps the rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def begin(self, engine: Engine) -> None:
        """Nothing has happened yet."""

    def see(self, rows: Sequence[Row], lines: Any) -> None:
        self.rows += rows

    def end(self, outcome: Outcome) -> None:
        """All has been seen."""


@pytest.mark.parametrize("executor", [ThreadExecutor(2), LocalExecutor()], ids=repr)
def test_an_attempt_that_the_run_s_limit_stops_is_told_with_its_beginning(executor: Executor) -> None:
    seen = Seen()
    plan = compile_flow(wide(1), lane=executor.name)
    Engine(plan, [executor], observers=[seen], timeout=0.2).run()
    [began] = [row[4] for row in seen.rows if row[3] == RUNNING]
    [(started, ended)] = [row[4:6] for row in seen.rows if row[3] == CANCELLED]
    assert started == began
    assert ended - started >= 0.15


@pytest.mark.parametrize("told_before", [0, 1, 2, 3])
def test_it_does_not_matter_in_which_batch_the_beginning_was_told(told_before: int) -> None:
    machine = Machine(compile_flow(wide(3), lane="inline"))
    machine.start(0.0)
    beginnings, calls, rows = Beginnings(machine), [], []

    def drain() -> None:
        rows.extend(beginnings.told(machine.events))
        machine.events = []

    for number in range(3):
        if number == told_before:
            drain()
        call = machine.take(0, 1.0 + number)
        assert call is not None
        calls.append(call)
    if told_before == 3:
        drain()
    machine.done((*calls[0], SUCCESS, 1.0, 4.0, None, None))
    drain()
    machine.abandon(9.0)
    drain()
    ends = {row[0]: row[3:6] for row in rows if row[3] != RUNNING}
    assert [ends[call[0]] for call in calls] == [
        (SUCCESS, 1.0, 4.0),
        (CANCELLED, 2.0, 9.0),
        (CANCELLED, 3.0, 9.0),
    ]


def test_what_never_began_has_no_beginning() -> None:
    machine = Machine(compile_flow(wide(2), lane="inline"))
    machine.start(0.0)
    machine.take(0, 1.0)
    machine.abandon(5.0)
    rows = Beginnings(machine).told(machine.events)
    assert [row[2:6] for row in rows if row[3] == CANCELLED] == [
        (1, CANCELLED, 1.0, 5.0),
        (0, CANCELLED, 5.0, 5.0),
    ]
