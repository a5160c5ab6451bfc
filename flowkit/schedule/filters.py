"""Which candidates of the clocks count: functions of an aware datetime, in the zone of its clock.

The rules are those of Prefect classic, 16.6. What takes arguments is a `Filter`, so that a schedule can be
compared, pickled and read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from flowkit.errors import CallError, DefinitionError
from flowkit.schedule import zones
from flowkit.schedule.text import moment_text

Day = tuple[int, int]


@dataclass(frozen=True, slots=True, repr=False)
class Filter:
    """A filter with its arguments, itself a function of a datetime.

    Attributes:
        name: its public name.
        arguments: what it was made with.
    """

    name: str
    arguments: tuple[Any, ...]

    def __call__(self, moment: datetime) -> bool:
        """Whether this candidate counts."""
        return _JUDGES[self.name](moment, *self.arguments)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(_argument_text(each) for each in self.arguments)})"


def on_datetime(dt: datetime) -> Filter:
    """Only this instant."""
    return Filter("on_datetime", (zones.aware(dt, "`dt` of `on_datetime`"),))


def between_datetimes(start: datetime, end: datetime) -> Filter:
    """Instants from `start` to `end`, which both count."""
    bounds = (
        zones.aware(start, "`start` of `between_datetimes`"),
        zones.aware(end, "`end` of `between_datetimes`"),
    )
    return Filter("between_datetimes", bounds)


def on_date(month: int, day: int) -> Filter:
    """One day of each year.

    Args:
        month: 1 to 12.
        day: 1 to 31.

    Raises:
        DefinitionError: no year has such a day.
    """
    return Filter("on_date", (_day(month, day, "on_date"),))


def between_dates(start_month: int, start_day: int, end_month: int, end_day: int) -> Filter:
    """Days of each year from one to the other, which both count; over New Year if the first is the later.

    Raises:
        DefinitionError: no year has such a day.
    """
    bounds = (_day(start_month, start_day, "between_dates"), _day(end_month, end_day, "between_dates"))
    return Filter("between_dates", bounds)


def at_time(t: time) -> Filter:
    """One time of the day, to the microsecond, on the wall of the clock.

    Raises:
        CallError: not a `time`, or one with a zone.
    """
    return Filter("at_time", (_time(t, "`t` of `at_time`"),))


def between_times(start: time, end: time) -> Filter:
    """Times of the day from `start` to `end`, which both count; over midnight if the first is the later.

    Raises:
        CallError: not a `time`, or one with a zone.
    """
    bounds = (_time(start, "`start` of `between_times`"), _time(end, "`end` of `between_times`"))
    return Filter("between_times", bounds)


def is_day_of_week(day_of_week: int) -> Filter:
    """One day of each week.

    Args:
        day_of_week: 0 is Monday, 6 is Sunday, as in `datetime.weekday`; so it was in Prefect 1.4.1.

    Raises:
        DefinitionError: not of 0 to 6.
    """
    if not isinstance(day_of_week, int) or not 0 <= day_of_week <= 6:
        raise DefinitionError(f"`is_day_of_week` takes 0 (Monday) to 6 (Sunday), not `{day_of_week!r}`")
    return Filter("is_day_of_week", (day_of_week,))


def is_weekday(dt: datetime) -> bool:
    """Monday to Friday."""
    return dt.weekday() < 5


def is_weekend(dt: datetime) -> bool:
    """Saturday and Sunday."""
    return dt.weekday() >= 5


def is_month_start(dt: datetime) -> bool:
    """The first day of a month."""
    return dt.day == 1


def is_month_end(dt: datetime) -> bool:
    """The last day of a month."""
    day = dt.date()
    return day == date.max or (day + timedelta(days=1)).day == 1


def _on_datetime(moment: datetime, wanted: datetime) -> bool:
    return zones.instant(moment) == zones.instant(wanted)


def _between_datetimes(moment: datetime, start: datetime, end: datetime) -> bool:
    return zones.instant(start) <= zones.instant(moment) <= zones.instant(end)


def _on_date(moment: datetime, day: Day) -> bool:
    return (moment.month, moment.day) == day


def _between_dates(moment: datetime, start: Day, end: Day) -> bool:
    return _between((moment.month, moment.day), start, end)


def _at_time(moment: datetime, wanted: time) -> bool:
    return moment.time().replace(fold=0) == wanted


def _between_times(moment: datetime, start: time, end: time) -> bool:
    return _between(moment.time().replace(fold=0), start, end)


def _is_day_of_week(moment: datetime, day: int) -> bool:
    return moment.weekday() == day


def _between(value: Any, start: Any, end: Any) -> bool:
    return bool(start <= value <= end if start <= end else value >= start or value <= end)


_JUDGES: dict[str, Callable[..., bool]] = {
    "on_datetime": _on_datetime,
    "between_datetimes": _between_datetimes,
    "on_date": _on_date,
    "between_dates": _between_dates,
    "at_time": _at_time,
    "between_times": _between_times,
    "is_day_of_week": _is_day_of_week,
}


def _day(month: Any, day: Any, of: str) -> Day:
    try:
        date(2000, month, day)  # a leap year
    except (TypeError, ValueError):
        raise DefinitionError(
            f"`{of}` takes a month and a day, and no year has `{month!r}, {day!r}`"
        ) from None
    return month, day


def _time(value: Any, what: str) -> time:
    if not isinstance(value, time):
        raise CallError(f"{what} is a `time`, not `{type(value).__name__}`", hints=("as in `time(9, 30)`",))
    if value.tzinfo is not None:
        raise CallError(
            f"{what} has no zone of its own", hints=("the zone is that of the clock's `start_date`",)
        )
    return time(value.hour, value.minute, value.second, value.microsecond)


def _argument_text(value: Any) -> str:
    match value:
        case datetime():
            return moment_text(value)
        case time():
            return (
                value.isoformat("minutes")
                if not value.second and not value.microsecond
                else value.isoformat()
            )
        case (month, day):
            return f"{month}, {day}"
        case _:
            return repr(value)
