"""What the end of an attempt means: a status, facts, and a value, from what was raised or given.

It reads what has ended, which does not change any more, and changes nothing of the machine; what of the
user's it calls (`retry_on`, `retry_delay`) runs outside of any lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from flowkit.engine.credentials import without_credentials
from flowkit.engine.deaths import WorkerDiedError
from flowkit.engine.failure import describe, message_of, type_name
from flowkit.engine.rounds import FIRST
from flowkit.engine.signals import ENDRUN, FAIL, LOOP, RETRY, TRIGGERFAIL, Signal, seconds_until
from flowkit.plan.events import Call, Detail, Failure, Iteration
from flowkit.plan.facts import detail_of, skipped_itself
from flowkit.plan.retry import delay_after, seconds, wanted
from flowkit.plan.state import Looped, Resume, Scheduled, State, status_of
from flowkit.plan.status import (
    CACHED,
    CANCELLED,
    FAILED,
    LOOPED,
    MAPPED,
    PAUSED,
    RETRYING,
    SKIPPED,
    SUCCESS,
    TIMED_OUT,
    TRIGGER_FAILED,
)

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

REFUSED = "Trigger failed"


class TaskTimeoutError(TimeoutError):
    """An attempt took longer than its task's `timeout`."""


class StoppedError(BaseException):
    """An attempt was ended from outside, as the run stops or the attempt was given up."""


class TriggerRefusedError(Exception):
    """A trigger that is a function did not return true."""


class TriggerSignal(BaseException):
    """A trigger that is a function raised a signal, which retries do not apply to."""

    def __init__(self, signal: Signal) -> None:
        super().__init__(signal)
        self.signal = signal


MOST_FULL = 100  # failures of a task that are kept with source and values


class KeepingError(Exception):
    """A result could not be written, or has no place; the task has failed, as its result would be lost."""


class UnfinishedError(Exception):
    """A state that is not finished was given for the end of a task."""


class Instead(BaseException):
    """The task is not run: a state handler had it end otherwise.

    Args:
        state: as what.
        cause: what the handler raised, if it did.
    """

    def __init__(self, state: State, cause: BaseException | None) -> None:
        super().__init__(state)
        self.state = state
        self.cause = cause


class NoError(Exception):
    """Stands for the error of a failure that has none."""


class Judging:
    """What ends mean in one run."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.plan = engine.plan
        self._told: dict[int, int] = {}

    def of(self, call: Call, error: BaseException) -> tuple[int, Detail, Any]:
        """As `_judge`; where the user's code that it calls raises too, that is the failure of the task."""
        try:
            return self._judge(call, error)
        except BaseException as broken:
            return FAILED, Detail(failure=self.described(call, broken)), broken

    def _judge(self, call: Call, error: BaseException) -> tuple[int, Detail, Any]:
        """The status, the facts and the value that an exception means."""
        if isinstance(error, Signal):
            return self._signalled(call, error)
        was_asked = isinstance(error, KeyboardInterrupt) and self.engine.asked_to_stop
        if was_asked or isinstance(error, StoppedError):
            return CANCELLED, Detail(message="Interrupted."), None
        if isinstance(error, TriggerSignal):
            return self.given(call, error.signal.state, error.signal)
        if isinstance(error, TriggerRefusedError):
            failure = self.described(call, error.__cause__ or error, "trigger")
            # What is shown says which trigger; the state says what classic's does.
            signal = TRIGGERFAIL(REFUSED)
            value = error.__cause__ or signal
            state = None if error.__cause__ is not None else signal.state
            return TRIGGER_FAILED, Detail(failure=failure, message=str(error), state=state), value
        if isinstance(error, Instead):
            return self.given(call, error.state, error.cause)
        if isinstance(error, KeepingError):
            return FAILED, Detail(failure=self.described(call, error, "storage")), error
        status = TIMED_OUT if isinstance(error, TaskTimeoutError) else FAILED
        failure = self.described(call, error, "timeout" if status == TIMED_OUT else "error")
        return status, self._with_retry(call, error, Detail(failure=failure)), error

    def _signalled(self, call: Call, signal: Signal) -> tuple[int, Detail, Any]:
        state = signal.state
        if isinstance(signal, LOOP) and "loop_count" not in signal._options:
            state.loop_count = self._iteration(call)  # type: ignore[attr-defined]
            state.message = state.message or f"Task is looping ({state.loop_count})"  # type: ignore[attr-defined]
        status, detail, value = self.given(call, state, signal)
        if isinstance(signal, RETRY):
            detail = detail._replace(retry_in=self._delay_of(call[0], call[2], signal))
        elif isinstance(signal, FAIL):
            detail = self._with_retry(call, signal, detail)
        return status, detail, value

    def given(self, call: Call, state: State, cause: BaseException | None = None) -> tuple[int, Detail, Any]:
        """The status, the facts and the value of a state that somebody has given.

        Args:
            cause: the signal or error that it came with.
        """
        node, index, _ = call
        state.context = state.context or {"tags": sorted(self.plan.tasks[node].tags)}
        status, value = status_of(state), state.result
        if status == MAPPED:
            status = SUCCESS
        elif isinstance(state, Resume):  # it goes on as after a pause that somebody has ended
            status = PAUSED
        found = Detail()
        if SUCCESS <= status <= CACHED:
            needs = self.plan.needs.get(node)
            found = detail_of(needs, value, child=index >= 0) if needs else found
        elif status == SKIPPED:
            needs = self.plan.needs.get(node)
            found = skipped_itself(needs) if needs else found
        elif status == LOOPED:
            assert isinstance(state, Looped)
            found = Detail(iteration=Iteration(state.loop_count, value))
        elif status in (RETRYING, PAUSED):
            assert isinstance(state, Scheduled)
            found = Detail(retry_in=seconds_until(state.start_time) if state.start_time else None)
        elif status < SUCCESS:
            cause = UnfinishedError(f"a state that is not finished was given for its end: {state!r}")
            return FAILED, Detail(failure=self.described(call, cause)), cause
        elif status >= FAILED:
            found = Detail(failure=self._failure_of(call, state, cause))
        return status, found._replace(message=without_credentials(state.message or ""), state=state), value

    def _failure_of(self, call: Call, state: State, cause: BaseException | None) -> Failure:
        if isinstance(cause, Signal) and not isinstance(cause, ENDRUN):
            return self.described(call, cause, "signal")
        error = cause if cause is not None and not isinstance(cause, ENDRUN) else state.result
        if isinstance(error, BaseException):
            return self.described(call, error)
        return Failure("signal", type(state).__name__, without_credentials(state.message or ""))

    def retried(self, call: Call, state: State, detail: Detail) -> Detail:
        """Add the delay, where the task's policy gives another attempt after a state like this."""
        error = state.result if isinstance(state.result, BaseException) else NoError()
        return self._with_retry(call, error, detail)

    def described(self, call: Call, error: BaseException, kind: str = "error") -> Failure:
        """What is known of an exception; of the first ones of each task with source and values."""
        node = call[0]
        told = self._told[node] = self._told.get(node, 0) + 1
        task = self.plan.tasks[node]
        failure = describe(error, kind, full=told <= MOST_FULL, run=task.run)
        return replace(failure, most=task.max_retries + 1)

    def _iteration(self, call: Call) -> int:
        return max(1, self.engine.rounds.get(call[:2], FIRST).iteration)

    def _with_retry(self, call: Call, error: BaseException, detail: Detail) -> Detail:
        """Add the delay, where the task's policy gives another attempt; the function may be the user's."""
        node, index, attempt = call
        task = self.plan.tasks[node]
        attempt -= self.engine.machine.forgiven(node, index)
        if (isinstance(error, WorkerDiedError) and error.is_last) or not wanted(task, error, attempt):
            return detail
        try:
            return detail._replace(retry_in=delay_after(task, attempt))
        except BaseException as broken:
            hint = f"`retry_delay` raised {type_name(broken)}: {message_of(broken)}"
            failure = detail.failure and replace(detail.failure, hint=hint)
            return detail._replace(failure=failure)

    def _delay_of(self, node: int, attempt: int, signal: RETRY) -> float:
        if signal.after is not None:
            return max(0.0, seconds(signal.after))
        if signal.start_time is not None:
            return seconds_until(signal.start_time)
        task = self.plan.tasks[node]
        return delay_after(task, attempt) if task.retry_delay is not None else 0.0


def called(run: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """What a function of the user's gives; of an `async def`, what it is awaited for."""
    value = run(**arguments)
    return awaited(value) if type(value) is CoroutineType else value


def awaited(coroutine: CoroutineType[Any, Any, Any]) -> Any:
    """The value of a coroutine, on a loop of its own."""
    import asyncio  # 15 ms that only such tasks need

    return asyncio.run(coroutine)
