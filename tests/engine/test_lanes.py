"""What holds for one executor only: how inline tasks are interrupted, and how threads are left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest

from flowkit import Flow, task
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.errors import UsageError


@task
def number(value: int) -> int:
    return value


@task
def wait_at(path: str) -> int:
    """Wait until the gate is opened."""
    end = os.open(path, os.O_RDWR)
    try:
        os.read(end, 1)
    finally:
        os.close(end)
    return 1


@pytest.mark.parametrize("workers", [0, -1, True, 2.5, "two"])
def test_a_number_of_workers_is_one_or_more(workers: Any) -> None:
    with pytest.raises(UsageError, match="must be 1 or more"):
        ThreadExecutor(workers)


def test_an_inline_task_that_swallows_its_interruption_is_timed_out_all_the_same(
    carry_out: Any, gate: Any
) -> None:
    with Flow("stubborn") as flow:
        made = stubborn(gate.path)
        other = number(1)
    states = carry_out(flow, LocalExecutor()).state.result
    assert type(states[made]).__name__ == "TimedOut"
    assert states[other].result == 1


@task(timeout=0.02)
def stubborn(path: str) -> str:
    try:
        wait_at.run(path)
    except BaseException:
        return "went on"
    return "was let go"


def test_an_inline_task_outside_of_the_main_thread_is_timed_out_when_it_returns(carry_out: Any) -> None:
    with Flow("slow") as flow:
        made = busy(0.02)
    states: list[Any] = []
    run = threading.Thread(target=lambda: states.append(carry_out(flow, LocalExecutor()).state.result[made]))
    run.start()
    run.join()
    assert [type(state).__name__ for state in states] == ["TimedOut"]


def test_a_run_within_an_inline_task_keeps_the_limit_of_that_task(carry_out: Any, gate: Any) -> None:
    with Flow("inner") as inner:
        wait_at(gate.path)

    @task(timeout=0.1)
    def outer() -> None:
        inner.run(executor=LocalExecutor())

    with Flow("outer") as flow:
        made = outer()
        other = number(1)
    states = carry_out(flow, LocalExecutor()).state.result
    assert type(states[made]).__name__ == "TimedOut"
    assert states[other].result == 1


def test_an_inline_task_is_interrupted_by_the_limit_of_the_run(carry_out: Any, gate: Any) -> None:
    with Flow("stopped") as flow:
        hanging = wait_at(gate.path)
        after = number(hanging)
    outcome = carry_out(flow, LocalExecutor(), timeout=0.05)
    states = [type(outcome.state.result[made]).__name__ for made in (hanging, after)]
    assert states == ["Cancelled", "Cancelled"]
    assert (outcome.exit_code, outcome.left_behind) == (124, ())


def test_no_timer_goes_on_after_an_inline_task_with_a_limit(carry_out: Any) -> None:
    with Flow("quick") as flow:
        number.copy(timeout=60)(1)
    carry_out(flow, LocalExecutor())
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@task(timeout=0.001)
def busy(seconds: float) -> int:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass
    return 1


class _Staged(ThreadExecutor):
    """One worker, whose answer is on its way just when its time limit is found to be over.

    It replays one order of events that two threads can take: the worker has looked whether it was left
    behind, and waits for the lock; the engine gives its call up; the worker gets the lock.
    """

    def start(self, lane: Any) -> Any:  # of any kind, as its methods are replaced
        answering, given_up, taken = threading.Event(), threading.Event(), threading.Event()
        exchange = lane.exchange

        def staged(finished: Any) -> Any:
            if finished is None:
                if answering.is_set():
                    taken.wait()
                return exchange(finished)
            if answering.is_set():
                return exchange(finished)
            answering.set()
            given_up.wait()
            call = exchange(finished)
            taken.set()
            return call

        lane.exchange = staged
        crew: Any = super().start(lane)
        abandon = crew.abandon

        def abandoned(call: Any) -> None:
            go_on.set()
            answering.wait()
            abandon(call)
            given_up.set()

        crew.abandon = abandoned
        return crew


go_on = threading.Event()


@task(timeout=0.01)
def until_given_up() -> int:
    go_on.wait()
    return 1


def test_a_worker_that_answers_while_it_is_given_up_loses_no_call(carry_out: Any) -> None:
    go_on.clear()
    with Flow("crossing") as flow:
        until_given_up()
        others = [number(value) for value in range(3)]
    outcome = carry_out(flow, _Staged(1), timeout=1.0)
    assert all(outcome.state.result[made].is_successful() for made in others)
