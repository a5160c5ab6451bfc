"""Carrying out one call: arguments, the user's function, and what is kept of how it ended.

This is the one place where user code runs during a run. It takes no lock and changes nothing of the
machine: it reads what has ended, which does not change any more, and returns a row and a value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from flowkit.engine.arguments import Arguments
from flowkit.engine.context import CURRENT, name_run
from flowkit.engine.failure import describe, message_of, type_name
from flowkit.engine.handling import Handling, Instead
from flowkit.engine.ledger import Hit, Making
from flowkit.engine.places import Found
from flowkit.engine.rounds import FIRST
from flowkit.engine.signals import ENDRUN, FAIL, LOOP, RETRY, TRIGGERFAIL, Signal, seconds_until
from flowkit.errors import UsageError
from flowkit.plan.events import Call, Detail, Failure, Iteration, Row
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
Finished = tuple[Row, Any, Any]  # the row, the value, and what is kept of it where it is not plain


class TaskTimeoutError(TimeoutError):
    """An attempt took longer than its task's `timeout`."""


class TriggerRefusedError(Exception):
    """A trigger that is a function did not return true."""


class TriggerSignal(BaseException):
    """A trigger that is a function raised a signal, which retries do not apply to."""

    def __init__(self, signal: Signal) -> None:
        super().__init__(signal)
        self.signal = signal


class KeepingError(Exception):
    """A result could not be written, or has no place; the task has failed, as its result would be lost."""


class UnfinishedError(Exception):
    """A state that is not finished was given for the end of a task."""


class NoError(Exception):
    """Stands for the error of a failure that has none."""


class Worker:
    """Carries out the calls of one engine; shared by all threads of a run.

    Attributes:
        sought: the nodes whose results are worth a look before they are called, as that is all there is to
            do where they are at hand.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.plan = engine.plan
        self.values = engine.values
        self.arguments = Arguments(engine)
        self._clock = engine.clock
        results = engine.results
        self._cached_nodes = self.plan.cached if results is not None else frozenset()
        self._plain: frozenset[type] | None = results.plain if results is not None else None
        # What a call with a cache that raised was made from: so it can be told from a later one.
        self._origins: dict[Call, str] = {}
        odd = (
            frozenset(self.plan.arguments)
            | frozenset(self.plan.custom)
            | frozenset(self.plan.triggers)
            | self.plan.handled
            | self.plan.merges
            | frozenset(self.plan.needs)
            | self.plan.durable
            | self.plan.placed.keys()
            | self.plan.logged
            | self.plan.run_names.keys()
            # An attempt that was given up before it read its arguments might find that they were let go.
            | frozenset(self.plan.timeouts)
        )
        self._special = odd | self.plan.cached | self.plan.unkept
        self.sought = set(self._cached_nodes - odd - self.plan.groups.keys())
        self.handling = Handling(self)
        if engine.careful or engine.manner.task_handlers:
            self._special = frozenset(range(self.plan.size))
            self.sought = set()

    def look_up(self, nodes: set[int]) -> None:
        """These values may not be in memory: who takes them has to look."""
        followers = {follower for node in nodes for follower in self.plan.successors[node]}
        self._special |= followers

    def look_at(self, calls: Sequence[Call]) -> list[Finished | None]:
        """The ends of those calls whose results are at hand; None for the others.

        One look is at many, as it neither waits nor runs code of the user's. What goes wrong will do so
        again in the call itself, and is told there.
        """
        assert self.engine.results is not None
        at_hand, refs, values = self.engine.results.at_hand, self.plan.refs, self.values
        now = self._clock()
        found: list[Finished | None] = []
        for call in calls:
            try:
                hit = at_hand(call, [values[ref] for ref in refs[call[0]]])
            except Exception:
                hit = None
            if hit is None:
                found.append(None)
            else:
                value, origin = hit
                found.append(((*call, CACHED, now, now, None, Detail(origin=origin)), value, None))
        return found

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
        kept = None
        try:
            task = plan.tasks[node]
            if node in self._special:
                return self._committed(self._carried_out(task.run, call, name, started))
            values, names = self.values, plan.names[node]
            given = [values[ref] for ref in plan.refs[node]]
            value = task.run(*given) if names is None else task.run(**dict(zip(names, given, strict=True)))
            if type(value) is CoroutineType:
                value = _awaited(value)
            if self._plain is not None and type(value) not in self._plain:
                kept = self._kept(node, index, value)
            return (node, index, attempt, SUCCESS, started, clock(), name, None), value, kept
        except BaseException as error:
            return self._raised(call, error, started, name)

    def _carried_out(self, run: Callable[..., Any], call: Call, name: str, started: float) -> Finished:
        """A call that is more than a look at values, with what its handlers make of it."""
        try:
            if self.engine.manner.task_handlers or call[0] in self.plan.handled:
                return self.handling.carried_out(call, name, started)
            return self.attempt(run, call, name, started)
        finally:
            if call[0] in self.plan.logged:  # the last line too, where it has no line end
                self.engine.end_lines(call)

    def attempt(self, run: Callable[..., Any], call: Call, name: str, started: float) -> Finished:
        """Carry out a call that is more than a look at values; it is not committed yet."""
        try:
            return self._special_call(run, call, name, started)
        except BaseException as error:
            return self._raised(call, error, started, name)

    def _raised(self, call: Call, error: BaseException, started: float, name: str) -> Finished:
        """The end of a call that raised; a raised signal may be a success."""
        node, index, attempt = call
        if isinstance(error, self.engine.manner.lets_out) and self.engine.interrupts.happened is None:
            self.engine.let(error)
        status, detail, value = self._judged(call, error)
        if call in self._origins:
            detail = detail._replace(origin=self._origins.pop(call))
        return self.finished((node, index, attempt, status, started, self._clock(), name, detail), value)

    def finished(self, row: Row, value: Any) -> Finished:
        """An end that did not come by returning, with what is kept of its value."""
        kept = None
        if row[3] in (SUCCESS, CACHED, LOOPED) and self._plain is not None:
            try:
                kept = self._kept(row[0], row[1], value)
            except KeepingError as unkept:
                detail = Detail(failure=describe(unkept, "storage"))
                return (*row[:3], FAILED, *row[4:7], detail), unkept, None
        return row, value, kept

    def _special_call(self, run: Callable[..., Any], call: Call, name: str, started: float) -> Finished:
        """A call whose arguments, trigger, result or record need more than a look."""
        node, index, attempt = call
        if self.engine.careful:
            self.engine.recorder.settle()
        if node in self.plan.custom:
            self._ask_trigger(node, index)
        arguments = self.arguments.of(node, index)
        if node in self.plan.run_names:
            name_run(self.plan.run_names[node], arguments)
        status, kept, origin = SUCCESS, None, ""
        there = self._there(call, arguments) if node in self.plan.placed else None
        if there is not None:
            status, value = CACHED, there.value
            kept = self._kept(node, index, value) if self._plain is not None else None
        elif node in self._cached_nodes:
            found = self.engine.results.found(call, arguments)  # type: ignore[union-attr]
            if isinstance(found, Hit):
                status, value, kept, origin = CACHED, found.value, found.kept, found.origin
            else:
                value, kept, origin = self._made(found, run, call, arguments)
        else:
            value = _called(run, arguments)
            if self._plain is not None and (type(value) not in self._plain or node in self.plan.unkept):
                kept = self._kept(node, index, value)
        needs = self.plan.needs.get(node)
        try:
            if node in self.plan.placed and there is None:
                self._write(call, arguments, value)
            detail = detail_of(needs, value, child=index >= 0) if needs else None
        except BaseException:  # its time is over, say: others must not wait for its entry
            if kept is not None:
                kept.drop()
            raise
        if there is not None:
            detail = (detail or Detail())._replace(message=f"Found at its target `{there.location}`.")
        if origin:
            detail = detail._replace(origin=origin) if detail is not None else Detail(origin=origin)
        return (node, index, attempt, status, started, self._clock(), name, detail), value, kept

    def _committed(self, finished: Finished) -> Finished:
        """The same; where its task asks for that, its end is on disk before anything follows from it."""
        row, value, kept = finished
        if row[0] not in self.plan.durable or self.engine.results is None:
            return finished
        good = SUCCESS <= row[3] <= CACHED
        try:
            if self.commit(row, kept or self._kept(row[0], row[1], value) if good else kept) or not good:
                return finished
            raise KeepingError("its end cannot be written")
        except KeepingError as error:
            finished = self._raised(row[:3], error, row[4], row[6] or "")
            self.commit(finished[0], None)
            return finished

    def commit(self, row: Row, kept: Any) -> bool:
        """Have an end on disk before anything follows from it, where its task asks for that; False where
        that cannot be."""
        is_end = row[3] <= CANCELLED and row[3] != RETRYING and (row[7] is None or row[7].retry_in is None)
        if row[0] in self.plan.durable and is_end and self.engine.recorder.is_durable:
            return self.engine.recorder.commit(row, kept)
        return True

    def _made(
        self, making: Making, run: Callable[..., Any], call: Call, arguments: dict[str, Any]
    ) -> tuple[Any, Any, Any]:
        """Value, what is kept of it, and what it was made from, of a call that the cache does not have."""
        try:
            value = _called(run, arguments)
            kept = making.made(value, self._kept(call[0], call[1], value))
        except BaseException:
            self._origins[call] = making.origin
            making.drop()
            raise
        return value, kept, making.origin

    def _kept(self, node: int, index: int, value: Any) -> Any:
        """What is kept of a value, made before anything else may change it."""
        recorder = self.engine.recorder
        if recorder.is_full:
            recorder.wait_for_room()
        try:
            return self.engine.results.keep(node, index, value)  # type: ignore[union-attr]
        except OSError as error:
            raise KeepingError(f"its result cannot be written: {error.strerror or error}") from error

    def _there(self, call: Call, arguments: dict[str, Any]) -> Found | None:
        """What lies at the target of a call, if anything does."""
        assert self.engine.places is not None
        try:
            return self.engine.places.found(call, arguments)
        except UsageError as error:
            raise KeepingError(str(error)) from error

    def _write(self, call: Call, arguments: dict[str, Any], value: Any) -> None:
        """Write a value where the user says."""
        assert self.engine.places is not None
        try:
            self.engine.places.write(call, arguments, value)
        except Exception as error:
            raise KeepingError(
                f"its result, a `{type(value).__name__}`, cannot be written: "
                f"{type_name(error)}: {message_of(error)}"
            ) from error

    def _ask_trigger(self, node: int, index: int) -> None:
        """Raise where a trigger of the user's does not accept how the upstreams ended."""
        task = self.plan.tasks[node]
        trigger: Any = task.trigger
        try:
            accepted = trigger(self.engine.upstream_states(node, index))
        except Signal as signal:
            raise TriggerSignal(signal) from signal
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
        if isinstance(error, Signal):
            return self._signalled(call, error)
        if isinstance(error, KeyboardInterrupt) and self.engine.asked_to_stop:
            return CANCELLED, Detail(message="Interrupted."), None
        if isinstance(error, TriggerSignal):
            return self.given(call, error.signal.state, error.signal)
        if isinstance(error, TriggerRefusedError):
            failure = describe(error.__cause__ or error, "trigger")
            # What is shown says which trigger; the state says what classic's does.
            signal = TRIGGERFAIL(REFUSED)
            value = error.__cause__ or signal
            state = None if error.__cause__ is not None else signal.state
            return TRIGGER_FAILED, Detail(failure=failure, message=str(error), state=state), value
        if isinstance(error, Instead):
            return self.given(call, error.state, error.cause)
        if isinstance(error, KeepingError):
            return FAILED, Detail(failure=describe(error, "storage")), error
        status = TIMED_OUT if isinstance(error, TaskTimeoutError) else FAILED
        failure = describe(error, "timeout" if status == TIMED_OUT else "error")
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
            return FAILED, Detail(failure=describe(cause)), cause
        elif status >= FAILED:
            found = Detail(failure=self._failure_of(state, cause))
        return status, found._replace(message=state.message or "", state=state), value

    def _failure_of(self, state: State, cause: BaseException | None) -> Failure:
        if isinstance(cause, Signal) and not isinstance(cause, ENDRUN):
            return describe(cause, "signal")
        error = cause if cause is not None and not isinstance(cause, ENDRUN) else state.result
        if isinstance(error, BaseException):
            return describe(error)
        return Failure("signal", type(state).__name__, state.message or "")

    def retried(self, call: Call, state: State, detail: Detail) -> Detail:
        """Add the delay, where the task's policy gives another attempt after a state like this."""
        error = state.result if isinstance(state.result, BaseException) else NoError()
        return self._with_retry(call, error, detail)

    def _iteration(self, call: Call) -> int:
        return max(1, self.engine.rounds.get(call[:2], FIRST).iteration)

    def _with_retry(self, call: Call, error: BaseException, detail: Detail) -> Detail:
        """Add the delay, where the task's policy gives another attempt; the function may be the user's."""
        node, index, attempt = call
        task = self.plan.tasks[node]
        attempt -= self.engine.machine.forgiven(node, index)
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
            return seconds_until(signal.start_time)
        task = self.plan.tasks[node]
        return delay_after(task, attempt) if task.retry_delay is not None else 0.0


def _called(run: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    value = run(**arguments)
    return _awaited(value) if type(value) is CoroutineType else value


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
    finished = (node, index, attempt, status, started, now, None, detail), value, None
    if worker.engine.manner.task_handlers or node in worker.plan.handled:
        return worker.handling.ended(call, finished)
    return finished
