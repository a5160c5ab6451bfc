"""Clocks, what of their times counts, and where it is moved to: the times at which a flow is due."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, overload

from flowkit.errors import CallError, UsageError
from flowkit.schedule import zones
from flowkit.schedule.adjustments import reach
from flowkit.schedule.clock import Clock
from flowkit.schedule.cron import CronClock
from flowkit.schedule.event import ClockEvent
from flowkit.schedule.interval import IntervalClock
from flowkit.schedule.rrule import RRuleClock
from flowkit.schedule.text import name_of

if TYPE_CHECKING:
    from dateutil.rrule import rrule, rruleset

CANDIDATES = 10_000
_FIRST = datetime.min.replace(tzinfo=UTC)

Filter = Callable[[datetime], bool]
Adjustment = Callable[[datetime], datetime]


class Schedule:
    """The times of some clocks, filtered, then adjusted. (Prefect classic, 16.2)

    Two schedules are equal when they are made of equal parts; a function of your own equals itself.

    Args:
        clocks: whose times are the candidates, merged in order; equal events count once.
        filters: all must accept a candidate.
        or_filters: at least one must, where there are any.
        not_filters: none may.
        adjustments: move what was accepted, one after another.

    Raises:
        CallError: a part is not of its kind.
    """

    def __init__(
        self,
        clocks: Iterable[Clock],
        filters: Iterable[Filter] | None = None,
        or_filters: Iterable[Filter] | None = None,
        not_filters: Iterable[Filter] | None = None,
        adjustments: Iterable[Adjustment] | None = None,
    ) -> None:
        self.clocks = _listed(clocks, "clocks", "clocks", lambda each: hasattr(each, "events"))
        self.filters: list[Filter] = _functions(filters, "filters")
        self.or_filters: list[Filter] = _functions(or_filters, "or_filters")
        self.not_filters: list[Filter] = _functions(not_filters, "not_filters")
        self.adjustments: list[Adjustment] = _functions(adjustments, "adjustments")

    @overload
    def next(
        self, n: int, after: datetime | None = None, return_events: Literal[False] = False
    ) -> list[datetime]: ...

    @overload
    def next(
        self, n: int, after: datetime | None = None, *, return_events: Literal[True]
    ) -> list[ClockEvent]: ...

    @overload
    def next(self, n: int, after: datetime | None, return_events: Literal[True]) -> list[ClockEvent]: ...

    def next(
        self, n: int, after: datetime | None = None, return_events: bool = False
    ) -> list[datetime] | list[ClockEvent]:
        """The next times at which the flow is due, in order, each aware and strictly after `after`.

        Fewer than `n` where the clocks end, or where 10,000 candidates held no more. Clocks that strike at
        once with other defaults or labels give that time twice.

        What has been moved is put in order, once each, and none is lost that is moved from before `after` to
        behind it. Of functions of your own it is not known how far they move a time: what they move from
        before `after` is not seen.

        Args:
            n: how many, 0 or more.
            after: now where None, UTC where it has no zone.
            return_events: whole `ClockEvent`s, with their defaults and labels.

        Raises:
            UsageError: `n` is negative.
            CallError: `after` is not a `datetime`, or an adjustment does not give one.
        """
        if n < 0:
            raise UsageError(f"`next` gives 0 times or more, not `{n}`")
        moment = zones.instant(datetime.now(UTC) if after is None else zones.aware(after, "`after`"))
        events = sorted(islice(self._due(moment), n))
        return events if return_events else [event.start_time for event in events]

    def _due(self, after: datetime) -> Iterator[ClockEvent]:
        """What is due after an instant, each once, in order."""
        given: list[ClockEvent] = []
        for event in self._adjusted(after):
            if given and zones.instant(given[0].start_time) != zones.instant(event.start_time):
                given.clear()
            if event not in given:
                given.append(event)
                yield event

    def _adjusted(self, after: datetime) -> Iterator[ClockEvent]:
        """Accepted events in the order of their adjusted times.

        One waits until no candidate that is still to come can be moved before it.
        """
        least, most = reach(self.adjustments)
        waiting: list[tuple[datetime, int, ClockEvent]] = []
        candidates = 0
        for number, event in enumerate(self._candidates(_earlier(after, most))):
            earliest = _earlier(zones.instant(event.start_time), -least)
            while waiting and waiting[0][0] <= earliest:
                yield heapq.heappop(waiting)[2]
            candidates += earliest > after
            if candidates > CANDIDATES:
                break
            if self._accepts(event.start_time) and (moved := self._move(event)) is not None:
                instant = zones.instant(moved.start_time)
                if instant > after:
                    heapq.heappush(waiting, (instant, number, moved))
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _candidates(self, after: datetime) -> Iterator[ClockEvent]:
        return heapq.merge(
            *(clock.events(after) for clock in self.clocks), key=lambda event: zones.instant(event.start_time)
        )

    def _accepts(self, moment: datetime) -> bool:
        return (
            all(accepts(moment) for accepts in self.filters)
            and (not self.or_filters or any(accepts(moment) for accepts in self.or_filters))
            and not any(accepts(moment) for accepts in self.not_filters)
        )

    def _move(self, event: ClockEvent) -> ClockEvent | None:
        moment = event.start_time
        for adjust in self.adjustments:
            try:
                moment = zones.aware(adjust(moment), f"what the adjustment `{name_of(adjust)}` gives")
            except OverflowError:  # moved out of the years 1 to 9999
                return None
        return ClockEvent(moment, event.parameter_defaults, event.labels) if self.adjustments else event

    def describe(self) -> dict[str, Any]:
        """What this schedule is, as texts, lists and truth values that any file can hold.

        `clocks` is a list of what `Clock.describe` gives; filters and adjustments are named where there are
        any.
        """
        described: dict[str, Any] = {"clocks": [_clock_described(clock) for clock in self.clocks]}
        for part, functions in self._functions().items():
            if functions:
                described[part] = [name_of(each) for each in functions]
        return described

    def _functions(self) -> dict[str, list[Any]]:
        names = ("filters", "or_filters", "not_filters", "adjustments")
        return {name: getattr(self, name) for name in names}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule):
            return NotImplemented
        return self.clocks == other.clocks and self._functions() == other._functions()

    def __repr__(self) -> str:
        parts = [f"clocks={self.clocks!r}"]
        for part, functions in self._functions().items():
            if functions:
                parts.append(f"{part}=[{', '.join(name_of(each) for each in functions)}]")
        return f"Schedule({', '.join(parts)})"


def IntervalSchedule(  # noqa: N802 - the vocabulary of Prefect classic
    interval: timedelta,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    parameter_defaults: Mapping[str, Any] | None = None,
    labels: Iterable[str] | None = None,
) -> Schedule:
    """A schedule of one `IntervalClock`; see there."""
    return Schedule([IntervalClock(interval, start_date, end_date, parameter_defaults, labels)])


def CronSchedule(  # noqa: N802
    cron: str,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    day_or: bool | None = True,
    parameter_defaults: Mapping[str, Any] | None = None,
    labels: Iterable[str] | None = None,
) -> Schedule:
    """A schedule of one `CronClock`; see there."""
    return Schedule([CronClock(cron, start_date, end_date, parameter_defaults, labels, day_or)])


def RRuleSchedule(  # noqa: N802
    rrule_obj: rrule | rruleset,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    parameter_defaults: Mapping[str, Any] | None = None,
    labels: Iterable[str] | None = None,
) -> Schedule:
    """A schedule of one `RRuleClock`; see there."""
    return Schedule([RRuleClock(rrule_obj, start_date, end_date, parameter_defaults, labels)])


def _earlier(moment: datetime, by: timedelta) -> datetime:
    """`moment - by`, within the years that Python knows."""
    try:
        return moment - by
    except OverflowError:
        return _FIRST if by > timedelta(0) else datetime.max.replace(tzinfo=UTC)


def _functions(given: Any, name: str) -> list[Any]:
    return _listed(() if given is None else given, name, "functions of a datetime", callable)


def _listed(given: Any, name: str, kind: str, fits: Callable[[Any], bool]) -> list[Any]:
    many = isinstance(given, Iterable) and not isinstance(given, str)
    listed = list(given) if many else [given]
    wrong = [each for each in listed if not many or not fits(each)]
    if wrong:
        raise CallError(f"`{name}` of a schedule is a list of {kind}, not `{wrong[0]!r}`")
    return listed


def _clock_described(clock: Any) -> Any:
    """A clock of the user's need not be a `Clock`."""
    return clock.describe() if hasattr(clock, "describe") else {"clock": type(clock).__qualname__}
