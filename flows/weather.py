"""Sum up the weather of Seattle, a task for each year of the record, and write a report with the trend.

Written in the classic style: `with Flow(...)`, `Parameter` and `.map`. The data and its licence are
described in `data/README.md`.
"""

from __future__ import annotations

import calendar
import csv
import io
import math
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from os.path import relpath
from pathlib import Path
from statistics import fmean, linear_regression
from uuid import uuid4

from pydantic import FilePath

from flowkit import Flow, Parameter, task, unmapped

HERE = Path(__file__).resolve().parent

COLUMNS = ("date", "precipitation", "temp_max", "temp_min", "weather")


@dataclass(frozen=True)
class Day:
    """One day: temperatures in °C, precipitation in mm, and the kind of weather in a word."""

    date: date
    warmest: float
    coldest: float
    precipitation: float
    weather: str

    @property
    def mean(self) -> float:
        """Half-way between the extremes, as weather services define a day's mean temperature."""
        return (self.warmest + self.coldest) / 2


@dataclass(frozen=True)
class Spell:
    """A run of days without a gap in the dates; `start` is None where there is no such day."""

    days: int = 0
    start: date | None = None


@dataclass(frozen=True)
class Year:
    """What a year was like, in °C, mm and days; `anomaly` is its mean less the mean of the whole record."""

    year: int
    days: int
    mean: float
    anomaly: float
    warmest: float
    coldest: float
    precipitation: float
    wettest_month: str
    longest_dry_spell: Spell
    weather: dict[str, int]


@dataclass(frozen=True)
class Trend:
    """The straight line through the yearly means: °C a year, and where it begins and ends."""

    slope: float
    first: float
    last: float


@task(max_retries=3, retry_delay=timedelta(seconds=2))
def load(path: Path) -> str:
    """The text of the file; tried again when the disk or the network behind it fails."""
    text = path.read_text(encoding="utf-8-sig")
    print(f"{len(text.splitlines())} lines from {relpath(path)}")
    return text


@task
def parse(text: str) -> list[Day]:
    """The days of the record, in order.

    Raises:
        ValueError: a column is missing, a line cannot be read, a day comes twice, or there is none.
    """
    reader = csv.DictReader(io.StringIO(text), restval="")
    if absent := [column for column in COLUMNS if column not in (reader.fieldnames or ())]:
        raise ValueError(f"the data has no column {', '.join(f'`{column}`' for column in absent)}")
    days: dict[date, Day] = {}
    for row in reader:
        try:
            day = as_day(row)
        except ValueError as reason:
            raise ValueError(f"line {reader.line_num} of the data cannot be read: {reason}") from None
        if day.date in days:
            raise ValueError(f"line {reader.line_num} of the data has the day {day.date}, which came before")
        days[day.date] = day
    if not days:
        raise ValueError("the data has columns, but no days")
    return [days[key] for key in sorted(days)]


@task
def mean_temperature(days: list[Day]) -> float:
    """The mean temperature of all these days, in °C."""
    return fmean(day.mean for day in days)


@task
def by_year(days: list[Day]) -> list[list[Day]]:
    """The days of each year, in the order of the years."""
    return [list(group) for _, group in groupby(days, key=lambda day: day.date.year)]


@task
def summarise(days: list[Day], normal: float) -> Year:
    """What one year was like, beside the mean temperature of the whole record."""
    mean = fmean(day.mean for day in days)
    return Year(
        year=days[0].date.year,
        days=len(days),
        mean=mean,
        anomaly=mean - normal,
        warmest=max(day.warmest for day in days),
        coldest=min(day.coldest for day in days),
        precipitation=math.fsum(day.precipitation for day in days),
        wettest_month=wettest_month(days),
        longest_dry_spell=longest_dry_spell(days),
        weather=dict(Counter(day.weather for day in days).most_common()),
    )


@task
def fit_trend(years: list[Year]) -> Trend | None:
    """The least-squares line through the yearly mean temperatures; None for less than two years."""
    if len(years) < 2:
        return None
    slope, intercept = linear_regression([year.year for year in years], [year.mean for year in years])
    return Trend(slope, intercept + slope * years[0].year, intercept + slope * years[-1].year)


@task
def write_report(years: list[Year], trend: Trend | None, target: Path) -> dict[str, object]:
    """Write the report in Markdown, and return what it says."""
    write_whole(target, as_markdown(years, trend))
    print(f"report on {len(years)} years written to {relpath(target)}")
    return {
        "years": [asdict(year) for year in years],
        "trend": asdict(trend) if trend else None,
        "target": str(target),
    }


with Flow("weather") as flow:
    path = Parameter(
        "path",
        HERE / "data" / "seattle-weather.csv",
        annotation=FilePath,
        help="CSV of a day's weather a line",
    )
    target = Parameter(
        "target", HERE.parent / "build" / "weather.md", annotation=Path, help="Markdown file to write"
    )

    record = parse(load(path))
    years = summarise.map(by_year(record), normal=unmapped(mean_temperature(record)))
    report = write_report(years, fit_trend(years), target)


def as_day(row: dict[str, str]) -> Day:
    """The day of a row of text; a ValueError says what is wrong with it."""
    day = Day(
        date=datetime.strptime(row["date"].strip(), "%Y/%m/%d").date(),
        warmest=number(row["temp_max"]),
        coldest=number(row["temp_min"]),
        precipitation=number(row["precipitation"]),
        weather=row["weather"].strip().lower() or "unknown",
    )
    if day.warmest < day.coldest:
        raise ValueError(f"its warmest, {day.warmest:g} °C, is below its coldest, {day.coldest:g} °C")
    if day.precipitation < 0:
        raise ValueError(f"its precipitation, {day.precipitation:g} mm, is negative")
    return day


def number(text: str) -> float:
    """A finite number; a ValueError names the text that is none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"`{text}` is not a number")
    return value


def wettest_month(days: list[Day]) -> str:
    """The month of the year that had the most precipitation, and how much; the earlier one of equals."""
    monthly: defaultdict[int, float] = defaultdict(float)
    for day in days:
        monthly[day.date.month] += day.precipitation
    month, amount = max(monthly.items(), key=lambda item: item[1])
    return f"{calendar.month_name[month]} ({amount:.0f} mm)"


def longest_dry_spell(days: list[Day]) -> Spell:
    """The longest run of days without precipitation among days in order; the first one of equals."""
    longest, length, yesterday = Spell(), 0, None
    for day in days:
        unbroken = yesterday is not None and day.date - yesterday == timedelta(days=1)
        length = 0 if day.precipitation > 0 else 1 + (length if unbroken else 0)
        if length > longest.days:
            longest = Spell(length, day.date - timedelta(days=length - 1))
        yesterday = day.date
    return longest


def as_markdown(years: list[Year], trend: Trend | None) -> str:
    """The report: a table of the years, a table of their kinds of weather, and the trend in a sentence."""
    kinds = sorted({kind for year in years for kind in year.weather})
    climate = table(
        ["year", "mean °C", "anomaly", "max °C", "min °C", "rain mm", "wettest month", "longest dry spell"],
        [climate_row(year) for year in years],
    )
    weather = table(
        ["year", "days", *kinds],
        [
            [str(n) for n in (year.year, year.days, *(year.weather.get(kind, 0) for kind in kinds))]
            for year in years
        ],
    )
    title = f"# Weather, {years[0].year} to {years[-1].year}"
    return (
        "\n\n".join([title, climate, "Days by kind of weather:", weather, trend_sentence(years, trend)])
        + "\n"
    )


def climate_row(year: Year) -> list[str]:
    """The cells of one year in the first table."""
    spell = year.longest_dry_spell
    return [
        str(year.year),
        f"{year.mean:.1f}",
        f"{year.anomaly:+.1f}",
        f"{year.warmest:.1f}",
        f"{year.coldest:.1f}",
        f"{year.precipitation:.0f}",
        year.wettest_month,
        f"{spell.days} days from {spell.start:%d %B}" if spell.start else "none",
    ]


def trend_sentence(years: list[Year], trend: Trend | None) -> str:
    """What the trend says, and how little that is."""
    if trend is None:
        return "One year has no trend."
    return (
        f"The yearly mean temperature changes by {trend.slope:+.2f} °C a year, along a line from "
        f"{trend.first:.1f} °C to {trend.last:.1f} °C: {len(years)} points, which describe the record and "
        "forecast nothing."
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_whole(path: Path, text: str) -> None:
    """Write a file at once: whoever reads it sees the old text or the new, whatever is interrupted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{uuid4().hex}.part")
    try:
        draft.write_text(text, encoding="utf-8", newline="")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


if __name__ == "__main__":
    flow.run()
