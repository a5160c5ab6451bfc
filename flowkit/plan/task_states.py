"""The states of the tasks of a run, as its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flowkit.plan.state import State

if TYPE_CHECKING:
    from flowkit.flow.task import Task


class TaskStates(Mapping["Task", State]):
    """The states of the tasks of a run, made when they are asked for.

    A run of 100,000 tasks would otherwise end by making as many objects that nobody looks at.

    Args:
        tasks: the tasks of the flow.
        make: gives the state of one.
    """

    def __init__(self, tasks: Mapping[Task, Any], make: Any) -> None:
        self._tasks = tasks
        self._make = make
        self._made: dict[Task, State] = {}

    def __getitem__(self, task: Task) -> State:
        state = self._made.get(task)
        if state is None:
            if task not in self._tasks:
                raise KeyError(task)
            state = self._made[task] = self._make(task)
        return state

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def __repr__(self) -> str:
        return f"<states of {len(self)} tasks>"
