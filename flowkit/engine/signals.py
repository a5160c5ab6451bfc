"""What a task raises to end in a state of its choice.

They are `BaseException`s, so that a task's own `except Exception` does not swallow them.
Source of the vocabulary: Prefect classic, 12.1.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from flowkit.flow import skipping
from flowkit.plan.status import Status

_UNSET = object()


class Signal(BaseException):
    """Base of all signals.

    Args:
        message: what the state will say.
        result: the value that others see; default: for SUCCESS and SKIP None, else the signal itself.
    """

    status: ClassVar[int] = Status.FAILED
    message = ""
    _result: Any = _UNSET

    def __init__(self, message: str = "", result: Any = _UNSET) -> None:
        super().__init__(message)
        self.message = message if isinstance(message, str) else repr(message)
        self._result = result

    @property
    def result(self) -> Any:
        """The value that others see."""
        if self._result is not _UNSET:
            return self._result
        return None if self.status in (Status.SUCCESS, Status.SKIPPED) else self


class FAIL(Signal):
    """End as Failed; retries still apply."""


class TRIGGERFAIL(Signal):
    """End as TriggerFailed; retries do not apply."""

    status = Status.TRIGGER_FAILED


class SUCCESS(Signal):
    """End as Success, with `result`."""

    status = Status.SUCCESS


class SKIP(Signal):
    """End as Skipped; what comes after is skipped too, unless it says otherwise."""

    status = Status.SKIPPED


skipping.signal = SKIP


class RETRY(Signal):
    """Be tried again, whatever `max_retries` says.

    Args:
        start_time: when; a naive one is UTC, as in Prefect classic. Default: after the task's
            `retry_delay`, or at once.
        after: instead of a time, seconds or a `timedelta` from now.
    """

    status = Status.RETRYING

    def __init__(
        self,
        message: str = "",
        result: Any = _UNSET,
        *,
        start_time: datetime | None = None,
        after: float | timedelta | None = None,
    ) -> None:
        super().__init__(message, result)
        self.start_time = start_time
        self.after = after
