"""Carrying out one call: arguments, the user's function, and what is kept of how it ended.

This is the one place where user code runs during a run. It takes no lock and changes nothing of the
machine: it reads what has ended, which does not change any more, and returns a row and a value.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from flowkit.engine.arguments import Arguments
from flowkit.engine.context import CURRENT
from flowkit.engine.failure import describe, message_of, type_name
from flowkit.engine.signals import RETRY, Signal
from flowkit.plan.events import Call, Detail, Row
from flowkit.plan.facts import detail_of
from flowkit.plan.retry import delay_after, seconds, wanted
from flowkit.plan.status import FAILED, RETRYING, SUCCESS, TIMED_OUT, TRIGGER_FAILED

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

Finished = tuple[Row, Any]


class TaskTimeoutError(TimeoutError):
    """An attempt took longer than its task's `timeout`."""


class TriggerRefusedError(Exception):
    """A trigger that is a function did not return true."""


class Worker:
    """Carries out the calls of one engine; shared by all threads of a run."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.plan = engine.plan
        self.values = engine.values
        self.arguments = Arguments(engine)
        self._clock = engine.clock
        self._special = (
            frozenset(self.plan.arguments)
            | frozenset(self.plan.custom)
            | self.plan.merges
            | frozenset(self.plan.needs)
        )

    def execute(self, call: Call, name: str) -> Finished:
        """Carry out a call.

        It leaves the context of the call behind; a thread that does other things too restores its own.

        Args:
            name: the worker, for the record.

        Returns:
            The row of the attempt, and the value: the result, or the exception.
        """
        node, index, attempt = call
        plan, clock = self.plan, self._clock
        CURRENT.set((self.engine, call))
        started = clock()
        detail = None
        try:
            task = plan.tasks[node]
            if node in self._special:
                value, detail = self._special_call(task.run, call)
            else:
                values, names = self.values, plan.names[node]
                given = [values[ref] for ref in plan.refs[node]]
                value = (
                    task.run(*given) if names is None else task.run(**dict(zip(names, given, strict=True)))
                )
                if type(value) is CoroutineType:
                    value = _awaited(value)
            return (node, index, attempt, SUCCESS, started, clock(), name, detail), value
        except BaseException as error:
            status, detail, value = self._judged(call, error)
            return (node, index, attempt, status, started, clock(), name, detail), value

    def _special_call(self, run: Callable[..., Any], call: Call) -> tuple[Any, Detail | None]:
        """A call whose arguments, trigger or result need more than a look."""
        node, index, _ = call
        if node in self.plan.custom:
            self._ask_trigger(node, index)
        value = run(**self.arguments.of(node, index))
        if type(value) is CoroutineType:
            value = _awaited(value)
        needs = self.plan.needs.get(node)
        return value, detail_of(needs, value, child=index >= 0) if needs else None

    def _ask_trigger(self, node: int, index: int) -> None:
        """Raise where a trigger of the user's does not accept how the upstreams ended."""
        task = self.plan.tasks[node]
        trigger: Any = task.trigger
        try:
            accepted = trigger(self.engine.upstream_states(node, index))
        except Signal:
            raise
        except Exception as error:
            raise TriggerRefusedError(
                f"its trigger raised {type_name(error)}: {message_of(error)}"
            ) from error
        if not accepted:
            raise TriggerRefusedError(
                f"its trigger `{getattr(trigger, '__name__', trigger)}` did not accept its upstreams"
            )

    def _judged(self, call: Call, error: BaseException) -> tuple[int, Detail, Any]:
        """As `judge`; where the user's code that it calls raises too, that is the failure of the task."""
        try:
            return self.judge(call, error)
        except BaseException as broken:
            return FAILED, Detail(failure=describe(broken)), broken

    def judge(self, call: Call, error: BaseException) -> tuple[int, Detail, Any]:
        """The status, the facts and the value that an exception means."""
        node, _, attempt = call
        if isinstance(error, Signal):
            return self._signalled(call, error)
        if isinstance(error, TriggerRefusedError):
            failure = describe(error.__cause__ or error, "trigger")
            return TRIGGER_FAILED, Detail(failure=failure, message=str(error)), error
        status = TIMED_OUT if isinstance(error, TaskTimeoutError) else FAILED
        failure = describe(error, "timeout" if status == TIMED_OUT else "error")
        return status, self._with_retry(node, attempt, error, Detail(failure=failure)), error

    def _signalled(self, call: Call, signal: Signal) -> tuple[int, Detail, Any]:
        node, index, attempt = call
        value = signal.result
        if signal.status == SUCCESS:
            needs = self.plan.needs.get(node)
            found = detail_of(needs, value, child=index >= 0) if needs else Detail()
            return SUCCESS, found._replace(message=signal.message), value
        if isinstance(signal, RETRY):
            delay = self._delay_of(node, attempt, signal)
            return RETRYING, Detail(retry_in=delay, message=signal.message), value
        if signal.status == FAILED:
            plain = Detail(failure=describe(signal, "signal"), message=signal.message)
            return FAILED, self._with_retry(node, attempt, signal, plain), value
        failure = describe(signal, "signal") if signal.status == TRIGGER_FAILED else None
        return signal.status, Detail(failure=failure, message=signal.message), value

    def _with_retry(self, node: int, attempt: int, error: BaseException, detail: Detail) -> Detail:
        """Add the delay, where the task's policy gives another attempt; the function may be the user's."""
        task = self.plan.tasks[node]
        if not wanted(task, error, attempt):
            return detail
        try:
            return detail._replace(retry_in=delay_after(task, attempt))
        except BaseException as broken:
            hint = f"`retry_delay` raised {type_name(broken)}: {message_of(broken)}"
            failure = detail.failure and describe(error, detail.failure.kind, hint)
            return detail._replace(failure=failure)

    def _delay_of(self, node: int, attempt: int, signal: RETRY) -> float:
        if signal.after is not None:
            return max(0.0, seconds(signal.after))
        if signal.start_time is not None:
            at = signal.start_time if signal.start_time.tzinfo else signal.start_time.replace(tzinfo=UTC)
            return max(0.0, (at - datetime.now(UTC)).total_seconds())
        task = self.plan.tasks[node]
        return delay_after(task, attempt) if task.retry_delay is not None else 0.0


def _awaited(coroutine: CoroutineType[Any, Any, Any]) -> Any:
    """The value of an `async def` task, on a loop of its own."""
    import asyncio  # 15 ms that only such tasks need

    return asyncio.run(coroutine)


def timed_out(worker: Worker, call: Call, started: float, now: float, soft: str) -> Finished:
    """The end of an attempt by its time limit.

    Args:
        soft: what could not be stopped, in words; "" where it was.
    """
    node, index, attempt = call
    limit = worker.plan.timeouts[node]
    error = TaskTimeoutError(f"`{worker.plan.key(node, index)}` took longer than its {limit:g} s{soft}")
    status, detail, value = worker.judge(call, error)
    return (node, index, attempt, status, started, now, None, detail), value
