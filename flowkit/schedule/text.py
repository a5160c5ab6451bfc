"""Moments and durations as people read them, without loss."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))


def moment_text(moment: datetime) -> str:
    """`2026-01-31T09:00:00+01:00[Europe/Berlin]`, as RFC 9557 has it; UTC goes without its name."""
    name = moment.tzinfo.key if isinstance(moment.tzinfo, ZoneInfo) else None
    return moment.isoformat() if name in (None, "UTC") else f"{moment.isoformat()}[{name}]"


def duration_text(duration: timedelta) -> str:
    """`1d 12h`, `15m`, `0.5s`, `-2h`."""
    if duration < timedelta(0):
        return "-" + " -".join(duration_text(-duration).split())
    parts = []
    for name, unit in _UNITS:
        count, duration = divmod(duration, unit)
        if count:
            parts.append(f"{count}{name}")
    if duration or not parts:
        exact = f"{duration.seconds}.{duration.microseconds:06}".rstrip("0").rstrip(".")
        parts.append(f"{exact}s")
    return " ".join(parts)


def name_of(function: Callable[..., Any]) -> str:
    """`is_weekday`, `between_times(09:00, 17:00)`, `Holidays`: never an address in memory."""
    if type(function).__module__.startswith("flowkit."):
        return repr(function)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).rpartition("<locals>.")[2]
