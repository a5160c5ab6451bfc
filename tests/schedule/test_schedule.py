"""Schedules of Prefect classic (16.1, 16.2): merged, filtered, moved, in order."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from dateutil.rrule import DAILY, rrule
from hypothesis import example, given

from flowkit import Flow, schedules
from flowkit.errors import CallError, UsageError
from flowkit.project.text import value_text
from flowkit.schedules import CronSchedule, IntervalSchedule, RRuleSchedule, Schedule
from flowkit.schedules.adjustments import add, next_weekday
from flowkit.schedules.clocks import ClockEvent, CronClock, DatesClock, IntervalClock, RRuleClock
from flowkit.schedules.filters import at_time, between_times, is_weekday, on_date

BERLIN = ZoneInfo("Europe/Berlin")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def texts(schedule: Schedule, n: int = 3, after: datetime = START) -> list[str]:
    return [f"{each:%m-%d %H:%M}" for each in schedule.next(n, after)]


def never(moment: datetime) -> bool:
    return False


def test_shorthands_are_schedules_of_one_clock() -> None:
    assert IntervalSchedule(DAY, START, START + DAY) == Schedule([IntervalClock(DAY, START, START + DAY)])
    assert CronSchedule("0 9 13 * 5", START, day_or=False) == Schedule(
        [CronClock("0 9 13 * 5", START, day_or=False)]
    )
    rule = rrule(DAILY, START)
    assert RRuleSchedule(rule, START) == Schedule([RRuleClock(rule, START)])
    assert IntervalSchedule(interval=DAY, start_date=START, labels=["gpu"]).clocks[0].labels == ["gpu"]


def test_clocks_are_merged_in_order_and_equal_events_are_one() -> None:
    schedule = Schedule([IntervalClock(2 * HOUR, START), IntervalClock(3 * HOUR, START)])
    assert texts(schedule, 5) == ["01-01 02:00", "01-01 03:00", "01-01 04:00", "01-01 06:00", "01-01 08:00"]


def test_two_clocks_that_strike_at_once_with_other_defaults_are_two_events() -> None:
    clocks = [IntervalClock(HOUR, START, parameter_defaults={"n": n}) for n in (2, 1, 2)]
    schedule = Schedule(clocks)
    when = START + HOUR
    assert schedule.next(3, START, return_events=True)[:2] == [
        ClockEvent(when, {"n": 2}),
        ClockEvent(when, {"n": 1}),
    ]
    assert schedule.next(3, START) == [when, when, when + HOUR]
    labelled = Schedule([IntervalClock(HOUR, START), IntervalClock(HOUR, START, labels=["gpu"])])
    assert len(set(labelled.next(2, START))) == 1


def test_all_filters_one_of_the_or_filters_and_no_not_filter_must_accept() -> None:
    schedule = Schedule(
        [IntervalClock(HOUR, START)],
        filters=[is_weekday, between_times(time(9), time(11))],
        or_filters=[at_time(time(9)), at_time(time(10)), at_time(time(12))],
        not_filters=[on_date(1, 2), at_time(time(10))],
    )
    assert texts(schedule) == ["01-01 09:00", "01-05 09:00", "01-06 09:00"]


def test_filters_see_the_wall_of_the_clock() -> None:
    schedule = Schedule([IntervalClock(HOUR, START.astimezone(BERLIN))], filters=[at_time(time(9))])
    assert texts(schedule, 1) == ["01-01 09:00"]
    assert schedule.next(1, START)[0] == datetime(2026, 1, 1, 8, tzinfo=UTC)


def test_adjustments_are_made_in_order() -> None:
    friday = DatesClock([datetime(2026, 1, 2, 9)])
    assert texts(Schedule([friday], adjustments=[add(DAY), next_weekday])) == ["01-05 09:00"]
    assert texts(Schedule([friday], adjustments=[next_weekday, add(DAY)])) == ["01-03 09:00"]


def test_what_is_moved_onto_one_time_is_one_event() -> None:
    """Corrected: Prefect classic ran three times on Monday."""
    schedule = Schedule([CronClock("0 9 * * *")], adjustments=[next_weekday])
    assert texts(schedule, 4) == ["01-01 09:00", "01-02 09:00", "01-05 09:00", "01-06 09:00"]


def test_what_is_moved_is_put_in_order() -> None:
    dates = [datetime(2026, 1, 3, 10), datetime(2026, 1, 4, 8), datetime(2026, 1, 5, 9)]
    schedule = Schedule([DatesClock(dates)], adjustments=[next_weekday])
    assert texts(schedule) == ["01-05 08:00", "01-05 09:00", "01-05 10:00"]
    assert texts(schedule, after=datetime(2026, 1, 5, 8)) == ["01-05 09:00", "01-05 10:00"]


def test_what_is_moved_from_before_to_behind_after_is_not_lost() -> None:
    schedule = Schedule([CronClock("0 10 * * *")], adjustments=[add(2 * HOUR)])
    assert texts(schedule, 2, datetime(2026, 1, 1, 11)) == ["01-01 12:00", "01-02 12:00"]


def test_what_is_moved_back_to_before_after_is_not_given_again() -> None:
    schedule = Schedule([CronClock("0 10 * * *")], adjustments=[add(-2 * HOUR)])
    assert texts(schedule, 2, datetime(2026, 1, 1, 8)) == ["01-02 08:00", "01-03 08:00"]
    own = Schedule([CronClock("0 10 * * *")], adjustments=[lambda moment: moment - 2 * HOUR])
    assert texts(own, 2, datetime(2026, 1, 1, 8)) == ["01-02 08:00", "01-03 08:00"]


@given(
    hours=st.integers(1, 30),
    moves=st.lists(st.sampled_from([add(5 * HOUR), add(-3 * HOUR), add(2 * DAY), next_weekday]), max_size=3),
    minutes=st.integers(0, 400 * 24 * 60),
)
@example(1, [add(-3 * HOUR), next_weekday], 6060)  # Monday, as New York has it
@example(1, [add(2 * DAY)], 438_150)  # clocks were put back in between
def test_it_does_not_matter_when_one_asks(hours: int, moves: list[Any], minutes: int) -> None:
    zone = ZoneInfo("America/New_York")
    schedule = Schedule([IntervalClock(hours * HOUR, START.astimezone(zone))], adjustments=moves)
    after = START + timedelta(minutes=minutes)
    at_once = schedule.next(8, after)
    earlier = [each.astimezone(UTC) for each in schedule.next(200, after - 4 * DAY)]
    assert [each.astimezone(UTC) for each in at_once] == [each for each in earlier if each > after][:8]
    walked = at_once[:1]
    while len(walked) < 8:
        walked += schedule.next(1, walked[-1])
    assert walked == at_once
    assert sorted({each.astimezone(UTC) for each in at_once}) == [each.astimezone(UTC) for each in at_once]


def test_ten_thousand_candidates_are_looked_at_and_no_more() -> None:
    looked_at = []

    def refuse(moment: datetime) -> bool:
        looked_at.append(moment)
        return False

    assert Schedule([CronClock("* * * * *")], filters=[refuse]).next(1, START) == []
    assert len(looked_at) == 10_000


def test_a_filter_that_is_rarely_met_is_met_within_the_candidates() -> None:
    schedule = Schedule([CronClock("0 * * * *")], filters=[on_date(12, 31)])
    assert texts(schedule, 1) == ["12-31 00:00"]
    assert len(schedule.next(100, START)) == 24  # 10,000 hours are a year and some weeks


def test_a_schedule_that_ends_gives_what_there_is() -> None:
    schedule = IntervalSchedule(DAY, START, START + 2 * DAY)
    assert texts(schedule, 5) == ["01-02 00:00", "01-03 00:00"]
    assert schedule.next(5, START + 2 * DAY) == []
    assert schedule.next(0, START) == []
    assert Schedule([]).next(3, START) == []


def test_after_is_in_any_zone_and_in_utc_without_one() -> None:
    schedule = CronSchedule("0 * * * *")
    assert (
        schedule.next(1, datetime(2026, 1, 1)) == schedule.next(1, START.astimezone(BERLIN)) == [START + HOUR]
    )


def test_without_after_times_come_after_now() -> None:
    begin = datetime.now(UTC)
    assert IntervalSchedule(timedelta(microseconds=1)).next(1)[0] > begin


def test_moving_out_of_the_calendar_gives_nothing() -> None:
    schedule = Schedule([DatesClock([datetime(9999, 12, 31)])], adjustments=[add(DAY)])
    assert schedule.next(1, datetime(9999, 1, 1)) == []
    assert Schedule([DatesClock([START])], adjustments=[add(DAY)]).next(1, datetime.min) == [START + DAY]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clocks": IntervalClock(DAY)}, "`clocks` of a schedule is a list of clocks, not `IntervalClock"),
        ({"clocks": ["0 9 * * *"]}, "`clocks` of a schedule is a list of clocks, not `'0 9 "),
        (
            {"clocks": [], "filters": is_weekday},
            "`filters` of a schedule is a list of functions of a datetime",
        ),
        ({"clocks": [], "adjustments": [DAY]}, "`adjustments` of a schedule is a list of functions"),
    ],
)
def test_a_wrong_part_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CallError, match=message):
        Schedule(**options)


def test_a_wrong_question_is_named() -> None:
    with pytest.raises(UsageError, match="0 times or more, not `-1`"):
        IntervalSchedule(DAY).next(-1)
    with pytest.raises(CallError, match="`after` is a `datetime`, not `str`"):
        IntervalSchedule(DAY).next(1, "now")  # type: ignore[call-overload]
    wrong = Schedule([CronClock("0 9 * * *")], adjustments=[lambda moment: moment.date()])
    with pytest.raises(CallError, match="what the adjustment `<lambda>` gives is a `datetime`, not `date`"):
        wrong.next(1, START)


WHOLE = Schedule(
    [
        CronClock("0 9 * * *", datetime(2026, 1, 1, tzinfo=BERLIN)),
        IntervalClock(DAY, parameter_defaults={"n": 1}),
    ],
    filters=[is_weekday],
    or_filters=[between_times(time(9), time(17)), on_date(1, 1)],
    not_filters=[never],
    adjustments=[add(HOUR), next_weekday],
)


def test_a_schedule_is_described_in_texts() -> None:
    described = WHOLE.describe()
    assert described == {
        "clocks": [
            {"cron": "0 9 * * *", "start_date": "2026-01-01T00:00:00+01:00[Europe/Berlin]"},
            {"interval": "1d", "parameter_defaults": {"n": "1"}},
        ],
        "filters": ["is_weekday"],
        "or_filters": ["between_times(09:00, 17:00)", "on_date(1, 1)"],
        "not_filters": ["never"],
        "adjustments": ["add(1h)", "next_weekday"],
    }
    assert json.loads(json.dumps(described)) == described


def test_a_schedule_is_the_same_after_pickling() -> None:
    copy = pickle.loads(pickle.dumps(WHOLE))
    assert copy == WHOLE
    assert copy.next(5, START, return_events=True) == WHOLE.next(5, START, return_events=True)


def test_schedules_of_other_parts_are_not_equal() -> None:
    assert Schedule([CronClock("0 9 * * *")]) != Schedule([CronClock("0 9 * * *")], filters=[is_weekday])
    assert CronSchedule("0 9 * * *") != IntervalSchedule(DAY)
    assert CronSchedule("0 9 * * *") != "0 9 * * *"


def test_a_schedule_is_read_in_one_line_and_kept_by_a_registry() -> None:
    schedule = Schedule([CronClock("0 9 * * 1-5")], filters=[between_times(time(9), time(17)), never])
    text = "Schedule(clocks=[CronClock(cron='0 9 * * 1-5')], filters=[between_times(09:00, 17:00), never])"
    assert repr(schedule) == text == value_text(schedule, "/anywhere")
    assert Flow("nightly", schedule=schedule).schedule == schedule


def test_public_names_are_found_where_prefect_classic_has_them() -> None:
    from flowkit.schedules.schedules import Schedule as Classic

    assert Classic is Schedule
    assert schedules.clocks.CronClock is CronClock
    assert schedules.filters.is_weekday is is_weekday
    assert schedules.adjustments.add is add


def test_who_does_not_use_schedules_does_not_load_them() -> None:
    program = (
        "import sys, flowkit; flowkit.task\n"
        "loaded = lambda: sorted({'cronsim', 'dateutil', 'flowkit.schedule'} & set(sys.modules))\n"
        "assert loaded() == [], loaded(); flowkit.schedules.IntervalSchedule;"
        "assert loaded() == ['flowkit.schedule'], loaded()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
