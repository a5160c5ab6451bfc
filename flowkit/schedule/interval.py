"""Every so often, counted from a date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flowkit.errors import CallError, DefinitionError
from flowkit.schedule import zones
from flowkit.schedule.clock import Clock
from flowkit.schedule.text import duration_text

ANCHOR = datetime(2019, 1, 1, tzinfo=UTC)


class IntervalClock(Clock):
    """Every `interval` from `start_date` on, which is itself a time.

    Whole days of the interval are days of the wall: 9:00 stays 9:00 when clocks are put forward or back.
    What is left is absolute: an hourly clock strikes each hour that passes. Time number k is computed from
    the start, so nothing drifts. A time that the wall skips comes as long after the skip; of one that the
    wall shows twice the first is meant, or the second where `start_date` is in a second pass. (Prefect
    classic, 16.3)

    Args:
        interval: above 0.
        start_date: where counting starts, 2019-01-01 UTC by default; its zone is that of the clock.
        end_date, parameter_defaults, labels: see `Clock`.

    Raises:
        CallError: the interval is no `timedelta`, or another argument is not of its kind.
        DefinitionError: the interval is not above 0.
    """

    def __init__(
        self,
        interval: timedelta,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        if not isinstance(interval, timedelta):
            raise CallError(
                f"an interval is a `timedelta`, not `{type(interval).__name__}`",
                hints=("as in `timedelta(minutes=5)`",),
            )
        self.interval = zones.plain(interval)
        if self.interval <= timedelta(0):
            raise DefinitionError(f"an interval is above 0, not `{duration_text(self.interval)}`")
        super().__init__(start_date, end_date, parameter_defaults, labels)

    def times(self, after: datetime) -> Iterator[datetime]:
        start = self.start_date or ANCHOR
        # Two offsets are less than 48 hours apart, so days of the wall and of 24 hours are too: two early do.
        number = max(0, (after - zones.instant(start)) // self.interval - 2)
        while True:
            yield self._time(start, number)
            number += 1

    def _time(self, start: datetime, number: int) -> datetime:
        days = timedelta(days=self.interval.days)
        there = zones.shift(start, days * number)
        return zones.shift_absolutely(there, (self.interval - days) * number)

    def describe(self) -> dict[str, Any]:
        return {"interval": duration_text(self.interval), **super().describe()}
