"""How long to wait before another attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flowkit.errors import CallError, DefinitionError, UsageError
from flowkit.flow.task import Task


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that grow: `first * factor ** (attempt - 1)`, at most `longest`.

    Attributes:
        first: seconds before the second attempt.
        factor: by what each further delay is longer.
        longest: seconds, or None.
        jitter: a share of the delay by which it is lengthened or shortened at random, 0 to 1.
    """

    first: float
    factor: float = 2.0
    longest: float | None = None
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.first < 0 or self.factor <= 0 or not 0 <= self.jitter <= 1:
            raise DefinitionError(
                "`backoff` takes a delay of 0 or more, a factor above 0 and a jitter of 0 to 1"
            )

    def __call__(self, attempt: int) -> float:
        """Seconds to wait after this attempt failed."""
        try:
            delay = self.first * self.factor ** (attempt - 1)
        except OverflowError:
            delay = float("inf")
        if self.longest is not None:
            delay = min(delay, self.longest)
        return delay * (1 + self.jitter * random.uniform(-1, 1))


def backoff(
    first: float | timedelta,
    factor: float = 2.0,
    longest: float | timedelta | None = None,
    jitter: float = 0.0,
) -> Backoff:
    """A `retry_delay` that grows with each attempt; see `Backoff`."""
    return Backoff(seconds(first), factor, None if longest is None else seconds(longest), jitter)


def seconds(delay: Any) -> float:
    """A number of seconds, from that or a `timedelta`.

    Raises:
        CallError: anything else.
    """
    if isinstance(delay, timedelta):
        return delay.total_seconds()
    if isinstance(delay, int | float):
        return float(delay)
    raise CallError(f"a delay is a number of seconds or a `timedelta`, not `{type(delay).__name__}`")


def delay_after(task: Task, attempt: int) -> float:
    """Seconds to wait after this attempt failed; may call a function of the user's."""
    delay = task.retry_delay
    if isinstance(delay, list | tuple):
        delay = delay[min(attempt, len(delay)) - 1] if delay else 0.0
    elif callable(delay):
        delay = delay(attempt)
    return max(0.0, seconds(delay))


def wanted(task: Task, error: BaseException, attempt: int) -> bool:
    """Whether the task's policy gives another attempt after this error.

    What flowkit refused as asked wrongly, such as a task of classic's library that it does not have, it would
    refuse again.
    """
    if attempt > task.max_retries:
        return False
    return (
        isinstance(error, task.retry_on) if task.retry_on is not None else not isinstance(error, UsageError)
    )
