"""Limits in real runs: how much goes on at once, and who is let go on when something is free."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from flowkit import Flow, task
from flowkit.engine.engine import Engine
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.engine.limiting import waits
from flowkit.engine.outcome import Outcome
from flowkit.plan.compiler import compile_flow
from flowkit.plan.limits import Limit, limits_of

PATIENCE = 20.0
GIB = 1 << 30


def run(flow: Flow, workers: int = 4, declared: dict[str, Limit] | None = None, **options: Any) -> Outcome:
    """Run a flow in threads, on a machine with 2 processors and 8 GiB."""
    return engine_of(flow, workers, declared, **options).run()


def engine_of(flow: Flow, workers: int, declared: dict[str, Limit] | None = None, **options: Any) -> Engine:
    plan = compile_flow(flow)
    options.setdefault("timeout", PATIENCE)
    limits = limits_of(plan, declared or {}, 2, 8 * GIB)
    lanes = [ThreadExecutor(workers), *(LocalExecutor() for _ in plan.lanes[1:])]
    return Engine(plan, lanes, limits=limits, **options)


class Meeting:
    """Where so many calls meet before any goes on, and it is seen that there are never more.

    Args:
        size: how many meet; what comes alone waits for the run's time limit.
    """

    def __init__(self, size: int) -> None:
        self._barrier = threading.Barrier(size)
        self._lock = threading.Lock()
        self._there = 0
        self.most = 0

    def attend(self) -> None:
        with self._lock:
            self._there += 1
            self.most = max(self.most, self._there)
        self._barrier.wait(PATIENCE)
        with self._lock:
            self._there -= 1
        self._barrier.wait(PATIENCE)  # nobody comes before all have left


def attending(meeting: Meeting, **options: Any) -> Any:
    @task(**options)
    def attend(number: int = 0) -> None:
        meeting.attend()

    return attend


def test_no_more_calls_run_at_once_than_the_limit_says() -> None:
    meeting = Meeting(2)
    attend = attending(meeting, limits={"db": 2})
    with Flow("f") as flow:
        for _ in range(6):
            attend()
    assert run(flow).state.is_successful()
    assert meeting.most == 2


def test_children_of_a_mapped_task_count_each_and_with_those_of_others() -> None:
    meeting = Meeting(2)
    with Flow("f") as flow:
        attending(meeting, limits={"db": 5}).map(list(range(5)))
        attending(meeting, tags={"db"})()
    assert run(flow, declared={"db": Limit(2)}).state.is_successful()
    assert meeting.most == 2


def test_who_waits_is_in_nobodys_way() -> None:
    go_on = threading.Event()

    @task(limits={"db": 1})
    def hold(number: int) -> bool:
        return go_on.wait(PATIENCE)

    @task(priority=-1)
    def open_it() -> None:
        go_on.set()

    with Flow("f") as flow:
        hold.map([1, 2, 3])
        open_it()
    assert run(flow, workers=2).state.is_successful()


def test_a_retry_waits_without_its_slot() -> None:
    order = []

    @task(limits={"db": 1}, max_retries=1, retry_delay=0.05, priority=1)
    def fails_once() -> None:
        order.append("first")
        if len(order) < 2:
            raise ValueError("not yet")

    @task(limits={"db": 1})
    def other() -> None:
        order.append("other")

    with Flow("f") as flow:
        fails_once()
        other()
    assert run(flow, workers=1).state.is_successful()
    assert order == ["first", "other", "first"]


def test_an_attempt_that_is_given_up_in_a_thread_has_no_slot_any_more() -> None:
    go_on = threading.Event()

    @task(limits={"db": 1}, timeout=0.05, priority=1)
    def hangs() -> None:
        go_on.wait(PATIENCE)

    @task(limits={"db": 1})
    def follows() -> None:
        go_on.set()

    with Flow("f") as flow:
        hangs()
        follows()
    outcome = run(flow)
    assert [row[1].name for row in _ends(outcome)] == ["TIMED_OUT", "SUCCESS"]


def _ends(outcome: Outcome) -> list[tuple[str, Any]]:
    from flowkit.plan.status import Status

    keys = outcome.plan.keys
    return sorted(
        ((key, Status(status)) for key, status in zip(keys, outcome.engine.machine.status, strict=True)),
        key=lambda end: end[0] != "hangs",
    )


@pytest.mark.parametrize("options", [{"cpus": 1}, {"memory": "4 GiB"}, {"cpus": 0.5, "memory": "3 GiB"}])
def test_calls_are_packed_into_the_machine(options: dict[str, Any]) -> None:
    meeting = Meeting(2)
    with Flow("f") as flow:
        attending(meeting, **options).map(list(range(6)))
    assert run(flow).state.is_successful()
    assert meeting.most == 2


def test_a_call_that_wants_more_than_there_is_runs_alone_among_those_that_are_packed() -> None:
    meeting = Meeting(1)
    with Flow("f") as flow:
        attending(meeting, memory="64 GiB")()
        attending(meeting, memory="5 GiB").map([1, 2, 3])
    assert run(flow).state.is_successful()
    assert meeting.most == 1


def test_limits_hold_across_lanes() -> None:
    meeting = Meeting(1)
    with Flow("f") as flow:
        attending(meeting, limits={"db": 1}, executor="inline").map([1, 2, 3])
        attending(meeting, limits={"db": 1}).map([1, 2, 3])
    assert run(flow).state.is_successful()
    assert meeting.most == 1


def test_what_is_waited_for_can_be_asked_for() -> None:
    inside, go_on = threading.Event(), threading.Event()

    @task(limits={"db": 1})
    def hold(number: int) -> None:
        inside.set()
        go_on.wait(PATIENCE)

    with Flow("f") as flow:
        hold.map([1, 2])
    engine = engine_of(flow, 2)
    said: Callable[[], list[str]] = lambda: [text for _, text in waits(engine)]  # noqa: E731
    running = threading.Thread(target=engine.run)
    running.start()
    inside.wait(PATIENCE)
    with engine.lock:
        engine.machine.ready(0)
    assert said() == ["waiting for `db`"]
    go_on.set()
    running.join(PATIENCE)
    assert said() == []
