"""Dates that are written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from flowkit.errors import CallError, DefinitionError
from flowkit.schedule import zones
from flowkit.schedule.clock import Clock
from flowkit.schedule.text import moment_text


class DatesClock(Clock):
    """These dates, each in its own zone, in order and each once. (Prefect classic, 16.5)

    Args:
        dates: at least one.
        parameter_defaults, labels: see `Clock`.

    Raises:
        CallError: not datetimes.
        DefinitionError: no date.
    """

    def __init__(
        self,
        dates: Iterable[datetime],
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        if not isinstance(dates, Iterable):
            raise CallError(f"`dates` of `DatesClock` is a list of datetimes, not `{type(dates).__name__}`")
        given = [zones.aware(date, "each of `dates` of `DatesClock`") for date in dates]
        if not given:
            raise DefinitionError("`DatesClock` needs at least one date")
        self.dates = sorted(given, key=zones.instant)
        super().__init__(self.dates[0], self.dates[-1], parameter_defaults, labels)

    def times(self, after: datetime) -> Iterator[datetime]:
        return iter(self.dates)

    def describe(self) -> dict[str, Any]:
        described = super().describe()
        del described["start_date"], described["end_date"]  # the dates say them
        return {"dates": [moment_text(date) for date in self.dates], **described}
