"""Wall times and instants: how one becomes the other where clocks are put forward or back.

Python compares two datetimes of one zone by what the wall shows, without `fold`, and finds a time of the
doubled hour unequal to itself in another zone. So order and equality are asked of `instant`s, in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from flowkit.errors import CallError

_SECOND = timedelta(seconds=1)


def aware(moment: Any, what: str) -> datetime:
    """The moment as a plain aware `datetime` that exists; without a zone it is UTC, as in Prefect classic.

    Those of other libraries (pendulum, pytz, pandas) lose their own arithmetic. A time that the wall skips
    becomes the one as long after the skip.

    Args:
        moment: the datetime.
        what: begins the sentence of the error.

    Raises:
        CallError: not a `datetime`; a `date` has no time of day.
    """
    if not isinstance(moment, datetime):
        raise CallError(
            f"{what} is a `datetime`, not `{type(moment).__name__}`",
            hints=('as in `datetime(2026, 1, 31, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))`',),
        )
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    plain = datetime(*parts, moment.microsecond, named(moment.tzinfo), fold=moment.fold)
    try:
        return plain.astimezone(UTC).astimezone(plain.tzinfo)
    except OverflowError:  # the first and the last day that Python knows
        return plain


def named(zone: tzinfo | None) -> tzinfo:
    """The zone of the standard library where there is one of that name, so that equal zones are equal."""
    if zone is None or zone is UTC:
        return UTC
    names = (getattr(zone, attribute, None) for attribute in ("key", "zone", "name"))
    name = next((name for name in names if isinstance(name, str)), None)
    if name is None:
        return zone
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # `+02:00` of pendulum is no name of a zone
        return zone


def plain(interval: timedelta) -> timedelta:
    """The interval without the arithmetic that a class of another library may have."""
    return timedelta.__pos__(interval)


def instant(moment: datetime) -> datetime:
    """The moment in UTC: what is compared, sorted and counted with."""
    return moment.astimezone(UTC)


def zone_of(moment: datetime | None) -> tzinfo:
    """The zone of an aware moment; UTC where there is none."""
    return UTC if moment is None or moment.tzinfo is None else moment.tzinfo


def passes(wall: datetime, zone: tzinfo) -> tuple[datetime, ...]:
    """The instants at which the wall shows this time: one; two in a doubled hour; none in a skipped one."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return (first,)
    return (first, second) if first < second else ()


def place(wall: datetime, zone: tzinfo, fold: int = 0) -> datetime:
    """The moment at which the wall shows this time; a skipped time becomes the one as long after the skip.

    Args:
        wall: without a zone.
        zone: where the wall is.
        fold: 1 for the second pass of a doubled hour.
    """
    fold = fold if len(passes(wall, zone)) == 2 else 0
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC).astimezone(zone)


def end_of_skip(wall: datetime, zone: tzinfo) -> datetime:
    """The instant at which the skip ends that swallows this wall time; `passes` must have found none.

    Args:
        wall: without a zone, in whole seconds.
        zone: where the wall is.
    """
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    old = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:  # clocks change on a whole second
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def shift(moment: datetime, by: timedelta) -> datetime:
    """The moment later by whole days of the wall and then by the absolute rest; earlier where negative."""
    sign, size = (-1, -by) if by < timedelta(0) else (1, by)
    days = timedelta(days=size.days)
    if days:
        moment = place(moment.replace(tzinfo=None) + sign * days, zone_of(moment), moment.fold)
    return shift_absolutely(moment, sign * (size - days))


def shift_absolutely(moment: datetime, by: timedelta) -> datetime:
    """The moment later by so much time that passes."""
    return (instant(moment) + by).astimezone(zone_of(moment)) if by else moment
