"""Each clock of Prefect classic, rule by rule (16.3 to 16.5)."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import DAILY, HOURLY, MINUTELY, rrule, rruleset, rrulestr

from flowkit.errors import CallError, DefinitionError
from flowkit.schedules.clocks import Clock, ClockEvent, CronClock, DatesClock, IntervalClock, RRuleClock

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def texts(clock: Clock, after: datetime, n: int = 3) -> list[str]:
    """The first events, as `2026-03-29 03:00+02:00`."""
    return [event.start_time.isoformat(" ", "minutes") for event in islice(clock.events(after), n)]


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN)  # type: ignore[misc,arg-type]


# Intervals


def test_an_interval_is_counted_from_2019_in_utc() -> None:
    assert texts(IntervalClock(timedelta(hours=7)), datetime(2019, 1, 1, 1), 2) == [
        "2019-01-01 07:00+00:00",
        "2019-01-01 14:00+00:00",
    ]


def test_the_start_date_is_a_time_of_the_clock() -> None:
    clock = IntervalClock(HOUR, datetime(2026, 1, 31, 9, 7))
    assert texts(clock, datetime(2020, 1, 1), 2) == ["2026-01-31 09:07+00:00", "2026-01-31 10:07+00:00"]


def test_after_a_tick_comes_the_next_one() -> None:
    clock = IntervalClock(HOUR, datetime(2026, 1, 31, 9))
    assert texts(clock, datetime(2026, 1, 31, 9), 1) == ["2026-01-31 10:00+00:00"]
    assert texts(clock, datetime(2026, 1, 31, 9) - datetime.resolution, 1) == ["2026-01-31 09:00+00:00"]


def test_the_end_date_is_the_last_time() -> None:
    clock = IntervalClock(HOUR, datetime(2026, 1, 31, 9), datetime(2026, 1, 31, 10))
    assert texts(clock, datetime(2026, 1, 1)) == ["2026-01-31 09:00+00:00", "2026-01-31 10:00+00:00"]


def test_a_day_is_one_of_the_wall_and_an_hour_is_one_that_passes() -> None:
    start = berlin(2026, 3, 1, 9)
    assert texts(IntervalClock(DAY, start), berlin(2026, 3, 27, 12), 3) == [
        "2026-03-28 09:00+01:00",
        "2026-03-29 09:00+02:00",
        "2026-03-30 09:00+02:00",
    ]
    assert texts(IntervalClock(HOUR, start), berlin(2026, 3, 29, 1), 2) == [
        "2026-03-29 03:00+02:00",
        "2026-03-29 04:00+02:00",
    ]


def test_an_hour_that_the_wall_shows_twice_strikes_twice() -> None:
    assert texts(IntervalClock(HOUR, berlin(2026, 10, 1)), berlin(2026, 10, 25, 1), 3) == [
        "2026-10-25 02:00+02:00",
        "2026-10-25 02:00+01:00",
        "2026-10-25 03:00+01:00",
    ]


def test_days_and_hours_of_one_interval_are_counted_apart() -> None:
    assert texts(IntervalClock(DAY + HOUR, berlin(2026, 3, 28, 9)), berlin(2026, 3, 28, 9), 2) == [
        "2026-03-29 10:00+02:00",
        "2026-03-30 11:00+02:00",
    ]


def test_a_daily_time_that_is_skipped_comes_as_long_after_the_skip() -> None:
    assert texts(IntervalClock(DAY, berlin(2026, 3, 28, 2, 30)), berlin(2026, 3, 28, 2, 30), 2) == [
        "2026-03-29 03:30+02:00",
        "2026-03-30 02:30+02:00",
    ]


def test_a_second_pass_stays_one() -> None:
    start = berlin(2025, 10, 26, 2, 30).replace(fold=1)
    clock = IntervalClock(7 * DAY, start)
    assert texts(clock, datetime(2025, 10, 26), 2) == ["2025-10-26 02:30+01:00", "2025-11-02 02:30+01:00"]
    assert texts(clock, datetime(2026, 10, 24), 1) == ["2026-10-25 02:30+01:00"]
    assert texts(clock, datetime(2026, 3, 28), 1) == ["2026-03-29 03:30+02:00"]


def test_nothing_drifts_over_a_million_ticks() -> None:
    start = datetime(2019, 1, 1, tzinfo=UTC)
    [event] = islice(IntervalClock(timedelta(seconds=0.1), start).events(start + timedelta(days=7000)), 1)
    assert event.start_time - start == timedelta(days=7000, seconds=0.1)


@pytest.mark.parametrize("interval", [timedelta(0), -HOUR])
def test_an_interval_is_above_zero(interval: timedelta) -> None:
    with pytest.raises(DefinitionError, match="an interval is above 0, not `"):
        IntervalClock(interval)


def test_an_interval_is_a_timedelta() -> None:
    with pytest.raises(CallError, match="an interval is a `timedelta`, not `int`"):
        IntervalClock(60)  # type: ignore[arg-type]


# Cron


def test_cron_is_in_the_zone_of_its_start_date() -> None:
    assert texts(CronClock("0 9 * * *"), datetime(2026, 7, 1), 1) == ["2026-07-01 09:00+00:00"]
    assert texts(CronClock("0 9 * * *", berlin(2026, 1, 1)), datetime(2026, 7, 1), 1) == [
        "2026-07-01 09:00+02:00"
    ]


def test_the_start_date_of_cron_counts_if_it_fits() -> None:
    clock = CronClock("0 9 * * *", datetime(2026, 1, 31, 9), datetime(2026, 2, 1, 9))
    assert texts(clock, datetime(2020, 1, 1)) == ["2026-01-31 09:00+00:00", "2026-02-01 09:00+00:00"]
    assert texts(clock, datetime(2026, 1, 31, 9)) == ["2026-02-01 09:00+00:00"]


def test_a_named_time_comes_once_at_the_end_of_the_skip() -> None:
    clock = CronClock("0,30 2 * * *", berlin(2026, 1, 1))
    assert texts(clock, berlin(2026, 3, 28, 12)) == [
        "2026-03-29 03:00+02:00",
        "2026-03-30 02:00+02:00",
        "2026-03-30 02:30+02:00",
    ]


def test_a_named_time_comes_once_in_the_doubled_hour() -> None:
    clock = CronClock("30 1 * * *", datetime(2026, 1, 1, tzinfo=NEW_YORK))
    assert texts(clock, datetime(2026, 10, 31, 12), 2) == ["2026-11-01 01:30-04:00", "2026-11-02 01:30-05:00"]
    second_pass = datetime(2026, 11, 1, 1, 10, tzinfo=NEW_YORK, fold=1)
    assert texts(clock, second_pass, 1) == ["2026-11-02 01:30-05:00"]


def test_every_ten_minutes_stay_even_in_the_doubled_hour() -> None:
    clock = CronClock("*/10 * * * *", berlin(2026, 1, 1))
    found = texts(clock, berlin(2026, 10, 25, 1, 50), 13)
    assert found[0] == "2026-10-25 02:00+02:00"
    assert found[6] == "2026-10-25 02:00+01:00"
    assert found[12] == "2026-10-25 03:00+01:00"


def test_the_second_pass_is_not_lost_to_a_yearly_clock() -> None:
    clock = CronClock("*/30 2 25 10 *", berlin(2020, 1, 1))
    assert texts(clock, berlin(2026, 10, 25, 2, 30)) == [
        "2026-10-25 02:00+01:00",
        "2026-10-25 02:30+01:00",
        "2027-10-25 02:00+02:00",
    ]


def test_the_day_that_an_island_lost_is_made_up_for_once() -> None:
    clock = CronClock("0 12 * * *", datetime(2011, 1, 1, tzinfo=ZoneInfo("Pacific/Apia")))
    assert texts(clock, datetime(2011, 12, 29, 12)) == [
        "2011-12-29 12:00-10:00",
        "2011-12-31 00:00+14:00",
        "2011-12-31 12:00+14:00",
    ]


def test_the_leap_days_around_a_year_that_is_none() -> None:
    assert texts(CronClock("0 0 29 2 *"), datetime(2095, 1, 1), 2) == [
        "2096-02-29 00:00+00:00",
        "2104-02-29 00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("cron", "found"),
    [
        ("0 0 L * *", "2026-02-28 00:00+00:00"),
        ("0 0 * * 5L", "2026-02-27 00:00+00:00"),
        ("0 0 * * 1#2", "2026-02-09 00:00+00:00"),
        ("0 0 * * mon", "2026-02-02 00:00+00:00"),
        ("0 0 1 mar *", "2026-03-01 00:00+00:00"),
        ("@monthly", "2026-03-01 00:00+00:00"),
        ("@Hourly", "2026-02-01 13:00+00:00"),
        ("  */5  12   * * * ", "2026-02-01 12:05+00:00"),
    ],
)
def test_words_of_cron(cron: str, found: str) -> None:
    assert texts(CronClock(cron), datetime(2026, 2, 1, 12), 1) == [found]


def test_a_sixth_field_is_seconds() -> None:
    [event] = islice(CronClock("* * * * * */15").events(datetime(2026, 1, 1, 0, 0, 20)), 1)
    assert event.start_time == datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
    skipped = CronClock("30 2 * * * 15", berlin(2026, 1, 1))
    assert texts(skipped, berlin(2026, 3, 28, 12), 1) == ["2026-03-29 03:00+02:00"]


def test_one_kind_of_day_is_enough_unless_both_must_fit() -> None:
    # 13 February 2026 is a Friday.
    assert texts(CronClock("0 0 13 * 5"), datetime(2026, 1, 31), 2) == [
        "2026-02-06 00:00+00:00",
        "2026-02-13 00:00+00:00",
    ]
    assert texts(CronClock("0 0 13 * 5", day_or=False), datetime(2026, 1, 31), 2) == [
        "2026-02-13 00:00+00:00",
        "2026-03-13 00:00+00:00",
    ]


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "61 * * * *", "* * * * * * *", "a b c d e", "@often", "9" * 5000 + " * * * *"]
)
def test_what_is_no_cron_is_a_value_error_that_names_it(cron: str) -> None:
    with pytest.raises(ValueError, match=r"the cron expression `.*` is not valid") as caught:
        CronClock(cron)
    assert f"`{cron}`" in str(caught.value)
    assert isinstance(caught.value, DefinitionError)
    assert caught.value.hints


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 2,4,6 *", "0 0 30 feb * 0"])
def test_a_day_that_never_comes_is_an_error_that_names_it(cron: str) -> None:
    with pytest.raises(DefinitionError, match="never comes") as caught:
        CronClock(cron)
    assert f"`{cron}`" in str(caught.value)


def test_days_that_never_meet_are_an_error() -> None:
    with pytest.raises(DefinitionError, match="`0 0 30 2 1` never comes"):
        CronClock("0 0 30 2 1", day_or=False)
    assert texts(CronClock("0 0 30 2 1"), datetime(2026, 1, 1), 1) == ["2026-02-02 00:00+00:00"]


def test_cron_is_text() -> None:
    with pytest.raises(CallError, match="a cron expression is text, not `int`"):
        CronClock(5)  # type: ignore[arg-type]


# Dates


def test_dates_come_in_order_each_once_strictly_after() -> None:
    dates = [datetime(2026, 5, 2), berlin(2026, 5, 1, 9), datetime(2026, 5, 1, 7, tzinfo=UTC)]
    clock = DatesClock(dates)
    assert texts(clock, datetime(2026, 1, 1)) == ["2026-05-01 09:00+02:00", "2026-05-02 00:00+00:00"]
    assert texts(clock, datetime(2026, 5, 1, 7)) == ["2026-05-02 00:00+00:00"]
    assert texts(clock, datetime(2026, 5, 2)) == []


def test_the_first_and_the_last_of_the_dates_are_the_bounds() -> None:
    clock = DatesClock([datetime(2026, 5, 2), datetime(2026, 5, 1)])
    assert clock.start_date == datetime(2026, 5, 1, tzinfo=UTC)
    assert clock.end_date == datetime(2026, 5, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ([], "at least one date"),
        ([date(2026, 1, 1)], "is a `datetime`, not `date`"),
        (5, "is a list of datetimes"),
    ],
)
def test_dates_are_datetimes_and_there_is_one(dates: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        DatesClock(dates)


# Rules of calendars


def test_a_rule_without_a_zone_is_of_utc_or_of_the_start_date() -> None:
    rule = rrule(DAILY, datetime(2026, 3, 27, 9))
    assert texts(RRuleClock(rule), datetime(2026, 7, 1), 1) == ["2026-07-01 09:00+00:00"]
    assert texts(RRuleClock(rule, berlin(2026, 3, 28)), datetime(2026, 1, 1), 2) == [
        "2026-03-28 09:00+01:00",
        "2026-03-29 09:00+02:00",
    ]


def test_a_rule_keeps_its_zone_and_ends() -> None:
    clock = RRuleClock(rrule(DAILY, berlin(2026, 3, 28, 2, 30), count=3))
    assert texts(clock, datetime(2026, 1, 1), 5) == [
        "2026-03-28 02:30+01:00",
        "2026-03-29 03:30+02:00",
        "2026-03-30 02:30+02:00",
    ]


def test_a_skipped_time_is_put_in_order() -> None:
    clock = RRuleClock(rrule(MINUTELY, berlin(2026, 3, 29, 1), interval=50))
    assert texts(clock, berlin(2026, 3, 29, 1, 30), 4) == [
        "2026-03-29 01:50+01:00",
        "2026-03-29 03:30+02:00",
        "2026-03-29 03:40+02:00",
        "2026-03-29 04:20+02:00",
    ]


def test_a_set_of_rules_with_exceptions() -> None:
    rules = rruleset()
    rules.rrule(rrule(DAILY, datetime(2026, 1, 1), count=3))
    rules.exdate(datetime(2026, 1, 2))
    rules.rdate(datetime(2026, 1, 9, 5))
    clock = RRuleClock(rules)
    assert texts(clock, datetime(2025, 1, 1), 9) == [
        "2026-01-01 00:00+00:00",
        "2026-01-03 00:00+00:00",
        "2026-01-09 05:00+00:00",
    ]
    assert "EXDATE:20260102T000000" in clock.describe()["rrule"]


def test_a_rule_for_each_minute_is_not_walked_from_its_beginning() -> None:
    """Walking to the end of 2999 would outlast the time limit of a test."""
    clock = RRuleClock(rrule(MINUTELY, datetime(2019, 1, 1), interval=7))
    assert texts(clock, datetime(2999, 12, 31), 1) == texts(
        IntervalClock(timedelta(minutes=7), datetime(2019, 1, 1)), datetime(2999, 12, 31), 1
    )


def test_a_set_of_rules_is_not_walked_from_its_beginning_either() -> None:
    rules = rruleset()
    rules.rrule(rrule(MINUTELY, datetime(2019, 1, 1)))
    rules.exrule(rrule(MINUTELY, datetime(2019, 1, 1), interval=2))
    assert texts(RRuleClock(rules), datetime(2999, 12, 31), 2) == [
        "2999-12-31 00:01+00:00",
        "2999-12-31 00:03+00:00",
    ]


def test_a_rule_is_one_of_dateutil() -> None:
    with pytest.raises(CallError, match="not `str`") as caught:
        RRuleClock("FREQ=DAILY")  # type: ignore[arg-type]
    assert "rrulestr" in str(caught.value)


# What they share

CLOCKS = [
    IntervalClock(DAY, berlin(2026, 1, 1), berlin(2027, 1, 1), {"n": 1}, ["gpu", "big"]),
    IntervalClock(timedelta(milliseconds=1500)),
    CronClock("0 9 * * 1-5", berlin(2026, 1, 1), day_or=False),
    DatesClock([berlin(2026, 10, 25, 2, 30), berlin(2026, 10, 25, 2, 30).replace(fold=1)]),
    RRuleClock(rrule(HOURLY, berlin(2026, 1, 1), interval=3)),
    RRuleClock(rrule(HOURLY, datetime(2026, 1, 1), interval=3, cache=True)),
    RRuleClock(rrulestr("DTSTART:20260101T000000\nRRULE:FREQ=DAILY\nEXDATE:20260102T000000", forceset=True)),
]


@pytest.mark.parametrize("clock", CLOCKS, ids=repr)
def test_a_clock_is_the_same_after_pickling(clock: Clock) -> None:
    copy = pickle.loads(pickle.dumps(clock))
    assert copy == clock
    after = datetime(2026, 1, 1)
    assert texts(copy, after) == texts(clock, after)
    assert list(islice(copy.events(after), 2)) == list(islice(clock.events(after), 2))


def test_clocks_are_equal_when_they_mean_the_same() -> None:
    for index, clock in enumerate(CLOCKS):
        assert [each == clock for each in CLOCKS].index(True) == index
    assert CronClock("0  9 * * *") == CronClock("0 9 * * *")
    assert CronClock("0 9 * * *", berlin(2026, 1, 1, 1)) != CronClock("0 9 * * *", datetime(2026, 1, 1))
    assert IntervalClock(DAY, parameter_defaults={"n": 1}) != IntervalClock(DAY, parameter_defaults={"n": 2})
    assert CLOCKS[0] != "a clock"


@pytest.mark.parametrize(
    ("clock", "described"),
    [
        (
            CLOCKS[0],
            {
                "interval": "1d",
                "start_date": "2026-01-01T00:00:00+01:00[Europe/Berlin]",
                "end_date": "2027-01-01T00:00:00+01:00[Europe/Berlin]",
                "parameter_defaults": {"n": "1"},
                "labels": ["big", "gpu"],
            },
        ),
        (CLOCKS[1], {"interval": "1.5s"}),
        (
            CLOCKS[2],
            {
                "cron": "0 9 * * 1-5",
                "day_or": False,
                "start_date": "2026-01-01T00:00:00+01:00[Europe/Berlin]",
            },
        ),
        (
            CLOCKS[3],
            {
                "dates": [
                    "2026-10-25T02:30:00+02:00[Europe/Berlin]",
                    "2026-10-25T02:30:00+01:00[Europe/Berlin]",
                ]
            },
        ),
        (CLOCKS[4], {"rrule": "DTSTART;TZID=Europe/Berlin:20260101T000000\nRRULE:FREQ=HOURLY;INTERVAL=3"}),
    ],
)
def test_a_clock_is_described_in_texts(clock: Clock, described: dict[str, Any]) -> None:
    assert clock.describe() == described


def test_a_clock_looks_like_what_it_is() -> None:
    assert repr(CronClock("0 9 * * *")) == "CronClock(cron='0 9 * * *')"


def test_events_carry_what_their_run_is_given() -> None:
    [event] = islice(CLOCKS[0].events(berlin(2026, 1, 1)), 1)
    assert event == ClockEvent(berlin(2026, 1, 2), {"n": 1}, labels=["big", "gpu"])
    event.parameter_defaults["n"] = 5
    assert CLOCKS[0].parameter_defaults == {"n": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_date": "2026-01-01"}, "`start_date` of `IntervalClock` is a `datetime`, not `str`"),
        ({"end_date": date(2026, 1, 1)}, "`end_date` of `IntervalClock` is a `datetime`, not `date`"),
        ({"parameter_defaults": [1]}, "`parameter_defaults` of `IntervalClock` is a dict, not `list`"),
        ({"labels": "gpu"}, "`labels` of `IntervalClock` is a list of texts, not `'gpu'`"),
        ({"labels": 5}, "`labels` of `IntervalClock` is a list of texts, not `5`"),
    ],
)
def test_a_wrong_argument_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CallError, match=message) as caught:
        IntervalClock(DAY, **options)
    assert isinstance(caught.value, TypeError)


def test_an_after_that_is_no_datetime_is_refused_when_asked() -> None:
    with pytest.raises(CallError, match="`after` is a `datetime`, not `str`"):
        CronClock("* * * * *").events("today")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "clock", [c for c in CLOCKS if c.start_date is None] + [CronClock("* * * * *")], ids=repr
)
def test_the_calendar_has_a_beginning_and_an_end(clock: Clock) -> None:
    assert len(list(islice(clock.events(datetime.min), 2))) == 2
    assert list(clock.events(datetime.max)) == []


def test_the_year_9999_is_the_last() -> None:
    assert texts(CronClock("0 0 1 1 *"), datetime(9998, 1, 1)) == ["9999-01-01 00:00+00:00"]
    assert texts(IntervalClock(180 * DAY), datetime(9999, 1, 1)) == [
        "9999-04-16 00:00+00:00",
        "9999-10-13 00:00+00:00",
    ]


def test_without_after_events_come_after_now() -> None:
    [event] = islice(IntervalClock(timedelta(seconds=1)).events(), 1)
    assert event.start_time > datetime.now(UTC) - timedelta(seconds=60)


class OddMoment(datetime):
    """Arithmetic of its own, as pendulum's has."""

    def __add__(self, other: Any) -> Any:
        raise AssertionError("the arithmetic of a strange class was used")

    __sub__ = __add__
    __radd__ = __add__


class OddDuration(timedelta):
    """Arithmetic of its own, as pendulum's has."""

    def __add__(self, other: Any) -> Any:
        raise AssertionError("the arithmetic of a strange class was used")

    __sub__ = __mul__ = __floordiv__ = __truediv__ = __abs__ = __neg__ = __add__


class OddZone(tzinfo):
    """A zone that says its name, as those of pendulum and pytz do, and keeps to winter."""

    name = "Europe/Berlin"

    def utcoffset(self, moment: datetime | None) -> timedelta:
        return HOUR

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)


def test_a_datetime_of_another_library_is_taken_for_what_it_says() -> None:
    start = OddMoment(2026, 1, 1, 9, tzinfo=OddZone())
    clock = IntervalClock(OddDuration(days=1), start)
    assert clock.zone is BERLIN
    assert texts(clock, OddMoment(2026, 3, 28, 12), 1) == ["2026-03-29 09:00+02:00"]
    assert type(next(clock.events(start)).start_time) is datetime


def test_a_fixed_offset_is_a_zone_too() -> None:
    clock = CronClock("0 9 * * *", datetime(2026, 1, 1, tzinfo=timezone(5 * HOUR)))
    assert texts(clock, datetime(2026, 1, 1), 1) == ["2026-01-01 09:00+05:00"]


# Events


def test_events_are_ordered_by_their_instant() -> None:
    first = ClockEvent(berlin(2026, 10, 25, 2, 30), {"b": 1})
    second = ClockEvent(berlin(2026, 10, 25, 2, 30).replace(fold=1), {"a": 1})
    assert first < second and second > first and first <= second and second >= first
    assert sorted([second, first]) == [first, second]


def test_events_are_equal_when_all_they_hold_is() -> None:
    event = ClockEvent(berlin(2026, 1, 1, 10), {"n": 1}, ["gpu"])
    assert event == ClockEvent(datetime(2026, 1, 1, 9), {"n": 1}, ["gpu"])
    assert hash(event) == hash(ClockEvent(datetime(2026, 1, 1, 9), {"n": 1}, ["gpu"]))
    assert event != ClockEvent(datetime(2026, 1, 1, 9), {"n": 2}, ["gpu"])
    assert event != ClockEvent(datetime(2026, 1, 1, 9), {"n": 1})
    assert event != event.start_time
    assert pickle.loads(pickle.dumps(event)) == event
    assert repr(event) == "ClockEvent(2026-01-01T10:00:00+01:00[Europe/Berlin], {'n': 1}, labels=['gpu'])"


def test_events_are_not_ordered_with_other_things() -> None:
    with pytest.raises(TypeError):
        assert ClockEvent(datetime(2026, 1, 1)) < 5  # type: ignore[operator]
