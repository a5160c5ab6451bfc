"""Each filter and adjustment of Prefect classic (16.6, 16.7)."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flowkit.errors import CallError, DefinitionError
from flowkit.schedules import adjustments, filters

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY, SATURDAY, SUNDAY = (datetime(2026, 2, day, 9, tzinfo=UTC) for day in (27, 28, 22))


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN)  # type: ignore[misc,arg-type]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


CASES: list[tuple[Callable[[datetime], bool], list[str], list[str]]] = [
    (filters.on_datetime(datetime(2026, 5, 1, 9)), ["2026-05-01T09:00"], ["2026-05-01T09:01"]),
    (
        filters.between_datetimes(datetime(2026, 5, 1), datetime(2026, 5, 2)),
        ["2026-05-01", "2026-05-01T12:00", "2026-05-02"],
        ["2026-04-30T23:59", "2026-05-02T00:01"],
    ),
    (filters.on_date(2, 29), ["2028-02-29", "2024-02-29T12:00"], ["2028-02-28", "2028-03-01"]),
    (
        filters.between_dates(3, 15, 4, 1),
        ["2026-03-15", "2027-04-01T23:59"],
        ["2026-03-14", "2026-04-02", "2026-12-31"],
    ),
    (
        filters.between_dates(12, 24, 1, 6),
        ["2026-12-24", "2026-12-31", "2026-01-06"],
        ["2026-12-23", "2026-01-07"],
    ),
    (filters.between_dates(5, 20, 5, 10), ["2026-05-20", "2026-05-10", "2026-01-01"], ["2026-05-15"]),
    (filters.at_time(time(9, 30)), ["2026-05-01T09:30"], ["2026-05-01T09:30:01", "2026-05-01T21:30"]),
    (
        filters.between_times(time(9), time(17)),
        ["2026-05-01T09:00", "2026-05-01T12:00", "2026-05-01T17:00"],
        ["2026-05-01T08:59", "2026-05-01T17:00:01"],
    ),
    (
        filters.between_times(time(22), time(5)),
        ["2026-05-01T22:00", "2026-05-01T00:00", "2026-05-01T05:00"],
        ["2026-05-01T21:59", "2026-05-01T05:01"],
    ),
    (filters.is_weekday, ["2026-05-01", "2026-05-04"], ["2026-05-02", "2026-05-03"]),
    (filters.is_weekend, ["2026-05-02", "2026-05-03"], ["2026-05-01", "2026-05-04"]),
    (filters.is_month_start, ["2026-05-01T23:59"], ["2026-05-02", "2026-04-30"]),
    (
        filters.is_month_end,
        ["2026-02-28", "2028-02-29", "2026-12-31", "9999-12-31"],
        ["2028-02-28", "2026-03-01"],
    ),
    (filters.is_day_of_week(0), ["2026-05-04"], ["2026-05-03", "2026-05-05"]),
    (filters.is_day_of_week(6), ["2026-05-03"], ["2026-05-02"]),
]


@pytest.mark.parametrize(
    ("accepts", "inside", "outside"), CASES, ids=lambda each: getattr(each, "__name__", None)
)
def test_a_filter_accepts_what_it_names(
    accepts: Callable[[datetime], bool], inside: list[str], outside: list[str]
) -> None:
    assert [text for text in inside if not accepts(at(text))] == []
    assert [text for text in outside if accepts(at(text))] == []


def test_instants_are_compared_also_in_the_doubled_hour() -> None:
    first = berlin(2026, 10, 25, 2, 30)
    second = first.replace(fold=1)
    assert filters.on_datetime(first)(first) and not filters.on_datetime(first)(second)
    assert filters.on_datetime(second)(datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    assert not filters.between_datetimes(second, second)(first)
    assert filters.at_time(time(2, 30))(first) and filters.at_time(time(2, 30))(second)


def test_filters_can_be_compared_pickled_and_read() -> None:
    office = filters.between_times(time(9), time(17, 30))
    assert office == filters.between_times(time(9), time(17, 30)) != filters.between_times(time(9), time(17))
    assert pickle.loads(pickle.dumps(office)) == office
    assert repr(office) == "between_times(09:00, 17:30)"
    assert repr(filters.between_dates(12, 24, 1, 6)) == "between_dates(12, 24, 1, 6)"
    assert repr(filters.at_time(time(9, 0, 1))) == "at_time(09:00:01)"
    assert (
        repr(filters.on_datetime(berlin(2026, 1, 1)))
        == "on_datetime(2026-01-01T00:00:00+01:00[Europe/Berlin])"
    )
    assert pickle.loads(pickle.dumps(filters.is_weekday)) is filters.is_weekday


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: filters.on_date(2, 30), "`on_date` takes a month and a day, and no year has `2, 30`"),
        (lambda: filters.between_dates(1, 1, 13, 1), "no year has `13, 1`"),
        (lambda: filters.is_day_of_week(7), r"takes 0 \(Monday\) to 6 \(Sunday\), not `7`"),
        (lambda: filters.at_time(datetime(2026, 1, 1)), "`t` of `at_time` is a `time`, not `datetime`"),  # type: ignore[arg-type]
        (lambda: filters.between_times(time(1), time(2, tzinfo=UTC)), "`end` of `between_times` has no zone"),
        (lambda: filters.on_datetime(5), "`dt` of `on_datetime` is a `datetime`, not `int`"),  # type: ignore[arg-type]
        (lambda: adjustments.add(5), "`add` takes a `timedelta`, not `int`"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_argument_is_named(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        make()


def test_a_wrong_kind_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        filters.at_time("9:00")  # type: ignore[arg-type]
    assert issubclass(CallError, TypeError)


# Adjustments


def test_add_moves_by_days_of_the_wall_and_by_hours_that_pass() -> None:
    before = berlin(2026, 3, 28, 9)
    assert adjustments.add(timedelta(days=1))(before) == berlin(2026, 3, 29, 9)
    later = adjustments.add(timedelta(hours=23))(before)
    assert later.isoformat() == "2026-03-29T09:00:00+02:00"
    assert adjustments.add(timedelta(days=-1, hours=-2))(berlin(2026, 3, 30, 9)) == berlin(2026, 3, 29, 7)
    assert (
        adjustments.add(timedelta(hours=-2))(berlin(2026, 3, 29, 3)).isoformat()
        == "2026-03-29T00:00:00+01:00"
    )


def test_next_weekday_is_monday_at_the_same_time() -> None:
    assert adjustments.next_weekday(FRIDAY) == FRIDAY
    assert adjustments.next_weekday(SATURDAY) == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert adjustments.next_weekday(SUNDAY) == datetime(2026, 2, 23, 9, tzinfo=UTC)
    assert adjustments.next_weekday(berlin(2026, 3, 28, 9)) == berlin(2026, 3, 30, 9)


def test_adjustments_can_be_compared_pickled_and_read() -> None:
    move = adjustments.add(timedelta(hours=36, seconds=1))
    assert pickle.loads(pickle.dumps(move)) == move != adjustments.add(timedelta(hours=36))
    assert repr(move) == "add(1d 12h 1s)"
    assert repr(adjustments.add(timedelta(hours=-2))) == "add(-2h)"
    assert repr(adjustments.add(timedelta(0))) == "add(0s)"
