"""The states of the tasks of a run, as its result."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, ValuesView
from typing import TYPE_CHECKING, Any

from flowkit.plan.state import State

if TYPE_CHECKING:
    from flowkit.flow.task import Task


class TaskStates(dict["Task", State]):
    """The states of the tasks of a run, made when they are asked for.

    A run of 100,000 tasks would otherwise end by making as many objects that nobody looks at.

    Args:
        marks: each task of the flow with what stands for it until its state is asked for.
        make: gives the state that a mark stands for.
    """

    def __init__(self, marks: Iterable[tuple[Task, Any]], make: Callable[[Any], State]) -> None:
        super().__init__(marks)
        self._make = make

    def __getitem__(self, task: Task) -> State:
        found: Any = super().__getitem__(task)
        if not isinstance(found, State):
            found = self[task] = self._make(found)
        state: State = found
        return state

    def __iter__(self) -> Iterator[Task]:  # else `dict(states)` would take what is not made yet
        return super().__iter__()

    def get(self, task: Task, default: Any = None) -> Any:
        """The state of a task, or `default` where it is none of these."""
        try:
            return self[task]
        except KeyError:
            return default

    def pop(self, task: Task, *default: Any) -> Any:
        """Take the state of a task out."""
        if task in self:
            self[task]
        return super().pop(task, *default)

    def values(self) -> ValuesView[State]:  # type: ignore[override]
        """All states."""
        self._make_all()
        return super().values()

    def items(self) -> ItemsView[Task, State]:  # type: ignore[override]
        """All tasks and their states."""
        self._make_all()
        return super().items()

    def copy(self) -> dict[Task, State]:
        """All tasks and their states, as a plain dict."""
        return dict(self.items())

    def __eq__(self, other: object) -> bool:
        return self.copy() == (other.copy() if isinstance(other, TaskStates) else other)

    __hash__ = None

    def __repr__(self) -> str:
        return repr(self.copy())

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.copy(),)

    def _make_all(self) -> None:
        for task in self:
            self[task]
