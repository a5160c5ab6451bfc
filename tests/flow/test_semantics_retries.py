"""What comes out when tasks are tried again, and when they raise signals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowkit.engine.context import context
from flowkit.engine.signals import FAIL, RETRY, SKIP, SUCCESS, TRIGGERFAIL
from flowkit.errors import CallError
from flowkit.flow.flow import Flow
from flowkit.flow.task import Task, task
from flowkit.plan.retry import backoff, delay_after
from flowkit.plan.state import Failed, Skipped, State, Success, TriggerFailed

Run = Callable[..., State]


@task
def give(value: Any = None) -> Any:
    return value


@task
def add(x: int, y: int = 1, *, scale: int = 1) -> int:
    return (x + y) * scale


@task
def end(how: str) -> str:
    """Ends as it is told."""
    if how == "fail":
        raise ValueError(how)
    if how == "skip":
        raise SKIP(how)
    return how


def ended(run: Run, build: Callable[[], Task], **parameters: Any) -> State:
    """How the task that `build` makes ends."""
    with Flow("ended") as flow:
        made = build()
    state: State = run(flow, **parameters).result[made]
    return state


# -- retries ------------------------------------------------------------------------------------


def failing(times: int, error: Callable[[], BaseException] = ValueError, **options: Any) -> Task:
    """A task that fails so many times, then gives the number of its attempt."""

    def attempt() -> int:
        if context.task_run_count <= times:
            raise error()
        return int(context.task_run_count)

    return task(**options)(attempt)


@pytest.mark.parametrize(
    "delay", [0, 0.0, timedelta(0), [0], [0.0, timedelta(0)], [], lambda attempt: 0, backoff(0), -5]
)
def test_a_failure_is_tried_again_with_any_kind_of_delay(run: Run, delay: Any) -> None:
    state = ended(run, failing(3, max_retries=3, retry_delay=delay))
    assert type(state) is Success and state.result == 4


def test_attempts_are_counted_up_to_the_limit(run: Run) -> None:
    seen: list[int] = []

    def fail() -> None:
        seen.append(context.task_run_count)
        raise ValueError(len(seen))

    state = ended(run, task(max_retries=2, retry_delay=0)(fail))
    assert type(state) is Failed and state.message == "Error during execution of task: ValueError(3)"
    assert seen == [1, 2, 3]


def test_a_function_of_the_delay_is_asked_with_the_attempt_that_failed(run: Run) -> None:
    asked: list[int] = []

    def delay(attempt: int) -> float:
        asked.append(attempt)
        return 0

    assert ended(run, failing(3, max_retries=5, retry_delay=delay)).is_successful()
    assert asked == [1, 2, 3]


def test_a_list_of_delays_has_one_for_each_retry_and_the_last_repeats() -> None:
    made = failing(9, max_retries=9, retry_delay=[1, timedelta(seconds=2.5), 4])
    assert [delay_after(made, attempt) for attempt in range(1, 6)] == [1, 2.5, 4, 4, 4]
    grown = failing(9, max_retries=9, retry_delay=backoff(timedelta(seconds=1), factor=3, longest=20))
    assert [delay_after(grown, attempt) for attempt in range(1, 6)] == [1, 3, 9, 20, 20]


class FlakyError(ConnectionError):
    pass


@pytest.mark.parametrize(
    ("retry_on", "error", "attempts"),
    [
        (None, KeyError, 3),
        (ConnectionError, FlakyError, 3),
        ([KeyError, FlakyError], FlakyError, 3),
        (KeyError, FlakyError, 1),
        (SystemExit, SystemExit, 3),
    ],
)
def test_retry_on_chooses_what_is_worth_another_attempt(
    run: Run, retry_on: Any, error: type[BaseException], attempts: int
) -> None:
    count = 0

    def fail() -> None:
        nonlocal count
        count += 1
        raise error

    made = task(max_retries=2, retry_delay=0, retry_on=retry_on)(fail)
    assert isinstance(ended(run, made).result, error)
    assert count == attempts


def test_what_comes_after_a_retry_sees_its_success(run: Run) -> None:
    assert ended(run, lambda: add(failing(2, max_retries=2, retry_delay=0)(), 10)).result == 13


def test_a_delay_that_is_no_time_is_refused_at_definition() -> None:
    with pytest.raises(CallError, match="`retry_delay` of the task"):
        failing(1, max_retries=1, retry_delay="soon")


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


@pytest.mark.parametrize("error", [ZeroDivisionError, UnprintableError, SystemExit])
def test_a_delay_function_that_raises_ends_the_task_and_not_the_run(
    run: Run, error: type[BaseException]
) -> None:
    def delay(attempt: int) -> float:
        raise error

    assert type(ended(run, failing(1, max_retries=1, retry_delay=delay))) is Failed
    assert type(ended(run, failing(1, RETRY, max_retries=1, retry_delay=delay))) is Failed


# -- signals ------------------------------------------------------------------------------------


def raising(signal: Callable[[], BaseException], **options: Any) -> Task:
    """A task that raises what `signal` makes, past an `except Exception` of its own."""

    def run() -> None:
        try:
            raise signal()
        except Exception:
            return

    return task(**options)(run)


@pytest.mark.parametrize(
    ("signal", "kind", "successful"),
    [
        (SUCCESS, Success, True),
        (SKIP, Skipped, True),
        (FAIL, Failed, False),
        (TRIGGERFAIL, TriggerFailed, False),
    ],
)
def test_a_signal_ends_the_task_as_it_says(
    run: Run, signal: Any, kind: type[State], successful: bool
) -> None:
    state = ended(run, raising(lambda: signal("because", result=5)))
    assert type(state) is kind
    assert (state.message, state.result, state.is_successful()) == ("because", 5, successful)


def test_a_signal_without_result_is_the_result_itself(run: Run) -> None:
    assert isinstance(ended(run, raising(SUCCESS)).result, SUCCESS)
    assert isinstance(ended(run, raising(SKIP)).result, SKIP)
    assert isinstance(ended(run, raising(FAIL)).result, FAIL)
    assert isinstance(ended(run, raising(TRIGGERFAIL)).result, TRIGGERFAIL)


def test_a_signal_of_the_user_s_own_counts_as_its_base(run: Run) -> None:
    class Nothing(SKIP):
        def __init__(self) -> None:
            """Without calling that of the base."""

    class Empty(SKIP):
        pass

    assert type(ended(run, raising(Empty))) is Skipped
    assert type(ended(run, raising(Nothing))) is Skipped


def test_a_signal_that_is_a_failure_is_retried(run: Run) -> None:
    assert ended(run, failing(1, FAIL, max_retries=1, retry_delay=0)).result == 2
    assert ended(run, failing(1, TRIGGERFAIL, max_retries=1, retry_delay=0)).result == 2
    unwanted = failing(1, FAIL, max_retries=1, retry_delay=0, retry_on=KeyError)
    assert type(ended(run, unwanted)) is Failed


@pytest.mark.parametrize(
    "signal",
    [
        RETRY,
        lambda: RETRY("again", after=0),
        lambda: RETRY(after=timedelta(0)),
        lambda: RETRY(start_time=datetime(2020, 1, 1, tzinfo=UTC)),
        lambda: RETRY(start_time=datetime(2020, 1, 1)),
    ],
)
def test_retry_is_another_attempt_whatever_the_limit(run: Run, signal: Any) -> None:
    assert ended(run, failing(5, signal)).result == 6
    assert ended(run, failing(5, signal, max_retries=1, retry_delay=0)).result == 6


@pytest.mark.parametrize("when", [{"after": "soon"}, {"start_time": "soon"}])
def test_a_retry_at_no_time_fails_the_task_and_not_the_run(run: Run, when: Any) -> None:
    assert type(ended(run, failing(1, lambda: RETRY(**when)))) is Failed


def test_a_message_that_is_no_text_is_a_message_all_the_same(run: Run) -> None:
    class NoTruth:
        def __bool__(self) -> bool:
            raise ValueError("no truth")

    assert "5" in str(ended(run, raising(lambda: FAIL(5))).message)  # type: ignore[arg-type]
    assert type(ended(run, raising(lambda: FAIL(NoTruth())))) is Failed  # type: ignore[arg-type]


# -- limits that are longer than a clock can wait -----------------------------------------------


@pytest.mark.parametrize("timeout", [1e12, float("inf"), timedelta.max])
def test_a_time_limit_that_never_comes_is_no_limit(run: Run, timeout: Any) -> None:
    echo = task(timeout=timeout)(lambda x: x)
    assert ended(run, lambda: echo.map(range(2_000))).is_successful()
