from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HEADER = "date,precipitation,temp_max,temp_min,wind,weather\n"


@pytest.fixture(scope="module")
def record(weather: ModuleType) -> Any:
    return weather.parse.run(weather.load.run(weather.HERE / "data" / "seattle-weather.csv"))


@pytest.fixture
def days(weather: ModuleType) -> Callable[..., Any]:
    """Days from the first of January 2021 with these amounts of precipitation."""

    def make(*precipitation: float, start: date = date(2021, 1, 1)) -> Any:
        return [
            weather.Day(start + timedelta(days=n), 10.0, 0.0, amount, "sun")
            for n, amount in enumerate(precipitation)
        ]

    return make


def test_the_record_has_every_day_of_four_years(weather: ModuleType, record: Any) -> None:
    assert [len(days) for days in weather.by_year.run(record)] == [366, 365, 365, 365]


def test_a_year_of_the_record_is_summed_up(weather: ModuleType, record: Any) -> None:
    """The figures were taken from the file with awk."""
    first = weather.summarise.run(weather.by_year.run(record)[0], 12.0)
    assert (first.year, first.days, first.warmest, first.coldest) == (2012, 366, 34.4, -3.3)
    assert first.precipitation == pytest.approx(1226.0)
    assert first.wettest_month == "November (210 mm)"
    assert first.longest_dry_spell == weather.Spell(48, date(2012, 7, 23))
    assert first.weather == {"rain": 191, "sun": 118, "drizzle": 31, "snow": 21, "fog": 5}
    assert first.anomaly == pytest.approx(first.mean - 12.0)


def test_the_anomalies_of_the_years_cancel_over_the_record(weather: ModuleType, record: Any) -> None:
    normal = weather.mean_temperature.run(record)
    years = [weather.summarise.run(days, normal) for days in weather.by_year.run(record)]
    assert sum(year.anomaly * year.days for year in years) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("precipitation", "length", "start"),
    [
        ((0, 0, 1, 0), 2, date(2021, 1, 1)),
        ((1, 0, 1, 0, 0, 0), 3, date(2021, 1, 4)),
        ((0, 1, 0), 1, date(2021, 1, 1)),
        ((1, 0.1), 0, None),
        ((), 0, None),
    ],
)
def test_the_longest_dry_spell_is_the_first_of_the_longest(
    weather: ModuleType, days: Callable[..., Any], precipitation: Any, length: int, start: date | None
) -> None:
    assert weather.longest_dry_spell(days(*precipitation)) == weather.Spell(length, start)


def test_a_day_without_a_record_ends_a_dry_spell(weather: ModuleType, days: Callable[..., Any]) -> None:
    record = days(0, 0) + days(0, 0, 0, start=date(2021, 1, 4))
    assert weather.longest_dry_spell(record) == weather.Spell(3, date(2021, 1, 4))


def test_the_wettest_month_is_the_one_with_the_largest_sum(
    weather: ModuleType, days: Callable[..., Any]
) -> None:
    assert weather.wettest_month(days(*[2] * 31, *[3] * 28)) == "February (84 mm)"


def test_a_trend_is_the_line_through_the_yearly_means(weather: ModuleType, days: Callable[..., Any]) -> None:
    whole = weather.summarise.run(days(0, 1), 5.0)
    years = [
        weather.Year(**{**vars(whole), "year": year, "mean": mean})
        for year, mean in [(2019, 10.0), (2021, 11.0)]
    ]
    trend = weather.fit_trend.run(years)
    assert (trend.slope, trend.first, trend.last) == pytest.approx((0.5, 10.0, 11.0))


def test_one_year_has_no_trend_and_the_report_says_so(
    weather: ModuleType, days: Callable[..., Any], tmp_path: Path
) -> None:
    year = weather.summarise.run(days(1, 2), 5.0)
    assert weather.fit_trend.run([year]) is None
    report = weather.write_report.run([year], None, tmp_path / "report.md")
    assert report["trend"] is None
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "One year has no trend." in text
    assert "| none |" in text


def test_days_are_put_in_order(weather: ModuleType) -> None:
    text = HEADER + "2021/01/02,0,3,1,1,sun\n2021/01/01,0,3,1,1, Rain \n"
    first, second = weather.parse.run(text)
    assert (first.date, second.date) == (date(2021, 1, 1), date(2021, 1, 2))
    assert first.weather == "rain"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2021-01-01,0,3,1,1,sun", "line 2 of the data cannot be read: .*2021-01-01"),
        ("2021/02/30,0,3,1,1,sun", "line 2 of the data cannot be read: "),
        ("2021/01/01,NA,3,1,1,sun", "line 2 of the data cannot be read: `NA` is not a number"),
        ("2021/01/01,nan,3,1,1,sun", "line 2 of the data cannot be read: `nan` is not a number"),
        ("2021/01/01,0", "line 2 of the data cannot be read: `` is not a number"),
        (
            "2021/01/01,0,1,3,1,sun",
            "line 2 of the data cannot be read: its warmest, 1 °C, is below its coldest",
        ),
        (
            "2021/01/01,-1,3,1,1,sun",
            "line 2 of the data cannot be read: its precipitation, -1 mm, is negative",
        ),
        ("2021/01/01,0,3,1,1,sun\n2021/01/01,0,3,1,1,sun", "line 3 of the data has the day 2021-01-01"),
        ("", "the data has columns, but no days"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(weather: ModuleType, line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}"):
        weather.parse.run(f"{HEADER}{line}\n")


@pytest.mark.parametrize("text", ["", "date,precipitation,temp_max,weather\n2021/01/01,0,3,sun\n"])
def test_missing_columns_are_named(weather: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match=r"^the data has no column .*`temp_min`"):
        weather.parse.run(text)


def test_the_flow_reports_every_year_from_any_directory(
    weather: ModuleType, elsewhere: Path, result_of: Callable[[Any, str], Any]
) -> None:
    output = elsewhere / "report.md"
    state = weather.flow.run(target=output)
    assert state.is_successful()
    report = result_of(state, "write_report")
    assert [year["year"] for year in report["years"]] == [2012, 2013, 2014, 2015]
    assert report["trend"]["slope"] == pytest.approx(0.63, abs=0.005)
    text = output.read_text(encoding="utf-8")
    assert text.startswith("# Weather, 2012 to 2015\n")
    assert "| 2012 | 11.3 | -1.1 | 34.4 | -3.3 | 1226 | November (210 mm) | 48 days from 23 July |" in text
    assert "changes by +0.63 °C a year" in text


def test_the_flow_sums_up_a_year_in_a_task_of_its_own(
    weather: ModuleType, elsewhere: Path, result_of: Callable[[Any, str], Any]
) -> None:
    state = weather.flow.run(target=elsewhere / "report.md")
    assert [year.days for year in result_of(state, "summarise")] == [366, 365, 365, 365]


def test_the_flow_fails_with_the_line_that_is_wrong(
    weather: ModuleType, elsewhere: Path, result_of: Callable[[Any, str], Any]
) -> None:
    source = elsewhere / "broken.csv"
    source.write_text(f"{HEADER}2021/01/01,0,3,1,1,sun\nyesterday,0,3,1,1,sun\n", encoding="utf-8")
    state = weather.flow.run(path=source, target=elsewhere / "report.md")
    assert not state.is_successful()
    assert "line 3 of the data" in str(result_of(state, "parse"))
    assert list(elsewhere.iterdir()) == [source]
