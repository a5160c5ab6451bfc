"""How far a task is, as it says itself: told to who wants to know, from wherever it runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import flowkit
from flowkit import Flow, context, task
from flowkit.engine.context import CURRENT
from flowkit.engine.executors import LocalExecutor, ProcessExecutor, ThreadExecutor
from flowkit.plan.events import Call, Report
from flowkit.plan.status import RUNNING

_LONGEST = 20.0  # seconds


class Hearer:
    """Keeps what it hears, in order with the starts and ends; opens a gate when it hears something.

    Args:
        waits_for: reports of these numbers of what is done open the gate, once each.
    """

    def __init__(self, gate: Any = None, waits_for: tuple[float, ...] = ()) -> None:
        self._gate = gate
        self._waits_for = list(waits_for)
        self.reports: list[tuple[Call, Report]] = []
        self.told: list[str] = []

    def begin(self, engine: Any) -> None:
        pass

    def see(self, rows: Any, lines: Any) -> None:
        self.told += ["start" if row[3] == RUNNING else "end" for row in rows]

    def report(self, reports: Mapping[Call, Report]) -> None:
        self.told.append("report")
        self.reports += reports.items()
        for report in reports.values():
            if report.done in self._waits_for:
                self._waits_for.remove(report.done)
                self._gate.open()

    def end(self, outcome: Any) -> None:
        pass


def wait_at(path: str) -> None:
    """Until the test lets it go on."""
    with Path(path).open("rb", buffering=0) as pipe:
        pipe.read(1)


@task
def loop(path: str) -> None:
    for number in flowkit.progress(range(10)):
        if number == 0:
            wait_at(path)
    context.progress(7.5, 15)
    wait_at(path)


@task
async def loop_async(path: str) -> None:
    for number in flowkit.progress(iter(range(10)), total=10):
        if number == 0:
            await asyncio.to_thread(wait_at, path)
    context.progress(7.5, 15)
    await asyncio.to_thread(wait_at, path)


@pytest.mark.parametrize(
    ("made", "executor"),
    [
        (loop, ThreadExecutor(2)),
        (loop, LocalExecutor()),
        (loop, ProcessExecutor(1)),
        (loop_async, ThreadExecutor(1)),
    ],
    ids=["threads", "inline", "processes", "coroutines"],
)
def test_who_wants_to_know_hears_while_the_task_runs(
    carry_out: Any, gate: Any, made: Any, executor: Any
) -> None:
    with Flow("f") as flow:
        made(gate.path)
    hearer = Hearer(gate, waits_for=(0, 7.5))
    assert carry_out(flow, executor, observers=[hearer]).state.is_successful()
    assert hearer.reports[0][1] == Report(0, 10)
    assert hearer.reports[-1][1] == Report(7.5, 15)
    assert {call[1:] for call, _ in hearer.reports} == {(-1, 1)}
    assert hearer.told[0] == "start"
    assert hearer.told[-1] == "end"


def test_a_child_of_a_mapped_task_says_it_for_itself(carry_out: Any, gate: Any) -> None:
    with Flow("f") as flow:
        loop.map([gate.path, gate.path])
    hearer = Hearer(gate, waits_for=(0, 0, 7.5, 7.5))
    carry_out(flow, ThreadExecutor(2), observers=[hearer])
    assert {call[1] for call, _ in hearer.reports} == {0, 1}


def test_a_thread_that_a_task_starts_says_it_for_the_task(carry_out: Any, gate: Any) -> None:
    @task
    def starts() -> None:
        thread = threading.Thread(target=context.progress, args=(3,))
        thread.start()
        thread.join()
        wait_at(gate.path)

    with Flow("f") as flow:
        starts()
    hearer = Hearer(gate, waits_for=(3,))
    carry_out(flow, ThreadExecutor(1), observers=[hearer], capture=True)
    assert [report for _, report in hearer.reports] == [Report(3)]


def test_outside_of_a_task_it_only_goes_through() -> None:
    assert list(flowkit.progress(iter("abc"))) == ["a", "b", "c"]
    assert list(flowkit.progress([])) == []
    context.progress(1, 2)


def test_items_come_as_they_are_and_the_loop_may_be_left(carry_out: Any) -> None:
    @task
    def leaves() -> list[int]:
        found = []
        for number in flowkit.progress(iter(range(10))):
            found.append(number)
            if number == 2:
                break
        return found

    with Flow("f") as flow:
        made = leaves()
    assert carry_out(flow, observers=[Hearer()]).state.result[made].result == [0, 1, 2]


def test_an_error_of_the_iterable_is_the_tasks_own(carry_out: Any) -> None:
    def broken() -> Any:
        yield 1
        raise OSError("the disk is gone")

    @task
    def reads() -> list[int]:
        return list(flowkit.progress(broken()))

    with Flow("f") as flow:
        made = reads()
    assert "the disk is gone" in carry_out(flow).state.result[made].message


def test_of_very_many_reports_few_are_told(carry_out: Any, gate: Any) -> None:
    """However many there are, only the latest of each tenth of a second counts."""

    @task
    def hurries() -> None:
        for number in range(20_000):
            context.progress(number, 20_000)
        context.progress(20_000, 20_000)
        wait_at(gate.path)

    with Flow("f") as flow:
        hurries()
    hearer = Hearer(gate, waits_for=(20_000,))
    outcome = carry_out(flow, ThreadExecutor(1), observers=[hearer])
    assert 1 <= len(hearer.reports) <= 2 + outcome.duration / 0.1


def test_a_fast_loop_asks_no_more_than_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop of a hundred turns that take 10 ms each, by a clock of the test's."""
    now = 0.0

    reports: list[Report] = []

    class Run:
        def report(self, call: Call, report: Report) -> None:
            reports.append(report)

    monkeypatch.setattr("flowkit.engine.progress.time.monotonic", lambda: now)
    token = CURRENT.set((Run(), (0, -1, 1)))  # type: ignore[arg-type]
    try:
        for _ in flowkit.progress(range(100)):
            now += 0.01
    finally:
        CURRENT.reset(token)
    assert len(reports) <= 12
    assert reports[0] == Report(0, 100)
    assert reports[-1] == Report(100, 100)


def test_numbers_of_any_kind_are_taken_and_nothing_else_is() -> None:
    assert Report.of(Fraction(1, 2), True) == Report(0.5, 1)
    assert Report.of(1, float("inf")) == Report(1, None)
    assert Report.of(1, 0) == Report(1, None)
    assert Report.of(float("nan"), float("nan")) == Report(0, None)
    with pytest.raises(TypeError):
        Report.of("1")
    with pytest.raises(TypeError):
        context.progress(None)  # type: ignore[arg-type]


def test_a_hearer_that_fails_is_told_nothing_more_and_the_run_goes_on(carry_out: Any, gate: Any) -> None:
    class Broken(Hearer):
        def report(self, reports: Mapping[Call, Report]) -> None:
            raise ValueError("no")

    with Flow("f") as flow:
        loop(gate.path)
    hearer = Hearer(gate, waits_for=(0, 7.5))
    assert carry_out(flow, ThreadExecutor(1), observers=[Broken(), hearer]).state.is_successful()


def test_what_is_said_before_it_is_known_that_the_task_has_begun_is_told_then(
    carry_out: Any, gate: Any
) -> None:
    """A task that was sent together with the one before it begins before that is known here."""

    @task
    def before(number: int) -> int:
        return number

    @task
    def slow(number: int) -> None:
        context.progress(0.5)
        wait_at(gate.path)

    with Flow("f") as flow:
        made: Any = 1
        for _ in range(100):
            made = before(made)
        slow(made)
    hearer = Hearer(gate, waits_for=(0.5,))
    assert carry_out(flow, ProcessExecutor(1), observers=[hearer]).state.is_successful()
    assert [report for _, report in hearer.reports] == [Report(0.5)]
