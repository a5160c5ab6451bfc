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
import os
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
    before, _before = _before, None
    if before is not None and gc.get_threshold() == (*before[:2], _NEVER):
        gc.set_threshold(*before)


def _look(phase: str, info: dict[str, Any]) -> None:
    """The collector begins or ends; called in any thread, one at a time."""
    global _began
    if phase == "start":
        _began = time.monotonic()
        return
    now, is_full = time.monotonic(), info["generation"] == 2
    if not is_full and (_before is None or now < _until):
        return
    if not _lock.acquire(blocking=False):
        return  # a run begins or ends, perhaps in this very thread
    try:
        if _runs:
            _judge(now, is_full=is_full)
    finally:
        _lock.release()


def _judge(now: float, *, is_full: bool) -> None:
    global _until
    if is_full:
        _until = max(_until, _after(now, now - _began))
        if _before is None:
            _hold()
    elif now >= _until:
        _let_go()


def _forked() -> None:
    """This is a forked child; the thread that had the lock may not be here."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_forked)
