"""Full passes of the garbage collector, which look at every object there is: a twentieth of a run's time.

A plan and its flow are objects that stay, a few dozen a task, while a run makes young ones fast, so that the
collector would look at all of them again and again: a fifth of what a run costs. What became garbage in a
cycle and outlived two looks at the young waits for that long: 20 times what a pass takes, and no more than 5
seconds. All else is collected as ever, and so is everything by `gc.collect()`.

Guarantees: when the last run ends, the collector is as it was; who sets it meanwhile, or has turned it off,
is left alone. Relies on: nothing; where the collector has no such passes (Python 3.14) nothing is gained.
"""

from __future__ import annotations

import gc
import threading
import time
from typing import Any

SHARE = 20  # of the time, one in so many
LONGEST = 5.0  # seconds
_TASK = 2e-6  # seconds that a pass takes for what is remembered of one task
_NEVER = 1 << 30

_lock = threading.Lock()
_runs = 0
_before: tuple[int, int, int] | None = None  # while passes are put off
_until = 0.0
_began = 0.0


def put_off(size: int) -> None:
    """A run of so many tasks begins; each call is followed by one of `restore`."""
    global _runs, _until
    with _lock:
        if not _runs:
            gc.callbacks.append(_look)
        _runs += 1
        _until = max(_until, _after(time.monotonic(), _TASK * size))
        _hold()


def restore() -> None:
    """A run has ended."""
    global _runs, _until
    with _lock:
        _runs -= 1
        if not _runs:
            gc.callbacks.remove(_look)
            _until = 0.0
            _let_go()


def _after(now: float, took: float) -> float:
    """When the next pass may be, after one that took so many seconds."""
    return now + min(SHARE * took, LONGEST)


def _hold() -> None:
    global _before
    now = gc.get_threshold()
    if now[0] and now[2] != _NEVER:
        _before = now
        gc.set_threshold(now[0], now[1], _NEVER)


def _let_go() -> None:
    global _before
    if _before is not None and gc.get_threshold() == (*_before[:2], _NEVER):
        gc.set_threshold(*_before)
    _before = None


def _look(phase: str, info: dict[str, Any]) -> None:
    """The collector begins or ends; called in any thread, one at a time, and perhaps with the lock held."""
    global _began, _until
    if phase == "start":
        _began = time.monotonic()
        return
    now = time.monotonic()
    if info["generation"] == 2:
        _until = max(_until, _after(now, now - _began))
        if _before is None:
            _hold()
    elif _before is not None and now >= _until:
        _let_go()
