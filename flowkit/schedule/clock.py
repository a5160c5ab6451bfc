"""What all clocks share: the bounds, the order, and what a run is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from flowkit.schedule import zones
from flowkit.schedule.event import ClockEvent, checked_defaults, checked_labels
from flowkit.schedule.text import moment_text


class Clock:
    """Base of clocks; one of your own says its times in `times`, and its kind in `describe`.

    Guarantees: events come strictly one after another, strictly after what was asked for, never before
    `start_date` nor after `end_date`, which both count; they end with the year 9999.

    Args:
        start_date: the first possible time; its zone is that of the clock, else UTC.
        end_date: the last possible time.
        parameter_defaults: values of parameters for the runs of this clock; they outrank others.
        labels: of the runs of this clock.

    Raises:
        CallError: an argument is not of its kind.
    """

    def __init__(
        self,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        own = f"`{type(self).__name__}`"
        self.start_date = None if start_date is None else zones.aware(start_date, f"`start_date` of {own}")
        self.end_date = None if end_date is None else zones.aware(end_date, f"`end_date` of {own}")
        self.parameter_defaults = checked_defaults(parameter_defaults, own)
        self.labels = checked_labels(labels, own)

    @property
    def zone(self) -> tzinfo:
        """Where the wall of this clock is."""
        return zones.zone_of(self.start_date)

    def events(self, after: datetime | None = None) -> Iterator[ClockEvent]:
        """The events of this clock, in order, perhaps without an end.

        Args:
            after: events come strictly after it; now where None, UTC where it has no zone.

        Raises:
            CallError: `after` is not a `datetime`.
        """
        moment = datetime.now(UTC) if after is None else zones.aware(after, "`after`")
        return self._events(zones.instant(moment))

    def _events(self, latest: datetime) -> Iterator[ClockEvent]:
        if self.start_date is not None:
            latest = max(latest, zones.instant(self.start_date) - datetime.resolution)
        end = None if self.end_date is None else zones.instant(self.end_date)
        times = self.times(latest)
        while True:
            try:
                moment = next(times, None)
            except OverflowError:  # the calendar of Python ends with the year 9999
                return
            if moment is None or (end is not None and zones.instant(moment) > end):
                return
            if zones.instant(moment) > latest:
                latest = zones.instant(moment)
                yield ClockEvent(moment, self.parameter_defaults, self.labels)

    def times(self, after: datetime) -> Iterator[datetime]:
        """The aware times of this clock in order, from some time before or at `after` on.

        Those up to `after`, those that repeat and those after `end_date` are left out by `events`.

        Args:
            after: in UTC, no more than an instant before `start_date`.
        """
        raise NotImplementedError(f"`{type(self).__name__}` does not say its times")

    def describe(self) -> dict[str, Any]:
        """What this clock is, as texts, lists and truth values that any file can hold.

        Values of `parameter_defaults` are their `repr`. Only what is set is there.
        """
        described: dict[str, Any] = {}
        if self.start_date is not None:
            described["start_date"] = moment_text(self.start_date)
        if self.end_date is not None:
            described["end_date"] = moment_text(self.end_date)
        if self.parameter_defaults:
            described["parameter_defaults"] = {
                str(name): repr(value) for name, value in self.parameter_defaults.items()
            }
        if self.labels:
            described["labels"] = list(self.labels)
        return described

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Clock) or type(self) is not type(other):
            return NotImplemented
        mine, theirs = self.describe(), other.describe()
        mine.pop("parameter_defaults", None)
        theirs.pop("parameter_defaults", None)
        return mine == theirs and self.parameter_defaults == other.parameter_defaults

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.describe().items())})"
