"""Calling state handlers: around the attempts of a task, and for what is decided without one.

A worker does it, outside of the lock. Source of the rules: Prefect classic, 17.1 to 17.4.

Guarantees: handlers of a task see its changes in order, each of them once; what one returns is what the next
one sees, and what follows from it; where one raises, the task ends, and that is what it ends as.
Relies on: an attempt is carried out by one worker. One that is given up may still be told of its own end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flowkit.engine.context import CURRENT
from flowkit.engine.failure import describe
from flowkit.engine.interrupts import OverdueError
from flowkit.engine.judging import Instead
from flowkit.engine.outcome import MAPPED_TASK, message_of_end
from flowkit.engine.rounds import FIRST
from flowkit.engine.signals import ENDRUN, PAUSE, TRIGGERFAIL, Signal
from flowkit.flow.task import Task
from flowkit.plan.events import Call, Detail, Row
from flowkit.plan.no_result import NoResult
from flowkit.plan.state import (
    CLASSES,
    Failed,
    Mapped,
    Paused,
    Pending,
    Resume,
    Retrying,
    Running,
    State,
    TriggerFailed,
    status_of,
)
from flowkit.plan.status import (
    CANCELLED,
    EXPANDED,
    FAILED,
    LOOPED,
    MAPPED,
    PAUSED,
    RETRYING,
    SKIPPED,
    TRIGGER_FAILED,
)
from flowkit.plan.verdicts import NOTHING_TO_MAP, state_class

if TYPE_CHECKING:
    from flowkit.engine.worker import Finished, Worker

Handler = Callable[[Any, State, State], State | None]
_UNEXPECTED = "Unexpected error while calling state handlers: {!r}"


class Moved:
    """What handlers have made of a new state.

    Attributes:
        state: what it is now.
        cause: what one of them raised.
        final: whether nothing follows from it but its end: neither a retry nor a call.
    """

    __slots__ = ("cause", "final", "state")

    def __init__(self, state: State, cause: BaseException | None = None, final: bool = False) -> None:
        self.state = state
        self.cause = cause
        self.final = final


def moved(tracked: Any, handlers: Iterable[Handler], old: State, new: State) -> Moved:
    """Ask handlers about a change."""
    for handler in handlers:
        try:
            answer = handler(tracked, old, new)
            if answer is not None and not isinstance(answer, State):
                raise TypeError(f"a state handler returns a state or None, not `{type(answer).__name__}`")
        except ENDRUN as signal:
            return Moved(signal.state, signal, final=True)
        except Signal as signal:
            return Moved(signal.state, signal)
        except Exception as error:
            return Moved(Failed(_UNEXPECTED.format(error), error), error, final=True)
        new = answer if answer is not None else new
    return Moved(new)


class Handling:
    """The handlers of the tasks of one run."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._engine = worker.engine
        self._plan = worker.plan
        self._before: dict[tuple[int, int], State] = {}

    def begun(self, call: Call) -> None:
        """Tell the handlers that the user's function is about to be called.

        Raises:
            Instead: one of them had it end otherwise.
        """
        begun = self._moved(call, self._old(call), Running("Starting task run."))
        if begun.cause is not None or not begun.state.is_running():
            raise Instead(begun.state, begun.cause)
        self._before[call[:2]] = begun.state

    def ended(self, call: Call, finished: Finished) -> Finished:
        """What becomes of an attempt that was given up, once its handlers were asked."""
        around = CURRENT.set((self._engine, call))
        try:
            return self.told(call, finished)
        except Exception as error:
            row = finished[0]
            return (*row[:3], FAILED, *row[4:7], Detail(failure=describe(error))), error, None
        finally:
            CURRENT.reset(around)

    def told(self, call: Call, finished: Finished) -> Finished:
        """Tell the handlers of an end, and of the retry that follows from it."""
        row, value, kept = finished
        if row[3] == CANCELLED or isinstance(value, OverdueError) or not self._is_awaited(call):
            return finished
        child, detail = call[:2], row[7]
        old, state = self._old(call), self._state_of(row, value)
        result = moved(*self._who(call), old, state)
        if result.state is not state or result.cause is not None or result.state.result is not value:
            if kept is not None:
                kept.drop()
            finished = self._given(call, row, result)
            row, detail = finished[0], finished[0][7]
            if FAILED <= row[3] < CANCELLED and old.is_running() and not result.final:
                detail = self._worker.judging.retried(call, result.state, detail)
                finished = ((*row[:7], detail), *finished[1:])
        if FAILED <= row[3] < CANCELLED and detail is not None and detail.retry_in is not None:
            return self._retrying(call, finished, result.state)
        if row[3] in (RETRYING, PAUSED):
            self._before[child] = result.state
        return finished

    def _retrying(self, call: Call, finished: Finished, old: State) -> Finished:
        row, _, _ = finished
        attempts = call[2] - self._engine.rounds.get(call[:2], FIRST).before
        most = self._plan.tasks[call[0]].max_retries + 1
        at = datetime.now(UTC) + timedelta(seconds=row[7].retry_in)
        said = f"Retrying Task (after attempt {attempts} of {most})"
        state = Retrying(said, start_time=at, run_count=attempts, context=self._context(call))
        result = moved(*self._who(call), old, state)
        if result.cause is None and result.state.is_retrying():
            self._before[call[:2]] = result.state
            return finished
        return self._given(call, row, result)

    def decided(self, call: Call, proposed: tuple[int, str], name: str, started: float) -> Finished:
        """Tell the handlers of what is decided without an attempt."""
        status, reason = proposed
        state = self._proposal(call, status, reason)
        result = moved(*self._who(call), self._old(call), state)
        if result.cause is None and (
            result.state is state or (status == EXPANDED and status_of(result.state) == MAPPED)
        ):
            if status == PAUSED:
                self._before[call[:2]] = result.state
            return (*call, status, started, started, name, None), None, None
        row = (*call, status, started, started, name, None)
        finished = self._given(call, row, result)
        given = finished[0][3]
        if given in (RETRYING, LOOPED) or (status == EXPANDED and not SKIPPED <= given <= CANCELLED):
            error = TypeError(f"a task that has not run cannot be {result.state!r} instead of {state!r}")
            return self._given(call, row, Moved(Failed(_UNEXPECTED.format(error), error), error))
        return finished

    def _proposal(self, call: Call, status: int, reason: str) -> State:
        if status == EXPANDED:
            return Mapped(MAPPED_TASK, context=self._context(call))
        if status == TRIGGER_FAILED and reason != NOTHING_TO_MAP:
            return TriggerFailed(reason, TRIGGERFAIL(reason), context=self._context(call))
        result = PAUSE(reason) if status == PAUSED else NoResult
        return state_class(status, reason)(reason, result, context=self._context(call))

    def _given(self, call: Call, row: Row, result: Moved) -> Finished:
        """The end that a state is which a handler has given."""
        status, detail, value = self._worker.judging.given(call, result.state, result.cause)
        return self._worker.finished((*row[:3], status, *row[4:7], detail), value)

    def _state_of(self, row: Row, value: Any) -> State:
        """The state that an end is."""
        call, status, detail = row[:3], row[3], row[7]
        if detail is not None and detail.state is not None:
            given: State = detail.state
            return given
        return CLASSES[status](message_of_end(status, detail, value), value, context=self._context(call))

    def _moved(self, call: Call, old: State, new: State) -> Moved:
        return moved(*self._who(call), old, new)

    def _who(self, call: Call) -> tuple[Task, Sequence[Handler]]:
        """The task, and who is told."""
        task = self._plan.tasks[call[0]]
        return task, (*task.state_handlers, *self._engine.manner.task_handlers)

    def _context(self, call: Call) -> dict[str, Any]:
        return {"tags": sorted(self._plan.tasks[call[0]].tags)}

    def _old(self, call: Call) -> State:
        """The state before the one that comes now; it is asked for once."""
        node, index, attempt = call
        state = self._before.pop((node, index), None)
        again = self._engine.rounds.get((node, index), FIRST)
        let_on = self._engine.machine.was_let_on(node, index)
        if (state is None and again.resumed) or (let_on and (state is None or isinstance(state, Paused))):
            return Resume()
        if state is not None:
            return state
        made = attempt - again.before
        return Retrying(run_count=made - 1) if made > 1 else Pending()

    def _is_awaited(self, call: Call) -> bool:
        """Whether an attempt was not given up meanwhile."""
        with self._engine.lock:
            return self._engine.machine.is_running(*call)
