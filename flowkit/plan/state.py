"""States as users see them: what became of a task or of a run.

The vocabulary is that of Prefect classic, group 11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from flowkit.plan.status import Status

if TYPE_CHECKING:
    from flowkit.flow.task import Task


class State:
    """What became of a task or of a run.

    Args:
        message: one sentence.
        result: of a task, its value, or the exception where it failed; of a run, the state of each task.

    Attributes:
        color: for pictures, as `#rrggbb`.
    """

    color: ClassVar[str] = "#000000"

    def __init__(self, message: str | None = None, result: Any = None) -> None:
        self.message = message
        self.result = result

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: "{self.message}">' if self.message else f"<{type(self).__name__}>"

    def __eq__(self, other: object) -> bool:
        """The same class and attributes, whatever the message; source: Prefect classic, 11.4."""
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = dict(vars(self)), dict(vars(other))
        mine.pop("message"), theirs.pop("message")
        return bool(mine == theirs)

    __hash__ = object.__hash__

    def is_pending(self) -> bool:
        """It has not started."""
        return isinstance(self, Pending)

    def is_running(self) -> bool:
        """It has started and not ended."""
        return isinstance(self, Running)

    def is_retrying(self) -> bool:
        """It waits for another attempt."""
        return isinstance(self, Retrying)

    def is_finished(self) -> bool:
        """It has ended, in whatever way."""
        return isinstance(self, Finished)

    def is_successful(self) -> bool:
        """It has ended, and not badly; skipped counts."""
        return isinstance(self, Success)

    def is_failed(self) -> bool:
        """It has ended badly: failed, timed out, or not run for the failure of another."""
        return isinstance(self, Failed)

    def is_skipped(self) -> bool:
        """It was skipped."""
        return isinstance(self, Skipped)

    def is_mapped(self) -> bool:
        """It is a mapped task, whose children have states of their own."""
        return isinstance(self, Mapped)

    def is_cached(self) -> bool:
        """Its value was there already."""
        return isinstance(self, Cached)

    def is_cancelled(self) -> bool:
        """It was stopped, or never started because the run was stopped."""
        return isinstance(self, Cancelled)


class Pending(State):
    """Not started."""

    color = "#d3d3d3"


class Scheduled(Pending):
    """To be started at a time."""

    color = "#ffab00"


class Retrying(Scheduled):
    """To be tried again.

    Args:
        run_count: the attempts so far.
    """

    color = "#ffab00"

    def __init__(self, message: str | None = None, result: Any = None, run_count: int = 1) -> None:
        super().__init__(message, result)
        self.run_count = run_count


class Running(State):
    """Started and not ended."""

    color = "#3d67ff"


class Finished(State):
    """Ended."""

    color = "#ba55d3"


class Success(Finished):
    """Ended well."""

    color = "#27b376"


class Cached(Success):
    """Not run, as its value was there already."""

    color = "#34d058"


class Mapped(Success):
    """A mapped task whose children have ended, each in its own way.

    Attributes:
        map_states: the states of the children, in order.
    """

    color = "#97ffff"

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        map_states: Any = (),
        n_map_states: int | None = None,
    ) -> None:
        super().__init__(message, result)
        self.map_states = list(map_states)
        self.n_map_states = len(self.map_states) if n_map_states is None else n_map_states


class Skipped(Success):
    """Not run, because of a condition or of an upstream that was skipped."""

    color = "#62757f"


class Failed(Finished):
    """Ended by an exception, which is the result."""

    color = "#eb0000"


class TimedOut(Failed):
    """Ended by its time limit."""

    color = "#cf5353"


class TriggerFailed(Failed):
    """Not run, as its trigger did not accept how its upstreams ended."""

    color = "#f08080"


class Cancelled(Finished):
    """Stopped, or not started because the run was stopped."""

    color = "#c42800"


CLASSES: dict[int, type[State]] = {
    Status.WAITING: Pending,
    Status.READY: Pending,
    Status.RUNNING: Running,
    Status.RETRYING: Retrying,
    Status.EXPANDED: Running,
    Status.SUCCESS: Success,
    Status.CACHED: Cached,
    Status.MAPPED: Mapped,
    Status.SKIPPED: Skipped,
    Status.FAILED: Failed,
    Status.TIMED_OUT: TimedOut,
    Status.TRIGGER_FAILED: TriggerFailed,
    Status.CANCELLED: Cancelled,
}


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
