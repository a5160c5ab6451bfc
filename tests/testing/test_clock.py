"""By a fake clock nothing is waited for, and what takes time takes the same time whatever the lane."""

from __future__ import annotations

import pickle
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import flowkit
from flowkit import Flow, signals, task
from flowkit.schedules import IntervalSchedule
from flowkit.state import Failed, Paused, Success, TimedOut
from flowkit.testing import FakeClock, assert_failed, assert_state, assert_successful, run, run_scheduled

LANES = ["inline", "threads", "coroutines"]
YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(YEAR)


@pytest.mark.parametrize("lane", LANES)
def test_retries_come_at_once_and_the_clock_has_moved(orders: Flow, clock: FakeClock, lane: str) -> None:
    state = run(orders, clock=clock, executor=lane)
    assert_failed(state, "fetch", OSError, match="away")
    assert (clock.elapsed, clock.now) == (3 * 3600, YEAR + timedelta(hours=3))


@pytest.mark.parametrize(("lane", "took"), [("inline", 160), ("threads", 60), ("coroutines", 60)])
def test_who_sleeps_too_long_times_out_and_goes_no_further(clock: FakeClock, lane: str, took: int) -> None:
    went_on = []

    @task(timeout=60)
    def slow() -> None:
        clock.sleep(100)
        went_on.append("slow")

    @task(timeout=timedelta(minutes=1))
    def quick() -> float:
        clock.sleep(timedelta(seconds=50))
        return clock.elapsed

    with Flow("nights") as flow:
        slow()
        quick()
        quick()
    state = run(flow, clock=clock, executor=lane)
    assert_state(state, "slow", TimedOut)
    assert_successful(state, "quick", "quick-2")
    assert (went_on, clock.elapsed) == ([], took)


@pytest.mark.parametrize("lane", LANES)
def test_a_task_that_sleeps_for_just_its_time_has_taken_too_long(clock: FakeClock, lane: str) -> None:
    @task(timeout=60)
    def just() -> None:
        clock.sleep(60)

    with Flow("just") as flow:
        just()
    assert_state(run(flow, clock=clock, executor=lane), "just", TimedOut)
    assert clock.elapsed == 60


def test_who_was_left_behind_does_not_move_the_clock(clock: FakeClock) -> None:
    """Its thread goes on when the run is over."""
    over, slept = threading.Event(), threading.Event()

    @task(timeout=0.05)
    def hangs() -> None:
        over.wait()
        try:
            clock.sleep(1000)
        finally:
            slept.set()

    with Flow("hangs") as flow:
        hangs()
    assert_state(run(flow, clock=clock, executor="threads"), "hangs", TimedOut)
    over.set()
    assert slept.wait(10)
    assert clock.elapsed < 1


def test_coroutines_sleep_side_by_side(clock: FakeClock) -> None:
    @task(timeout=60)
    async def naps(seconds: float) -> float:
        await clock.asleep(seconds)
        return clock.elapsed

    with Flow("naps") as flow:
        naps.map([50, 10, 100])
    state = run(flow, clock=clock)
    assert [child.result for child in state.result["naps"].map_states[:2]] == [50, 10]
    assert_state(state, "naps[2]", TimedOut)
    assert clock.elapsed == 60


def test_the_time_of_the_run_itself_can_be_over(clock: FakeClock) -> None:
    @task
    def sleeps() -> None:
        clock.sleep(100)

    with Flow("long") as flow:
        sleeps()
    state = run(flow, clock=clock, executor="threads", timeout=30)
    assert_failed(state, match="longer than its time limit")
    assert clock.elapsed >= 30
    for thread in threading.enumerate():
        if thread.name.startswith("flowkit-threads"):
            thread.join(10)
            assert not thread.is_alive()


def test_time_stands_still_while_a_task_works(clock: FakeClock) -> None:
    """One works, as it takes a thousand turns; another sleeps when these are over."""
    turns = threading.Semaphore(0)

    @task
    def works() -> float:
        for _ in range(1000):
            turns.release()
        return clock.elapsed

    @task
    def sleeps() -> float:
        for _ in range(1000):
            turns.acquire()
        clock.sleep(5)
        return clock.elapsed

    with Flow("both") as flow:
        works()
        sleeps()
    state = run(flow, clock=clock, executor="threads")
    assert (state.result["works"].result, state.result["sleeps"].result) == (0, 5)


def test_a_task_that_really_hangs_is_given_its_real_time(clock: FakeClock) -> None:
    never = threading.Event()

    @task(timeout=0.05)
    def hangs() -> None:
        never.wait()

    with Flow("hangs") as flow:
        hangs()
    assert_state(run(flow, clock=clock, executor="threads"), "hangs", TimedOut)
    never.set()


def test_a_pause_ends_when_it_should_or_when_somebody_says_so(clock: FakeClock) -> None:
    @task
    def waits(until: datetime | None) -> str:
        if not flowkit.context.get("resume"):
            raise signals.PAUSE("look at it", start_time=until)
        return "went on"

    def made(until: datetime | None) -> Flow:
        with Flow("pauses") as flow:
            waits(until)
        return flow

    assert isinstance(run(made(None)), Paused)
    assert_successful(run(made(None), approve=lambda key: key == "waits"))
    assert_successful(run(made(datetime.now(UTC) + timedelta(days=2)), clock=clock))
    assert clock.elapsed == pytest.approx(2 * 24 * 3600, abs=60)


def test_a_schedule_is_gone_through(clock: FakeClock) -> None:
    @task
    def when() -> tuple[Any, str]:
        return flowkit.context.scheduled_start_time, flowkit.context.today

    with Flow("daily", schedule=IntervalSchedule(interval=timedelta(days=1), start_date=YEAR)) as flow:
        when()
    found = [state.result["when"].result for state in run_scheduled(flow, 3, clock=clock)]
    assert found == [(YEAR + timedelta(days=day), f"2026-01-0{day + 1}") for day in (1, 2, 3)]


def test_the_defaults_of_a_clock_go_after_what_the_test_says() -> None:
    from flowkit import Parameter
    from flowkit.schedules import Schedule
    from flowkit.schedules.clocks import IntervalClock

    @task
    def given(full: bool, day: str) -> tuple[bool, str]:
        return full, day

    every = IntervalClock(timedelta(days=1), YEAR, parameter_defaults={"full": True, "day": "mon"})
    with Flow("daily", schedule=Schedule([every])) as flow:
        given(Parameter("full", default=False), Parameter("day", default="sun"))
    (state,) = run_scheduled(flow, 1, day="tue")
    assert state.result["given"].result == (True, "tue")


def test_a_schedule_is_needed(orders: Flow) -> None:
    with pytest.raises(flowkit.errors.UsageError, match="`orders` has no schedule"):
        run_scheduled(orders, 1)


def test_outside_of_a_run_the_clock_is_put_forward(clock: FakeClock) -> None:
    clock.sleep(10)
    clock.sleep(-5)
    assert clock.elapsed == 10


def test_a_clock_does_not_travel(clock: FakeClock) -> None:
    with pytest.raises(TypeError, match="works in its own process"):
        pickle.dumps(clock)


def test_the_time_of_the_machine_can_be_asked_for() -> None:
    @task(max_retries=1, retry_delay=0.01)
    def fails() -> None:
        raise ValueError

    with Flow("real") as flow:
        fails()
    assert isinstance(run(flow, real_time=True), Failed)


def test_a_paused_task_and_a_retry_do_not_keep_each_other(clock: FakeClock) -> None:
    tries = []

    @task(max_retries=1, retry_delay=60)
    def second_time() -> None:
        tries.append(clock.elapsed)
        if len(tries) < 2:
            raise ValueError

    @task
    def waits() -> None:
        if not flowkit.context.get("resume"):
            raise signals.PAUSE

    with Flow("both") as flow:
        second_time()
        waits()
    state = run(flow, clock=clock, approve=lambda key: True)
    assert isinstance(state, Success)
    assert tries == [0, 60]
