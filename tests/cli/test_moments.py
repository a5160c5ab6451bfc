"""Moments and sizes as people say and read them."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from flowkit.cli import moments
from flowkit.errors import UsageError


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-60, "in the future"),
        (0, "just now"),
        (59, "59 seconds ago"),
        (120, "2 minutes ago"),
        (5400, "2 hours ago"),
        (3 * 86400, "3 days ago"),
        (15 * 86400, "2 weeks ago"),
        (100 * 86400, "3 months ago"),
        (800 * 86400, "2 years ago"),
    ],
)
def test_how_long_ago_is_said_in_one_unit(seconds: float, said: str) -> None:
    assert moments.ago(seconds) == said


@given(some.floats(2, 1e10))
def test_any_time_ago_is_a_small_number_of_a_unit(seconds: float) -> None:
    number, unit, _ = moments.ago(seconds).split()
    assert 1 <= int(number) <= 400
    assert unit.rstrip("s") in ("second", "minute", "hour", "day", "week", "month", "year")


def test_a_moment_is_a_date_of_this_place_or_a_time_before_now() -> None:
    assert moments.since("90s", 100.0) == 10.0
    assert moments.since(" 1.5H ", 5400.0) == 0.0
    assert moments.since("2026-11-22", 0.0) == datetime(2026, 11, 22).timestamp()
    assert moments.at(moments.since("2026-11-22T17:04:05", 0.0)) == "2026-11-22 17:04:05"


@pytest.mark.parametrize("text", ["", "yesterday-ish", "5", "2 fortnights", "9999999999-01-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no moment"):
        moments.since(text, 0.0)


@pytest.mark.parametrize("moment", [1e300, float("nan"), -1e18])
def test_a_time_that_no_calendar_has_is_shown_all_the_same(moment: float) -> None:
    assert moments.at(moment)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1048576", 1 << 20), ("500M", 500 << 20), ("2GiB", 2 << 30), ("1.5 kb", 1536)],
)
def test_a_size_is_a_number_with_a_unit(text: str, size: int) -> None:
    assert moments.parsed_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1", "1 PiB", "5GG", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no size"):
        moments.parsed_size(text)


@given(some.integers(0, 1 << 50))
def test_a_size_that_is_shown_is_near_what_it_was(size: int) -> None:
    assert moments.parsed_size(moments.size(size)) == pytest.approx(size, rel=0.1)
