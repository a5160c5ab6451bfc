"""A process and all that it has started, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Collection

_ROUNDS = 20  # what starts others while it is ended is looked for so often
_BE_SUBREAPER, _DIE_WITH_PARENT = 36, 1  # of prctl.h


def adopt_orphans() -> None:
    """What descends from this process stays below it, also where those in between have ended; on Linux."""
    _prctl(_BE_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the system kill this process when its parent ends; on Linux."""
    _prctl(_DIE_WITH_PARENT, int(signal.SIGKILL))


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def end_family(pid: int) -> None:
    """Kill a process that leads a group, its group, and all that descends from it."""
    _signal(pid, signal.SIGSTOP)  # so that it starts nothing more
    for _ in range(_ROUNDS):
        below = descendants(pid)
        if not below:
            break
        for each in below:
            _signal(each, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    _signal(pid, signal.SIGKILL)


def end_orphans(but: Collection[int]) -> int:
    """Kill the children of this process, and what descends from them; returns how many that were, but for
    those that multiprocessing has of its own.

    Args:
        but: who may live.
    """
    killed: set[int] = set()
    for _ in range(_ROUNDS):
        orphans = [pid for pid in _children(os.getpid()) if pid not in but]
        for pid in orphans:
            killed.update(each for each in (pid, *descendants(pid)) if not _is_helper(each))
            end_family(pid)
        if not orphans:
            break
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
    return len(killed)


def descendants(pid: int) -> list[int]:
    """Who descends from a process and runs."""
    import psutil  # 15 ms that only ends need

    with contextlib.suppress(psutil.Error):
        return [each.pid for each in psutil.Process(pid).children(recursive=True) if _runs(each)]
    return []


def _children(pid: int) -> list[int]:
    import psutil

    with contextlib.suppress(psutil.Error):
        return [each.pid for each in psutil.Process(pid).children()]
    return []


def _is_helper(pid: int) -> bool:
    import psutil

    with contextlib.suppress(psutil.Error):
        return any("multiprocessing." in word for word in psutil.Process(pid).cmdline())
    return True  # it has ended by itself


def _runs(process: object) -> bool:
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
