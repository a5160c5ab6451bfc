"""Clocks agree with a walk over every minute, wherever clocks are put forward or back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
from dateutil.rrule import DAILY, HOURLY, MINUTELY, WEEKLY, rrule
from hypothesis import assume, example, given, settings
from oracle import MINUTE, PLACES, Cron, first_passes

from flowkit.schedules import Schedule
from flowkit.schedules.clocks import Clock, CronClock, IntervalClock, RRuleClock


def some_of(low: int, high: int) -> st.SearchStrategy[frozenset[int]]:
    few = st.frozensets(st.integers(low, high), min_size=1, max_size=4)
    return st.one_of(st.just(frozenset[int]()), few)


CRONS = st.builds(
    Cron,
    minute=some_of(0, 59),
    hour=some_of(0, 5) | some_of(0, 23),
    day=st.just(frozenset[int]()) | some_of(1, 28),
    month=st.just(frozenset[int]()),
    weekday=st.just(frozenset[int]()) | some_of(0, 6),
    day_or=st.booleans(),
)
SECONDS = st.integers(-36 * 3600, 36 * 3600)
WINDOW = timedelta(days=2)


def noon(place: tuple[str, str]) -> datetime:
    return datetime.fromisoformat(f"{place[1]}T12:00").replace(tzinfo=ZoneInfo(place[0]))


def instants(clock: Clock, after: datetime, end: datetime) -> list[datetime]:
    """What a clock gives after one instant and up to another, looked at for what all clocks promise."""
    moments = [
        event.start_time for event in takewhile(lambda e: utc(e.start_time) <= end, clock.events(after))
    ]
    found = [utc(moment) for moment in moments]
    assert all(moment.utcoffset() is not None for moment in moments)
    assert all(earlier < later for earlier, later in pairwise(found))
    assert all(after < each for each in found)
    for moment in moments:  # what a wall never shows is not given out
        back = utc(moment).astimezone(moment.tzinfo)
        assert (back.replace(tzinfo=None), back.fold) == (moment.replace(tzinfo=None), moment.fold)
    return found


def utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


@given(cron=CRONS, place=st.sampled_from(PLACES), seconds=SECONDS)
@example(Cron(*map(frozenset, ([30], [2], [], [], []))), ("Europe/Berlin", "2026-03-29"), -36 * 3600)
@example(Cron(*map(frozenset, ([30], [2], [], [], []))), ("Europe/Berlin", "2026-10-25"), -36 * 3600)
@example(Cron(*map(frozenset, ([10], [0], [], [], []))), ("America/New_York", "2026-03-08"), -36 * 3600)
@example(Cron(*map(frozenset, ([], [3], [], [], []))), ("Australia/Lord_Howe", "2026-10-04"), -36 * 3600)
@example(Cron(*map(frozenset, ([0], [12], [], [], []))), ("Pacific/Apia", "2011-12-30"), -36 * 3600)
@example(Cron(*map(frozenset, ([], [0], [6], [], []))), ("America/Santiago", "2026-09-06"), -36 * 3600)
@settings(max_examples=120)
def test_cron_agrees_with_every_minute(cron: Cron, place: tuple[str, str], seconds: int) -> None:
    zone = ZoneInfo(place[0])
    after = utc(noon(place)) + timedelta(seconds=seconds)
    clock = CronClock(str(cron), start_date=datetime(1990, 1, 1, tzinfo=zone), day_or=cron.day_or)
    assert instants(clock, after, after + WINDOW) == cron.times(zone, after, after + WINDOW)


@given(cron=CRONS, place=st.sampled_from(PLACES), seconds=SECONDS)
@settings(max_examples=60)
def test_asking_again_at_a_tick_goes_on_with_the_next(
    cron: Cron, place: tuple[str, str], seconds: int
) -> None:
    after = utc(noon(place)) + timedelta(seconds=seconds)
    schedule = Schedule([CronClock(str(cron), start_date=datetime(1990, 1, 1, tzinfo=ZoneInfo(place[0])))])
    moment, walked = after, []
    for _ in range(6):
        [moment] = schedule.next(1, moment)
        walked.append(utc(moment))
    assert walked == [utc(each) for each in schedule.next(6, after)]


@given(
    length=st.integers(1, 5000), place=st.sampled_from(PLACES), ago=st.integers(0, 30_000), seconds=SECONDS
)
def test_parts_of_days_are_absolute(length: int, place: tuple[str, str], ago: int, seconds: int) -> None:
    interval = timedelta(minutes=length) % timedelta(days=1)
    assume(interval)
    after = utc(noon(place)) + timedelta(seconds=seconds)
    start = (utc(noon(place)) - ago * MINUTE).astimezone(ZoneInfo(place[0]))
    wanted = [
        instant
        for instant in (utc(start) + k * MINUTE for k in range(ago + 3 * 24 * 60))
        if instant > after and (instant - utc(start)) % interval == timedelta(0)
    ]
    end = after + timedelta(hours=30)
    assert instants(IntervalClock(interval, start), after, end) == [each for each in wanted if each <= end]


@given(
    days=st.integers(1, 9), place=st.sampled_from(PLACES), hour=st.integers(0, 23), minute=st.integers(0, 59)
)
@example(1, ("Europe/Berlin", "2026-03-29"), 2, 30)
@example(1, ("Pacific/Apia", "2011-12-30"), 12, 0)
@settings(max_examples=40)
def test_days_are_days_of_the_wall(days: int, place: tuple[str, str], hour: int, minute: int) -> None:
    zone = ZoneInfo(place[0])
    begin = noon(place).replace(hour=hour, minute=minute) - timedelta(days=10)
    start, end = utc(begin).astimezone(zone), utc(begin) + timedelta(days=20)
    passes = first_passes(zone, utc(start), end)
    wall = start.replace(tzinfo=None)
    wanted = {passes[each] for each in (wall + k * timedelta(days=days) for k in range(30)) if each in passes}
    after = utc(start) - timedelta(seconds=1)
    assert instants(IntervalClock(timedelta(days=days), start), after, end) == sorted(wanted)


@given(
    freq=st.sampled_from([WEEKLY, DAILY, HOURLY, MINUTELY]),
    interval=st.integers(1, 50),
    ago=st.integers(0, 30_000),
    minute=st.just([]) | st.lists(st.integers(0, 59), min_size=1, max_size=3),
    weekday=st.just([]) | st.lists(st.integers(0, 6), min_size=1, max_size=3),
    place=st.sampled_from(PLACES),
)
@settings(max_examples=60)
def test_a_rule_that_is_taken_up_later_gives_the_same(
    freq: int, interval: int, ago: int, minute: list[int], weekday: list[int], place: tuple[str, str]
) -> None:
    after, end = utc(noon(place)), utc(noon(place)) + timedelta(days=3)
    start = noon(place) - ago * MINUTE
    options = {"byminute": minute} if minute and freq != MINUTELY else {}
    rule = rrule(freq, start, interval, byweekday=weekday or None, until=noon(place) + WINDOW * 2, **options)
    wanted = sorted({utc(each) for each in rule})
    assert instants(RRuleClock(rule), after, end) == [each for each in wanted if after < each <= end]


@given(st.text("0123456789*/,-#LW@monfri ", max_size=20))
def test_any_text_is_a_clock_or_a_sentence(text: str) -> None:
    try:
        clock = CronClock(text)
    except ValueError as error:
        assert f"`{' '.join(text.split())}`" in str(error)
    else:
        assert next(clock.events(datetime(2026, 1, 1))).start_time > datetime(2026, 1, 1, tzinfo=UTC)
