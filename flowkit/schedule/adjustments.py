"""Moving candidates that count: functions from an aware datetime to another. (Prefect classic, 16.7)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flowkit.errors import CallError
from flowkit.schedule import zones
from flowkit.schedule.text import duration_text

_NOTHING = timedelta(0)
# What a day of the wall can be longer or shorter than 24 hours: an island that changes sides loses one.
_CHANGE = timedelta(days=1)


@dataclass(frozen=True, slots=True, repr=False)
class Add:
    """Move by so much; see `add`."""

    interval: timedelta

    def __call__(self, moment: datetime) -> datetime:
        """The moment, moved."""
        return zones.shift(moment, self.interval)

    def __repr__(self) -> str:
        return f"add({duration_text(self.interval)})"


def add(interval: timedelta) -> Add:
    """Move by an interval, back if it is negative.

    Whole days are days of the wall, what is left is absolute, as for `IntervalClock`.

    Raises:
        CallError: not a `timedelta`.
    """
    if not isinstance(interval, timedelta):
        raise CallError(
            f"`add` takes a `timedelta`, not `{type(interval).__name__}`",
            hints=("as in `timedelta(hours=2)`",),
        )
    return Add(zones.plain(interval))


def next_weekday(dt: datetime) -> datetime:
    """Saturday and Sunday become Monday, at the same time of the day."""
    return zones.shift(dt, timedelta(days=max(0, 7 - dt.weekday()))) if dt.weekday() >= 5 else dt


def reach(adjustments: list[Callable[[datetime], datetime]]) -> tuple[timedelta, timedelta]:
    """By how much these adjustments together move a time at least and at most.

    A function of the user's counts as 0: what it does cannot be known.
    """
    least = most = _NOTHING
    for each in adjustments:
        if isinstance(each, Add):
            change = _CHANGE if abs(each.interval) >= timedelta(days=1) else _NOTHING
            least, most = least + each.interval - change, most + each.interval + change
        elif each is next_weekday:
            most += timedelta(days=2) + _CHANGE
    return least, most
