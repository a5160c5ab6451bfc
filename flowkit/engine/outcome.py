"""How a run ended, as states."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flowkit.flow.edge import Edge
from flowkit.flow.task import Task
from flowkit.plan.plan import Plan
from flowkit.plan.state import (
    CLASSES,
    Cancelled,
    Failed,
    Mapped,
    Pending,
    Retrying,
    State,
    Success,
)
from flowkit.plan.status import CACHED, CANCELLED, FAILED, SUCCESS
from flowkit.plan.task_states import TaskStates

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine


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
        status = self._machine.status[node] if index < 0 else group.states[index]  # type: ignore[union-attr]
        state = CLASSES[status](self._message(node, index, status), self._engine.value_of(node, index))
        if isinstance(state, Retrying):
            state.run_count = self._machine.attempt(node, index) - 1
        return state

    def _mapped(self, node: int, width: int) -> State:
        children = [self.of(node, index) for index in range(width)]
        values = [child.result for child in children]
        if self._machine.status[node] == CANCELLED:
            return Cancelled("The run was stopped before all children had ended.", values)
        return Mapped("Mapped tasks have ended.", values, map_states=children)

    def _message(self, node: int, index: int, status: int) -> str:
        reason = self._machine.reasons.get(node if index < 0 else (node, index))
        if reason is not None:
            return reason
        detail = self._engine.details.get((node, index))
        if detail is not None and detail.message:
            return detail.message
        if detail is not None and detail.failure is not None:
            return str(detail.failure)
        return "Task run succeeded." if status in (SUCCESS, CACHED) else ""

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


@dataclass(frozen=True)
class Outcome:
    """A run that is over.

    Attributes:
        duration: seconds.
        interrupted: the signal that cut it short; None too where everything had ended all the same.
        timed_out: whether its own time limit cut it short.
        left_behind: workers whose task could not be stopped and still runs.
        broken: what kept the run from being remembered; it was stopped for it.
    """

    engine: Engine
    duration: float
    interrupted: int | None
    timed_out: bool
    left_behind: tuple[str, ...]
    broken: BaseException | None = None

    @property
    def plan(self) -> Plan:
        """What was run."""
        return self.engine.plan

    @cached_property
    def states(self) -> States:
        """The states of its tasks."""
        return States(self.engine)

    @cached_property
    def state(self) -> State:
        """The state of the run; its result maps the tasks of the plan to their states."""
        kind, message = self._verdict()
        nodes = {task: node for node, task in enumerate(self.plan.tasks)}
        return kind(message, TaskStates(nodes, lambda task: self.states.of(nodes[task])))

    def _verdict(self) -> tuple[type[State], str]:
        statuses = self._reference_statuses()
        if self.broken is not None:
            return Failed, f"The run could not be recorded: {self.broken}"
        if self.interrupted is not None:
            return Cancelled, "The run was interrupted."
        if self.timed_out:
            return Failed, "The run took longer than its time limit."
        if any(status >= FAILED for status in statuses):
            return Failed, "Some reference tasks failed."
        return Success, "All reference tasks succeeded."

    def _reference_statuses(self) -> set[int]:
        """How the tasks that decide ended; of a mapped one, its children and itself."""
        machine = self.engine.machine
        found = {machine.status[node] for node in self.plan.references}
        for node in self.plan.references:
            if node in machine.groups:
                found.update(machine.groups[node].states)
        return found

    @property
    def exit_code(self) -> int:
        """0 or 1; where the run was cut short 124 for its time limit, 128 and more for a signal."""
        if self.broken is not None:
            return 1
        if self.interrupted is not None:
            return 128 + self.interrupted
        if self.timed_out:
            return 124
        return 0 if self.state.is_successful() else 1


def not_run(tasks: dict[Task, Any]) -> TaskStates:
    """States for tasks that were never part of a run."""
    return TaskStates(tasks, lambda task: Pending("Task not run."))
