"""Monotonic clocks of other processes, which may be on other machines."""

from __future__ import annotations

import time
from pathlib import Path

from flowkit.engine.errand import Answer

_BOOT = Path("/proc/sys/kernel/random/boot_id")

# Which clock it is, "" where that is not known, and seconds that it is behind the time of day.
Clock = tuple[str, float]


def clock_here() -> Clock:
    """That of this process."""
    try:
        boot = _BOOT.read_text().strip()
    except OSError:
        boot = ""
    return boot, time.time() - time.monotonic()


def in_our_time(answer: Answer, there: Clock, here: Clock, begun: float, now: float) -> Answer:
    """An answer with its times by the clock here.

    Args:
        begun, now: when its call was sent, and this moment: it is not before the one nor after the other.
    """
    shift = 0.0 if there[0] and there[0] == here[0] else there[1] - here[1]
    ended = min(max(answer.ended + shift, begun), now)
    return answer._replace(started=min(max(answer.started + shift, begun), ended), ended=ended)
