"""Group 12 of classic's rules, signals, retries, loops and timeouts, as whole flows."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

UTC = timezone.utc  # noqa: UP017 - `datetime.UTC` is younger than classic


def state_of(raised: BaseException, **options: Any) -> Any:
    """How a task ends that raises this."""
    from prefect import Flow, task

    @task(**options)
    def end():
        raise raised

    with Flow("f") as flow:
        last = end()
    return flow.run().result[last]


def test_signals_are_no_exceptions_that_one_catches_by_chance() -> None:
    """12.1: `except Exception` lets them through; their result is the signal unless one is given."""
    from prefect import Flow, task
    from prefect.engine.signals import FAIL, SKIP, VALIDATIONFAIL, signal_from_state
    from prefect.engine.state import Failed

    @task
    def careless():
        try:
            raise SKIP("not today")
        except Exception:
            return "caught"

    with Flow("f") as flow:
        ended = careless()
    assert flow.run().result[ended].is_skipped()
    assert not issubclass(FAIL, Exception)
    bare, given = FAIL("told"), FAIL("told", result=5)
    assert state_of(bare).result is bare
    assert state_of(given).result == 5
    assert type(state_of(VALIDATIONFAIL("v"))).__name__ == "ValidationFailed"
    assert signal_from_state(Failed("x")) is FAIL


def test_fail_fails_and_is_tried_again() -> None:
    """12.2: as any failure, with retries."""
    from prefect import Flow, task
    from prefect.engine.signals import FAIL

    tries: list[int] = []

    @task(max_retries=2, retry_delay=timedelta(0))
    def fail():
        tries.append(1)
        raise FAIL("told")

    with Flow("f") as flow:
        ended = fail()
    state = flow.run().result[ended]
    assert (type(state).__name__, state.message, len(tries)) == ("Failed", "told", 3)


def test_success_ends_with_a_result() -> None:
    """12.3: what follows is given it."""
    from prefect import Flow, task
    from prefect.engine.signals import SUCCESS

    @task
    def early():
        raise SUCCESS("done", result=5)

    @task
    def double(x):
        return 2 * x

    with Flow("f") as flow:
        ended = early()
        ten = double(ended)
    state = flow.run()
    assert (state.result[ended].message, state.result[ten].result) == ("done", 10)
    assert state.is_successful()


def test_skip_skips() -> None:
    """12.4: the message is the signal's."""
    from prefect.engine.signals import SKIP

    state = state_of(SKIP("not today"))
    assert (type(state).__name__, state.message) == ("Skipped", "not today")


def test_retry_tries_again_whatever_max_retries_says() -> None:
    """12.5: at a time that may be given."""
    import prefect
    from prefect import Flow, task
    from prefect.engine.signals import RETRY

    @task
    def third_time():
        if prefect.context.task_run_count < 3:
            raise RETRY("again", start_time=datetime.now(UTC))
        return prefect.context.task_run_count

    with Flow("f") as flow:
        ended = third_time()
    assert flow.run().result[ended].result == 3


def test_a_naive_time_to_try_again_is_utc() -> None:
    """12.5: `start_time` without a zone."""
    from prefect import Flow, task
    from prefect.engine.signals import RETRY

    seen: list[datetime] = []
    moment = datetime.now(UTC) + timedelta(milliseconds=50)

    def note(task, old, new):
        if new.is_retrying():
            seen.append(new.start_time)
        return new

    @task(state_handlers=[note])
    def later():
        if not seen:
            raise RETRY("later", start_time=moment.replace(tzinfo=None))
        return datetime.now(UTC) >= moment

    with Flow("f") as flow:
        ended = later()
    assert flow.run().result[ended].result is True
    assert seen == [moment]


def test_a_task_can_pause_itself() -> None:
    """12.6: `pause_task` is passed where the context says resume."""
    from prefect import Flow, task
    from prefect.engine.flow_runner import FlowRunner
    from prefect.utilities.tasks import pause_task

    @task
    def ask():
        pause_task("may I?")
        return "did"

    with Flow("f") as flow:
        asked = ask()
    paused = FlowRunner(flow=flow).run(return_tasks=[asked]).result[asked]
    assert (type(paused).__name__, paused.message) == ("Paused", "may I?")
    resumed = FlowRunner(flow=flow).run(return_tasks=[asked], context={"resume": True})
    assert resumed.result[asked].result == "did"


def test_a_loop_runs_the_task_again_at_once() -> None:
    """12.7: the count, from one, and the result of the time before are in the context."""
    import prefect
    from prefect import Flow, task
    from prefect.engine.signals import LOOP

    counts: list[int] = []

    @task
    def power(base):
        before = prefect.context.get("task_loop_result", 1)
        counts.append(prefect.context.get("task_loop_count", 1))
        if before > 100:
            return before
        raise LOOP(message=f"now {before}", result=before * base)

    with Flow("f") as flow:
        ended = power(3)
        each = power.map([10, 200])
    state = flow.run()
    assert state.result[ended].result == 243
    assert state.result[each].result == [1000, 200]
    assert counts[:6] == [1, 2, 3, 4, 5, 6]


def test_a_loop_that_fails_goes_on_where_it_failed() -> None:
    """12.7: with retries, the iteration is tried again and not the whole loop."""
    import prefect
    from prefect import Flow, task
    from prefect.engine.signals import LOOP

    seen: list[int] = []

    @task(max_retries=1, retry_delay=timedelta(0))
    def count():
        before = prefect.context.get("task_loop_result", 0)
        seen.append(before)
        if before == 2 and seen.count(2) == 1:
            raise ValueError("once")
        if before == 4:
            return before
        raise LOOP(result=before + 1)

    with Flow("f") as flow:
        ended = count()
    assert flow.run().result[ended].result == 4
    assert seen == [0, 1, 2, 2, 3, 4]


def test_a_task_can_end_with_any_state() -> None:
    """12.8: ENDRUN."""
    from prefect import Flow, task
    from prefect.engine.signals import ENDRUN
    from prefect.engine.state import Failed, Success

    def refuse(task, old, new):
        if new.is_running():
            raise ENDRUN(Failed("refused"))
        return new

    def allow(task, old, new):
        if new.is_running():
            raise ENDRUN(Success("at once", result=7))
        return new

    @task
    def one():
        return 1

    with Flow("f") as flow:
        refused = one(task_args={"state_handlers": [refuse]})
        allowed = one(task_args={"state_handlers": [allow]})
    state = flow.run()
    assert state.result[refused].message == "refused"
    assert (state.result[allowed].message, state.result[allowed].result) == ("at once", 7)


def test_a_task_is_tried_again_as_often_as_it_says() -> None:
    """12.9: `max_retries` times more; the count of the run is in the context."""
    import prefect
    from prefect import Flow, task

    seen: list[str] = []

    def note(task, old, new):
        if new.is_retrying():
            seen.append(new.message)
        return new

    @task(max_retries=2, retry_delay=timedelta(0), state_handlers=[note])
    def never():
        raise ValueError("no")

    @task(max_retries=2, retry_delay=timedelta(0))
    def third_time():
        count = prefect.context.task_run_count
        if count < 3:
            raise ValueError("not yet")
        return count

    with Flow("f") as flow:
        bad, good = never(), third_time()
    state = flow.run()
    assert state.result[good].result == 3
    assert type(state.result[bad]).__name__ == "Failed"
    assert len(seen) == 2
    assert "after attempt 1 of 3" in seen[0]


def test_what_follows_a_failure_is_not_tried_again() -> None:
    """12.9: a TriggerFailed task has not run, whatever its retries."""
    from prefect import Flow, task

    @task
    def fail():
        raise ValueError("no")

    @task(max_retries=3, retry_delay=timedelta(minutes=5))
    def after(x): ...

    with Flow("f") as flow:
        ended = after(fail())
    assert type(flow.run().result[ended]).__name__ == "TriggerFailed"


def test_a_delay_may_change_from_attempt_to_attempt() -> None:
    """12.9: corrected: `retry_delay` may be a number, a list or a function of the attempt."""
    from prefect import Flow, task

    def flaky(name: str) -> Any:
        tries: list[int] = []

        def run():
            tries.append(1)
            if len(tries) < 3:
                raise ValueError("not yet")
            return len(tries)

        run.__name__ = name
        return run

    with Flow("f") as flow:
        ended = [
            task(max_retries=2, retry_delay=delay)(flaky(name))()
            for name, delay in (
                ("number", 0.01),
                ("list", [0.01, 0.02]),
                ("function", lambda attempt: 0.01 * attempt),
            )
        ]
    state = flow.run()
    assert [state.result[t].result for t in ended] == [3, 3, 3]


def test_a_retry_does_not_wait_for_the_others() -> None:
    """12.10: corrected: its timer starts at once, not after the whole pass."""
    from prefect import Flow, task
    from prefect.executors import LocalDaskExecutor

    first, second = threading.Event(), threading.Event()

    @task(max_retries=1, retry_delay=timedelta(0))
    def flaky():
        if not first.is_set():
            first.set()
            raise ValueError("not yet")
        second.set()

    @task
    def other():
        return second.wait(30)

    with Flow("f") as flow:
        flaky()
        waited = other()
    state = flow.run(executor=LocalDaskExecutor(scheduler="threads", num_workers=2))
    assert state.result[waited].result is True


def test_a_task_that_takes_too_long_is_stopped() -> None:
    """12.11: TimedOut, a failure that is tried again; the task is really interrupted."""
    from prefect import Flow, task

    tries: list[str] = []

    @task(timeout=1, max_retries=1, retry_delay=timedelta(0))
    def slow():
        tries.append("started")
        if len(tries) < 2:
            time.sleep(10)
            tries.append("went on")
        return "second time"

    with Flow("f") as flow:
        ended = slow()
    assert flow.run().result[ended].result == "second time"
    assert tries == ["started", "started"]


def test_a_task_that_is_quick_enough_is_left_alone() -> None:
    """12.11: a timeout that is not reached changes nothing; one that is reached is a kind of Failed."""
    from prefect import Flow, task
    from prefect.engine.state import Failed, TimedOut

    @task(timeout=30)
    def quick():
        return 1

    with Flow("f") as flow:
        ended = quick()
    assert flow.run().result[ended].result == 1
    assert issubclass(TimedOut, Failed)


def test_a_timeout_in_a_thread_is_soft() -> None:
    """12.12: corrected: no new interpreter; the task is TimedOut and left behind, which is said."""
    from prefect import Flow, task
    from prefect.executors import LocalDaskExecutor

    enough = threading.Event()

    @task(timeout=1)
    def slow():
        enough.wait(20)

    with Flow("f") as flow:
        ended = slow()
    try:
        started = time.monotonic()
        state = flow.run(executor=LocalDaskExecutor(scheduler="threads", num_workers=2))
        took = time.monotonic() - started
    finally:
        enough.set()
    assert type(state.result[ended]).__name__ == "TimedOut"
    assert took < 10


@pytest.mark.parametrize(
    "name", ["FAIL", "TRIGGERFAIL", "VALIDATIONFAIL", "SUCCESS", "RETRY", "SKIP", "PAUSE", "LOOP"]
)
def test_each_signal_has_its_state(name: str) -> None:
    """12.1: and takes the message and the result on."""
    from prefect.engine import signals

    raised = getattr(signals, name)("told", result=1)
    assert (raised.state.message, raised.state.result) == ("told", 1)
    assert isinstance(raised, BaseException)
    assert not isinstance(raised, Exception)
