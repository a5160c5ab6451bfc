"""Another way to the same times: walking minute by minute, and looking at what the wall shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)

# Where clocks change, or a calendar does: a zone, and a day of its wall.
CHANGES = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25", "2028-02-29"),
    "America/New_York": ("2026-03-08", "2026-11-01", "2100-02-28"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),  # by half an hour
    "Asia/Kolkata": ("2026-02-28", "2027-12-31"),  # never, and half an hour off
    "Pacific/Apia": ("2011-12-30", "2011-09-24"),  # a day that never was
    "Africa/Casablanca": ("2026-02-15", "2026-03-22"),  # for Ramadan
    "America/Santiago": ("2026-04-04", "2026-09-06"),  # at midnight
    "Europe/Lisbon": ("1992-09-27", "1996-03-31"),  # another time in summer's place
    "UTC": ("2026-12-31", "2096-02-28"),
}
PLACES = [(zone, day) for zone, days in CHANGES.items() for day in days]


def minutes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Each minute as an instant and as the wall shows it."""
    instant = begin.astimezone(UTC).replace(second=0, microsecond=0)
    while instant <= end:
        yield instant, instant.astimezone(zone).replace(tzinfo=None)
        instant += MINUTE


@dataclass(frozen=True)
class Cron:
    """What a cron expression means; an empty set is a star."""

    minute: frozenset[int]
    hour: frozenset[int]
    day: frozenset[int]
    month: frozenset[int]
    weekday: frozenset[int]  # 0 is Sunday
    day_or: bool = True

    def __str__(self) -> str:
        fields = (self.minute, self.hour, self.day, self.month, self.weekday)
        return " ".join(",".join(map(str, sorted(field))) or "*" for field in fields)

    def fits(self, wall: datetime) -> bool:
        def within(value: int, field: frozenset[int]) -> bool:
            return not field or value in field

        day, weekday = within(wall.day, self.day), within(wall.isoweekday() % 7, self.weekday)
        either = bool(self.day and self.weekday and self.day_or)
        return (
            within(wall.minute, self.minute)
            and within(wall.hour, self.hour)
            and within(wall.month, self.month)
            and ((day or weekday) if either else (day and weekday))
        )

    def times(self, zone: ZoneInfo, after: datetime, end: datetime) -> list[datetime]:
        """The instants after one and up to another, as Debian's cron has them."""
        wild = not self.minute or not self.hour
        seen: set[datetime] = set()
        previous: datetime | None = None
        found = []
        for instant, wall in minutes(zone, after - timedelta(days=2), end):
            skipped = []
            while previous is not None and wall - previous > MINUTE:
                previous += MINUTE
                skipped.append(previous)
            strikes = self.fits(wall) and (wild or wall not in seen)
            strikes = strikes or (not wild and any(self.fits(each) for each in skipped))
            if strikes and instant > after:
                found.append(instant)
            seen.add(wall)
            previous = wall
        return found


def first_passes(zone: ZoneInfo, begin: datetime, end: datetime) -> dict[datetime, datetime]:
    """The instant of each minute of the wall, the first where there are two, skipped ones counted on."""
    passes: dict[datetime, datetime] = {}
    previous: datetime | None = None
    for instant, wall in minutes(zone, begin, end):
        if previous is not None:
            swallowed = 0
            while wall - previous > MINUTE:
                previous += MINUTE
                passes[previous] = instant + swallowed * MINUTE
                swallowed += 1
        passes.setdefault(wall, instant)
        previous = wall
    return passes
