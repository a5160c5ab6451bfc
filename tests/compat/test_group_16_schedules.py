"""Group 16 of classic's rules, schedules, as whole flows and as what is next."""

from __future__ import annotations

import importlib
import importlib.util
from datetime import datetime, time, timedelta, timezone
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule

DAY = timedelta(days=1)


def zoned(moment: datetime, zone: str = "UTC") -> datetime:
    """The moment in this zone, which classic knows from pendulum only."""
    if importlib.util.find_spec("pendulum"):
        return importlib.import_module("pendulum").instance(moment, tz=zone)
    return moment.replace(tzinfo=ZoneInfo(zone))


def at(day: int, hour: int = 0, minute: int = 0, month: int = 1) -> datetime:
    return zoned(datetime(2024, month, day, hour, minute))


def soon(*seconds: float) -> list[datetime]:
    now = datetime.now(timezone.utc)  # noqa: UP017 - `datetime.UTC` is younger than classic
    return [now + timedelta(seconds=number) for number in seconds]


def test_there_is_a_schedule_for_each_clock() -> None:
    """16.1: intervals, cron expressions and rules of calendars."""
    from prefect.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

    hours = [at(1, 1), at(1, 2)]
    for schedule in (
        IntervalSchedule(interval=timedelta(hours=1), start_date=at(1)),
        CronSchedule("0 * * * *", start_date=at(1)),
        RRuleSchedule(rrule.rrule(rrule.HOURLY, dtstart=at(1))),
    ):
        assert list(schedule.next(2, after=at(1))) == hours
        assert len(schedule.clocks) == 1


def test_a_schedule_merges_its_clocks() -> None:
    """16.2: sorted, without doubles; filters choose; adjustments come after, in order."""
    from prefect.schedules import Schedule, adjustments, filters
    from prefect.schedules.clocks import CronClock, DatesClock

    clocks = [CronClock("0 0 * * *"), DatesClock([at(1), at(2, 12)])]
    assert Schedule(clocks=clocks).next(4, after=at(1) - DAY / 2) == [at(1), at(2), at(2, 12), at(3)]
    chosen = Schedule(
        clocks=[CronClock("0 0 * * *"), DatesClock([at(2, 12)])],
        filters=[filters.is_weekday],
        or_filters=[filters.at_time(time(0)), filters.on_date(1, 2)],
        not_filters=[filters.on_date(1, 3)],
        adjustments=[adjustments.add(timedelta(hours=1)), adjustments.add(timedelta(minutes=5))],
    )
    assert chosen.next(4, after=at(1) - DAY / 2) == [
        at(1, 1, 5),
        at(2, 1, 5),
        at(2, 13, 5),
        at(4, 1, 5),
    ]


def test_an_event_has_the_parameters_and_labels_of_its_clock() -> None:
    """16.2: `return_events`; one instant with different parameters is two events."""
    from prefect.schedules import Schedule
    from prefect.schedules.clocks import DatesClock

    clocks = [
        DatesClock([at(1)], parameter_defaults={"p": 1}, labels=["a"]),
        DatesClock([at(1)], parameter_defaults={"p": 2}),
    ]
    events = Schedule(clocks=clocks).next(3, after=at(1) - DAY, return_events=True)
    assert [event.start_time for event in events] == [at(1), at(1)]
    assert sorted(event.parameter_defaults["p"] for event in events) == [1, 2]


def test_an_interval_is_counted_from_its_start() -> None:
    """16.3: a tick itself is not after itself; it must be more than nothing; it may end."""
    from prefect.schedules.clocks import IntervalClock

    clock = IntervalClock(timedelta(hours=6), start_date=at(1, 1), end_date=at(2))
    assert [event.start_time for event in clock.events(after=at(1, 7))] == [at(1, 13), at(1, 19)]
    with pytest.raises(ValueError):
        IntervalClock(timedelta(0))


def test_days_stay_at_their_time_of_day() -> None:
    """16.3: over a change of clocks, days are days of the wall, and hours are hours."""
    from prefect.schedules.clocks import IntervalClock

    start = zoned(datetime(2024, 3, 30, 9), "Europe/Berlin")

    def hours(interval: timedelta, count: int) -> list[int]:
        events = IntervalClock(interval, start_date=start).events(after=start - DAY)
        return [event.start_time.astimezone(start.tzinfo).hour for event in islice(events, count)]

    assert hours(DAY, 3) == [9, 9, 9]
    assert hours(timedelta(hours=6), 4) == [9, 15, 21, 4]


def test_cron_takes_its_zone_from_the_start() -> None:
    """16.4: an invalid expression is a ValueError; the start itself is an event."""
    from prefect.schedules.clocks import CronClock

    clock = CronClock("0 0 * * *", start_date=at(5), end_date=at(7))
    assert [event.start_time for event in clock.events(after=at(1))] == [at(5), at(6), at(7)]
    both = CronClock("0 0 1 * mon", start_date=at(2), day_or=True)
    assert [e.start_time for e in islice(both.events(after=at(2)), 2)] == [at(8), at(15)]
    with pytest.raises(ValueError):
        CronClock("not a cron")


def test_dates_and_rules_are_clocks() -> None:
    """16.5: a list of moments, of which those after; a rule of dateutil's."""
    from prefect.schedules.clocks import DatesClock, RRuleClock

    dates = DatesClock([at(3), at(1), at(2)])
    assert [event.start_time for event in dates.events(after=at(1))] == [at(2), at(3)]
    rule = RRuleClock(rrule.rrule(rrule.MONTHLY, bymonthday=-1, dtstart=at(1)))
    ends = [event.start_time for event in islice(rule.events(after=at(1)), 2)]
    assert ends == [at(31), at(29, month=2)]


def test_filters_say_which_moments_count() -> None:
    """16.6: each is a function of a moment, or makes one; dates wrap the year, times midnight."""
    from prefect.schedules import filters as f

    monday, saturday = at(1, 23), at(6)
    assert (f.is_weekday(monday), f.is_weekday(saturday)) == (True, False)
    assert (f.is_weekend(monday), f.is_weekend(saturday)) == (False, True)
    assert (f.is_month_start(monday), f.is_month_end(at(31))) == (True, True)
    assert f.is_day_of_week(0)(monday)
    assert f.on_datetime(monday)(monday) and not f.on_datetime(monday)(saturday)
    assert f.between_datetimes(at(1), at(2))(monday)
    assert f.on_date(1, 6)(saturday)
    assert f.between_dates(12, 15, 1, 3)(monday) and not f.between_dates(12, 15, 1, 3)(saturday)
    assert f.at_time(time(23))(monday)
    assert f.between_times(time(22), time(2))(monday) and f.between_times(time(22), time(2))(saturday)


def test_adjustments_move_moments() -> None:
    """16.7: by a time, or to the next weekday."""
    from prefect.schedules import adjustments

    assert adjustments.add(timedelta(hours=1))(at(1)) == at(1, 1)
    assert [adjustments.next_weekday(at(day)) for day in (5, 6, 7)] == [at(5), at(8), at(8)]


def test_a_flow_runs_whenever_its_schedule_says() -> None:
    """16.8: one run after another; one that fails does not stop the next."""
    from prefect import Flow, task
    from prefect.schedules import Schedule
    from prefect.schedules.clocks import DatesClock

    ran: list[int] = []

    @task
    def note():
        ran.append(1)
        if len(ran) == 1:
            raise ValueError("the first fails")

    with Flow("f", schedule=Schedule(clocks=[DatesClock(soon(0.3, 0.6))])) as flow:
        note()
    flow.run(run_on_schedule=True)
    assert len(ran) == 2


def test_a_flow_with_a_schedule_can_run_once_at_once() -> None:
    """16.8: `run_on_schedule=False`; a schedule without a future is a ValueError otherwise."""
    from prefect import Flow, task
    from prefect.schedules import Schedule
    from prefect.schedules.clocks import DatesClock

    @task
    def one():
        return 1

    with Flow("f", schedule=Schedule(clocks=[DatesClock([at(1)])])) as flow:
        x = one()
    assert flow.run(run_on_schedule=False).result[x].result == 1
    with pytest.raises(ValueError):
        flow.run(run_on_schedule=True)


def test_a_run_knows_when_it_was_to_start() -> None:
    """16.9: `scheduled_start_time`, the same for each attempt."""
    import prefect
    from prefect import Flow, task
    from prefect.schedules import Schedule
    from prefect.schedules.clocks import DatesClock

    seen: list[Any] = []

    @task(max_retries=1, retry_delay=timedelta(milliseconds=10))
    def note():
        seen.append(prefect.context.scheduled_start_time)
        if len(seen) < 2:
            raise ValueError("not yet")

    (start,) = soon(0.3)
    with Flow("f", schedule=Schedule(clocks=[DatesClock([start])])) as flow:
        note()
    flow.run(run_on_schedule=True)
    assert seen == [start, start]
