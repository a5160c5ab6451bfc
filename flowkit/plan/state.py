"""States as users see them: what became of a task or of a run.

The vocabulary is that of Prefect classic, group 11.
"""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any, ClassVar

from flowkit.plan.no_result import NoResult
from flowkit.plan.status import Status


class State:
    """What became of a task or of a run.

    Args:
        message: one sentence.
        result: of a task, its value, or the exception where it failed; of a run, the state of each task.
            Not given: there is none, which `.result` shows as None.
        context: what was known where it was made: the `tags` of its task.
        cached_inputs: arguments by name, where somebody keeps them.

    Attributes:
        color: for pictures, as `#rrggbb`.
    """

    color: ClassVar[str] = "#696969"

    def __init__(
        self,
        message: str | None = None,
        result: Any = NoResult,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Any] | None = None,
    ) -> None:
        self.message = message
        self._result = result
        self.context = dict(context or {})
        self.cached_inputs = dict(cached_inputs or {})

    @property
    def result(self) -> Any:
        """The value; None too where there is none."""
        found = self._result
        if found is NoResult:
            return None
        return found.value if getattr(type(found), "is_place", False) else found

    @result.setter
    def result(self, value: Any) -> None:
        self._result = value

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: "{self.message}">' if self.message else f"<{type(self).__name__}>"

    def __eq__(self, other: object) -> bool:
        """The same class, result and attributes, whatever the message and the context; source: Prefect
        classic, 11.4."""
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.result == other.result and _compared(self) == _compared(other))

    __hash__ = object.__hash__

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled; an exception that cannot be is replaced by a sentence (Prefect classic, 11.7)."""
        found = dict(vars(self))
        if isinstance(self._result, BaseException):
            try:
                pickle.loads(pickle.dumps(self._result))
            except Exception as error:
                found["_result"] = f"The exception {self._result!r} cannot be pickled: {error!r}"
        return found

    @classmethod
    def children(cls, include_self: bool = False, names_only: bool = False) -> list[Any]:
        """The classes below this one, those whose name begins with `_` left out; or their names."""
        below: list[type[State]] = []
        for child in cls.__subclasses__():
            below += [child, *child.children()]
        return _listed([*below, cls] if include_self else below, names_only)

    @classmethod
    def parents(cls, include_self: bool = False, names_only: bool = False) -> list[Any]:
        """The classes above this one up to `State`, or their names."""
        above = [each for each in cls.__mro__[1:] if issubclass(each, State)]
        return _listed([cls, *above] if include_self else above, names_only)

    def serialize(self) -> dict[str, Any]:
        """The state as JSON can have it, without values."""
        from flowkit.plan.state_json import serialized  # it knows all classes

        return serialized(self)

    @staticmethod
    def deserialize(document: dict[str, Any]) -> State:
        """The state that `serialize` made this of.

        Raises:
            UsageError: there is no such state.
        """
        from flowkit.plan.state_json import deserialized

        return deserialized(document)

    def is_pending(self) -> bool:
        """It has not started."""
        return isinstance(self, Pending)

    def is_scheduled(self) -> bool:
        """It is to start at a time."""
        return isinstance(self, Scheduled | Queued)

    def is_queued(self) -> bool:
        """It waits for a place to run; see `Queued`."""
        return isinstance(self, Queued)

    def is_submitted(self) -> bool:
        """It was given to an executor; see `Submitted`."""
        return isinstance(self, Submitted)

    def is_meta_state(self) -> bool:
        """It says something about another state, which is its `state`."""
        return isinstance(self, _MetaState)

    def is_running(self) -> bool:
        """It has started and not ended."""
        return isinstance(self, Running)

    def is_retrying(self) -> bool:
        """It waits for another attempt."""
        return isinstance(self, Retrying)

    def is_finished(self) -> bool:
        """It has ended, in whatever way."""
        return isinstance(self, Finished)

    def is_looped(self) -> bool:
        """An iteration of it has ended, and another follows."""
        return isinstance(self, Looped)

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


def _compared(state: State) -> dict[str, Any]:
    """The attributes that two equal states share."""
    ignored = ("message", "context")
    return {name: each for name, each in vars(state).items() if name[0] != "_" and name not in ignored}


def _listed(classes: list[Any], names_only: bool) -> list[Any]:
    shown = [each for each in classes if not each.__name__.startswith("_")]
    return [each.__name__ for each in shown] if names_only else shown


def _aware(at: datetime | None) -> datetime | None:
    """A time; one without a zone is UTC, as in Prefect classic."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


class Pending(State):
    """Not started."""

    color = "#7ebdff"


class Scheduled(Pending):
    """To be started at a time.

    Args:
        start_time: when; one without a zone is UTC. Default: now.
    """

    color = "#ffab00"

    def __init__(
        self,
        message: str | None = None,
        result: Any = NoResult,
        start_time: datetime | None = None,
        cached_inputs: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.start_time: datetime | None = _aware(start_time) or datetime.now(UTC)


class Paused(Scheduled):
    """Waits until somebody says that it may go on, or until its `start_time` where it has one."""

    color = "#99a8e8"

    def __init__(
        self,
        message: str | None = None,
        result: Any = NoResult,
        start_time: datetime | None = None,
        cached_inputs: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, start_time, cached_inputs, context)
        self.start_time = _aware(start_time)


class Resume(Scheduled):
    """May go on after a pause."""

    color = "#f58c0c"


class Retrying(Scheduled):
    """To be tried again.

    Args:
        start_time: when; default: now.
        run_count: the attempts so far.
    """

    color = "#f66a0a"

    def __init__(
        self,
        message: str | None = None,
        result: Any = NoResult,
        start_time: datetime | None = None,
        cached_inputs: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
        run_count: int | None = None,
    ) -> None:
        super().__init__(message, result, start_time, cached_inputs, context)
        self.run_count = 1 if run_count is None else run_count


class _MetaState(State):
    """Says something about another state; they never nest.

    Args:
        state: the other one.
    """

    def __init__(
        self,
        message: str | None = None,
        result: Any = NoResult,
        state: State | None = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        while isinstance(state, _MetaState):
            state = state.state
        self.state: State | None = state


class ClientFailed(_MetaState):
    """The other state could not be told to who keeps the states."""

    color = "#c80000"


class Submitted(_MetaState):
    """It was given to an executor."""

    color = "#ffdf5d"


class Queued(_MetaState):
    """It waits for a place to run, until `start_time` at least."""

    color = "#ffea7f"

    def __init__(
        self,
        message: str | None = None,
        result: Any = NoResult,
        state: State | None = None,
        start_time: datetime | None = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, state, context, cached_inputs)
        self.start_time = start_time or datetime.now(UTC)


class Running(State):
    """Started and not ended."""

    color = "#3d67ff"


class Cancelling(Running):
    """Still runs, though it was asked to stop."""

    color = "#e8e8e8"


class Finished(State):
    """Ended."""

    color = "#003ccb"


class Looped(Finished):
    """An iteration has ended, and another follows.

    Args:
        loop_count: which iteration, from 1.
    """

    color = "#5d7ee0"

    def __init__(
        self,
        message: str | None = None,
        result: Any = NoResult,
        loop_count: int | None = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.loop_count = 1 if loop_count is None else loop_count


class Success(Finished):
    """Ended well."""

    color = "#28a745"


class Cached(Success):
    """Not run, as its value was there already.

    Args:
        hashed_inputs, cached_parameters: what the value was made from.
        cached_result_expiration: until when it may be taken.
    """

    color = "#34d058"

    def __init__(
        self,
        message: str | None = None,
        result: Any = NoResult,
        cached_inputs: dict[str, Any] | None = None,
        cached_parameters: dict[str, Any] | None = None,
        cached_result_expiration: datetime | None = None,
        context: dict[str, Any] | None = None,
        hashed_inputs: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.hashed_inputs = hashed_inputs
        self.cached_parameters = cached_parameters
        self.cached_result_expiration = cached_result_expiration


class Mapped(Success):
    """A mapped task whose children have ended, each in its own way.

    Args:
        map_states: the states of the children, in order.
        n_map_states: how many there are; default: as many as those.
    """

    color = "#6f9bff"

    def __init__(
        self,
        message: str | None = None,
        result: Any = NoResult,
        map_states: Any = (),
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Any] | None = None,
        n_map_states: int | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.map_states: list[Any] = list(map_states or ())
        self._n_map_states = n_map_states

    @property
    def n_map_states(self) -> int:
        """How many children there are."""
        return len(self.map_states) if self._n_map_states is None else self._n_map_states


class Skipped(Success):
    """Not run, because of a condition or of an upstream that was skipped."""

    color = "#62757f"


class Cancelled(Finished):
    """Stopped, or not started because the run was stopped."""

    color = "#bdbdbd"


class Failed(Finished):
    """Ended by an exception, which is the result."""

    color = "#eb0000"


class TimedOut(Failed):
    """Ended by its time limit."""

    color = "#ff4e33"


class TriggerFailed(Failed):
    """Not run, as its trigger did not accept how its upstreams ended."""

    color = "#ff5131"


class ValidationFailed(Failed):
    """Ended as its result is not what it has to be."""

    color = "#ff7a5c"


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
    Status.LOOPED: Looped,
    Status.PAUSED: Paused,
}


def status_of(state: State) -> int:
    """The status that a state comes to, of whatever class below those above."""
    for kind in type(state).__mro__:
        if kind in _STATUSES:
            return _STATUSES[kind]
    return int(Status.WAITING)


_STATUSES: dict[Any, int] = {
    **{kind: int(status) for status, kind in CLASSES.items() if status >= Status.SUCCESS},
    Retrying: int(Status.RETRYING),
    Scheduled: int(Status.RETRYING),
    Finished: int(Status.SUCCESS),
    Running: int(Status.RUNNING),
    Pending: int(Status.WAITING),
}
