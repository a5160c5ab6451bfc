"""How often threads give way to each other: more often during runs, and as before when the last one ends."""

from __future__ import annotations

import sys
import threading

_lock = threading.Lock()
_runs = 0
_before = 0.0


def quicken(interval: float | None) -> None:
    """A run begins; `interval` in seconds, None to leave it. Each call is followed by one of `restore`."""
    global _runs, _before
    with _lock:
        if not _runs:
            _before = sys.getswitchinterval()
        _runs += 1
        if interval is not None:
            sys.setswitchinterval(interval)


def restore() -> None:
    """A run has ended."""
    global _runs
    with _lock:
        _runs -= 1
        if not _runs:
            sys.setswitchinterval(_before)
