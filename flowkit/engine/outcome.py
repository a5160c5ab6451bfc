"""How a run ended, as states."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flowkit.engine.failure import LONGEST_MESSAGE
from flowkit.engine.rounds import FIRST
from flowkit.flow.edge import Edge
from flowkit.flow.task import Task
from flowkit.plan.events import Detail, Failure
from flowkit.plan.plan import Plan
from flowkit.plan.state import (
    Cached,
    Cancelled,
    Failed,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Running,
    State,
    Success,
)
from flowkit.plan.status import CACHED, CANCELLED, FAILED, PAUSED, RETRYING, SUCCESS
from flowkit.plan.task_states import TaskStates
from flowkit.plan.verdicts import state_class
from flowkit.plan.waiting import mark_of

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

RUNNING_FLOW = "Running flow."
MAPPED_TASK = "Ready to proceed with mapping."


class States:
    """The states of the tasks of a run, made from its columns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._machine = engine.machine
        self._plan = engine.plan

    def of(self, node: int, index: int = -1) -> State:
        """The state of a task, or of a child of a mapped one."""
        group = self._machine.groups.get(node)
        if index < 0 and group is not None:
            return self._mapped(node, group.width)
        detail = self._engine.details.get((node, index))
        status = self._machine.status[node] if index < 0 else group.states[index]  # type: ignore[union-attr]
        mark = mark_of(node, index)
        status = self._machine.held.get(mark, status)
        if (
            detail is not None
            and detail.state is not None
            and (status == PAUSED) <= detail.state.is_pending()
        ):
            given: State = detail.state
            return given
        if status == RETRYING:
            return self._retrying(node, index, detail)
        reason = self._machine.reasons.get(mark)
        value = self._engine.value_of(node, index)
        places = self._engine.places
        if places is not None and (node, index) in places.written and status in (SUCCESS, CACHED):
            value = places.written[node, index]
        message = message_of_end(status, detail, value) if reason is None else reason
        task = self._plan.tasks[node]
        tags = {"tags": sorted(task.tags)}
        good_for = task.keeping.cache_for
        if good_for is not None and status in (SUCCESS, CACHED):  # as in classic, also where it was made now
            return Cached(message, value, context=tags, cached_result_expiration=datetime.now(UTC) + good_for)
        return state_class(status, reason)(message, value, context=tags)

    def _retrying(self, node: int, index: int, detail: Detail | None) -> State:
        """The state of what waits for another attempt."""
        made = self._machine.attempt(node, index) - 1
        made -= self._engine.rounds.get((node, index), FIRST).before
        wait = 0.0 if detail is None or detail.retry_in is None else detail.retry_in
        return Retrying(
            f"Retrying Task (after attempt {made} of {self._plan.tasks[node].max_retries + 1})",
            start_time=datetime.now(UTC) + timedelta(seconds=wait),
            run_count=made,
        )

    def _mapped(self, node: int, width: int) -> State:
        children = [self.of(node, index) for index in range(width)]
        values = [child.result for child in children]
        if self._machine.status[node] == CANCELLED:
            return Cancelled("The run was stopped before all children had ended.", values)
        return Mapped(MAPPED_TASK, values, map_states=children)

    def upstream(self, node: int, index: int) -> dict[Edge, State]:
        """How the upstreams of a task ended, by edge."""
        shape = self._plan.groups.get(node)
        pairs = shape.pairs if shape is not None else ()
        found = {
            edge: self.of(source, index if source in pairs else -1)
            for edge, source in self._plan.custom[node]
        }
        for edge, value in self._plan.custom_constants.get(node, ()):
            found[edge] = Success("It is a constant.", value)
        return found


def message_of_end(status: int, detail: Detail | None, value: Any) -> str:
    """What the state says that an end is.

    Args:
        value: of the task, or the exception where it failed.
    """
    if detail is not None and detail.message:
        return detail.message
    if detail is not None and detail.failure is not None:
        return _of_failure(detail.failure, value)
    return "Task run succeeded." if status in (SUCCESS, CACHED) else ""


def _of_failure(failure: Failure, error: Any) -> str:
    """As Prefect classic says it where a task raised."""
    if failure.kind == "error" and isinstance(error, BaseException):
        with contextlib.suppress(BaseException):  # the user's `__repr__`
            shown = repr(error)
            if len(shown) < LONGEST_MESSAGE:
                return f"Error during execution of task: {shown}"
    return str(failure)


@dataclass(frozen=True)
class Outcome:
    """A run that is over.

    Attributes:
        duration: seconds.
        interrupted: the signal that cut it short; None too where everything had ended all the same.
        timed_out: whether its own time limit cut it short.
        left_behind: workers whose task could not be stopped and still runs.
        broken: what kept the run from being remembered; it was stopped for it.
        final: what the handlers of the flow have made of its state; None: nothing.
        told: why it was cut short, where who asked for that has said so; else "".
    """

    engine: Engine
    duration: float
    interrupted: int | None
    timed_out: bool
    left_behind: tuple[str, ...]
    broken: BaseException | None = None
    final: State | None = None
    told: str = ""

    @property
    def plan(self) -> Plan:
        """What was run."""
        return self.engine.plan

    @property
    def ending(self) -> str:
        """What cut the run short, in the same words wherever it is said; "" where nothing did."""
        if self.interrupted is None:
            return f"stopped after its limit of {_time(self.engine.timeout)}" if self.timed_out else ""
        if self.told:
            return self.told
        if self.interrupted == signal.SIGINT:
            return "interrupted by ctrl-c"
        if self.interrupted == signal.SIGALRM:
            return "stopped, as the run around it was, or had no time left"
        return f"stopped by {signal.Signals(self.interrupted).name}"

    @cached_property
    def states(self) -> States:
        """The states of its tasks."""
        return States(self.engine)

    @cached_property
    def state(self) -> State:
        """The state of the run; its result maps the tasks of the plan to their states."""
        if self.final is not None and self.broken is None and self.interrupted is None:
            return self.final
        kind, message = self._verdict()
        marks = zip(self.plan.tasks, range(self.plan.size), strict=True)
        return kind(message, TaskStates(marks, self.states.of))

    def _verdict(self) -> tuple[type[State], str]:
        statuses = self._reference_statuses()
        if self.broken is not None:
            return Failed, f"The run could not be recorded: {self.broken}"
        if self.engine.stranded is not None:
            return Failed, f"The run could not go on: {self.engine.stranded.message}"
        if self.interrupted is not None:
            return Cancelled, "The run was interrupted."
        if self.timed_out:
            return Failed, "The run took longer than its time limit."
        if self.paused:
            return Paused, f"It waits for {', '.join(self.paused)} to be let on."
        if self.engine.machine.held:
            return Running, RUNNING_FLOW
        if any(status >= FAILED for status in statuses):
            return Failed, "Some reference tasks failed."
        return Success, "All reference tasks succeeded."

    @property
    def reference_states(self) -> set[State]:
        """The states of the tasks that decide; of mapped ones, those of the children."""
        found: set[State] = set()
        for node in self.plan.references:
            state = self.states.of(node)
            found.update(state.map_states if isinstance(state, Mapped) else [state])
        return found

    def _reference_statuses(self) -> set[int]:
        """How the tasks that decide ended; of a mapped one, its children and itself."""
        machine = self.engine.machine
        found = {machine.status[node] for node in self.plan.references}
        for node in self.plan.references:
            if node in machine.groups:
                found.update(machine.groups[node].states)
        return found

    @cached_property
    def paused(self) -> list[str]:
        """The keys of the tasks that wait for somebody to let them go on."""
        held = self.engine.machine.held.items()
        marks = [mark for mark, status in held if status == PAUSED and not self.engine.machine.one_pass]
        return [self.plan.key(*mark) if isinstance(mark, tuple) else self.plan.key(mark) for mark in marks]

    @property
    def exit_code(self) -> int:
        """0 or 1; where the run was cut short 124 for its time limit, 128 and more for a signal."""
        if self.broken is not None or self.engine.stranded is not None:
            return 1
        if self.interrupted is not None:
            return 128 + self.interrupted
        if self.timed_out:
            return 124
        return 0 if self.state.is_successful() or (self.paused and not self.state.is_finished()) else 1


def _time(seconds: float | None) -> str:
    """`90s`, `5m`, `1h`: as people give it."""
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds and seconds >= size and not seconds % size:
            return f"{seconds / size:g}{unit}"
    return f"{seconds or 0:g}s"


def not_run(tasks: dict[Task, Any]) -> TaskStates:
    """States for tasks that were never part of a run."""
    return TaskStates(((task, None) for task in tasks), lambda _: Pending("Task not run."))
