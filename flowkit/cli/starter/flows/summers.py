"""How warm and how dry were the summers of Seattle? Run it: `flowkit run summers`."""

import csv
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated

from flowkit import flow, task, unmapped

# The days from June to August, a file a year: records of the US weather service (NOAA), in the public domain.
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Summer:
    """What a summer was like: temperatures in °C, rain in mm."""

    year: str
    mean: float
    warmest: float
    warm_days: int
    rain: float


@task
def find(folder: Path) -> list[Path]:
    """The files with data, in order."""
    found = sorted(folder.glob("*.csv"))
    if not found:
        raise ValueError(f"there is no .csv file in {folder}")
    return found


@task(max_retries=2, retry_delay=1)
def read(path: Path) -> list[dict[str, str]]:
    """The days of a file; tried again, after a second, where the disk behind it is away for a moment."""
    with path.open(newline="", encoding="utf-8") as file:
        days = list(csv.DictReader(file))
    print(f"{len(days)} days from {path.name}")
    return days


@task
def sum_up(days: list[dict[str, str]], warm: float) -> Summer:
    """A year in figures."""
    temperatures = [float(day["warmest"]) for day in days]
    return Summer(
        year=days[0]["date"][:4],
        mean=round(fmean(temperatures), 1),
        warmest=max(temperatures),
        warm_days=sum(each >= warm for each in temperatures),
        rain=round(sum(float(day["rain_mm"]) for day in days), 1),
    )


@task
def compare(summers: list[Summer], warm: float) -> Summer:
    """Print all of them, and return the one with the most warm days."""
    print(f"year   mean  warmest  days of {warm:g} °C   rain")
    for each in summers:
        print(f"{each.year}  {each.mean:5}  {each.warmest:7}  {each.warm_days:>13}  {each.rain:5} mm")
    return max(summers, key=lambda each: each.warm_days)


@flow
def summers(
    folder: Annotated[Path, "Where the files are, one a year."] = DATA,
    warm: Annotated[float, "From how many °C on a day is warm."] = 28.0,
):
    """Compare the summers of Seattle."""
    days = read.map(find(folder))  # a task for each file, side by side
    return compare(sum_up.map(days, warm=unmapped(warm)), warm)
