"""What a task, a trigger or a state handler raises to end in a state of its choice.

They are `BaseException`s, so that a task's own `except Exception` does not swallow them.
Source of the vocabulary: Prefect classic, 12.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, ClassVar

from flowkit.errors import UsageError
from flowkit.flow import skipping
from flowkit.plan import state as states
from flowkit.plan.state import State


class Signal(BaseException):
    """Base of all signals.

    Args:
        message: what the state will say.
        **options: what else the state is made from, such as `result`: the value that others see; default:
            the signal itself.

    Attributes:
        state: what it stands for.
    """

    kind: ClassVar[type[State]]
    _state: State | None = None
    _options: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, message: str | None = None, **options: Any) -> None:
        super().__init__(message)
        self._options = options
        text = message if message is None else str(message)
        self._state = self.kind(text, **{"result": self, **options})

    @property
    def state(self) -> State:
        """What it stands for; also of a class that does not call `__init__` of this one."""
        if self._state is None:
            self._state = self.kind(str(self) or None, result=self)
        return self._state

    @property
    def message(self) -> str:
        """What the state says, "" for nothing."""
        return self.state.message or ""

    @property
    def result(self) -> Any:
        """The value that others see."""
        return self.state.result

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _made_again, (type(self), self.args, dict(self._options))


def _made_again(kind: type[Signal], args: tuple[Any, ...], options: Mapping[str, Any]) -> Signal:
    return kind(*args, **options)


class FAIL(Signal):
    """End as Failed; retries still apply."""

    kind = states.Failed


class TRIGGERFAIL(FAIL):
    """End as TriggerFailed; where a task raises it, retries apply."""

    kind = states.TriggerFailed


class VALIDATIONFAIL(FAIL):
    """End as ValidationFailed; retries still apply."""

    kind = states.ValidationFailed


class SUCCESS(Signal):
    """End as Success, with `result`."""

    kind = states.Success


class SKIP(Signal):
    """End as Skipped; what comes after is skipped too, unless it says otherwise."""

    kind = states.Skipped


skipping.signal = SKIP


class RETRY(Signal):
    """Be tried again, whatever `max_retries` says.

    Args:
        start_time: when; a naive one is UTC, as in Prefect classic. Default: after the task's
            `retry_delay`, or at once.
        after: instead of a time, seconds or a `timedelta` from now.
        run_count: what the state says of the attempts so far.
    """

    kind = states.Retrying

    def __init__(
        self, message: str | None = None, *, after: float | timedelta | None = None, **options: Any
    ) -> None:
        super().__init__(message, **options)
        self.after = after
        self.start_time: datetime | None = options.get("start_time")
        if after is not None:
            self._options = {**options, "after": after}


class PAUSE(Signal):
    """Wait until somebody lets it go on: then the task runs again, with `context.resume`.

    Args:
        start_time: when it goes on by itself.
    """

    kind = states.Paused


class LOOP(Signal):
    """Run again at once, with `context.task_loop_count` and `context.task_loop_result`.

    Args:
        result: what the next iteration finds; default: the signal as text.
    """

    kind = states.Looped

    def __init__(self, message: str | None = None, **options: Any) -> None:
        super().__init__(message, **options)
        if "result" not in options:
            self.state.result = repr(self)


class ENDRUN(Signal):
    """End in this very state; retries do not apply.

    Args:
        state: of whatever class.
    """

    kind = State

    def __init__(self, state: State) -> None:
        super().__init__(state.message)
        self._state = state

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return ENDRUN, (self.state,)


def signal_from_state(state: State) -> type[Signal]:
    """The signal that stands for states of exactly this class.

    Raises:
        UsageError: there is none.
    """
    kinds = [FAIL, TRIGGERFAIL, VALIDATIONFAIL, SUCCESS, SKIP, RETRY, PAUSE, LOOP]
    found = next((signal for signal in kinds if signal.kind is type(state)), None)
    if found is None:
        raise UsageError(f"no signal stands for the state {state!r}")
    return found


def seconds_until(at: datetime) -> float:
    """How long it is until then, at least 0; a time without a zone is UTC, as in Prefect classic."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


PrefectStateSignal = Signal  # the name of the base in Prefect classic
