"""Moments as people say and read them: `3 minutes ago`, `2d`, `2026-11-22`, `5 GiB`."""

from __future__ import annotations

import math
import re
from datetime import datetime

from flowkit.errors import UsageError
from flowkit.flow.sizes import bytes_of

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
# What follows each unit, how many of it make one of that, and from how many on the next is said.
_STEPS = (
    ("second", 90, 60.0),
    ("minute", 90, 60.0),
    ("hour", 36, 24.0),
    ("day", 14, 7.0),
    ("week", 10, 4.345),
    ("month", 12, 12.0),
    ("year", math.inf, 1.0),
)


def ago(seconds: float) -> str:
    """`just now`, `50 seconds ago`, `3 minutes ago`, `2 weeks ago`, as git says it; `in the future`."""
    if seconds < -1:
        return "in the future"
    if seconds < 2:
        return "just now"
    number = seconds
    for unit, most, size in _STEPS:
        if number < most:
            whole = round(number)
            return f"{whole} {unit}{'' if whole == 1 else 's'} ago"
        number /= size
    return "never"


def since(text: str, now: float) -> float:
    """The moment that a person means, in seconds since 1970.

    Args:
        text: how long ago (`30m`, `2d`), or a date, or a date with a time, of this place.

    Raises:
        UsageError: it is neither.
    """
    found = _AGO.fullmatch(text.strip().lower())
    if found:
        return now - float(found[1]) * _SECONDS[found[2]]
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"`{text}` is no moment", hints=("write a date (`2026-11-22`), or how long ago (`30m`, `2d`)",)
        ) from None


def at(moment: float) -> str:
    """`2026-11-22 17:04:05`, of this place; what no calendar has as a number."""
    try:
        return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{moment:.0f}"


def clock(moment: float) -> str:
    """`17:04:05`."""
    return at(moment).rpartition(" ")[2]


def size(number: float) -> str:
    """`512 B`, `1.5 MiB`, `5 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(number) < 1024:
            return f"{number:.0f} {unit}" if number >= 10 or number == int(number) else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def parsed_size(text: str) -> int:
    """The bytes that `500M`, `2GiB` or `1048576` mean.

    Raises:
        UsageError: no size.
    """
    found = bytes_of(text)
    if found is None:
        raise UsageError(f"`{text}` is no size", hints=("write `500M`, `2GiB` or a number of bytes",))
    return found
