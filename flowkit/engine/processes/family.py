"""A process and all that it has started, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Collection, Mapping
from typing import NamedTuple

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
    own, killed = os.getpid(), set[int]()
    for _ in range(_ROUNDS):
        family = _look()
        orphans = _below(own, family, but)
        if not orphans:
            break
        for pid in orphans:
            if family[pid].runs:
                if not _is_helper(pid):
                    killed.add(pid)
                _signal(pid, signal.SIGKILL)
        for pid in orphans:
            if family[pid].parent == own:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
    return len(killed)


def descendants(pid: int) -> list[int]:
    """Who descends from a process and runs."""
    family = _look()
    return [each for each in _below(pid, family) if family[each].runs]


class _Seen(NamedTuple):
    """A process; `runs`: it has not ended."""

    parent: int
    runs: bool


def _look() -> dict[int, _Seen]:
    """All processes there are: one look costs some milliseconds, and must do for many of them."""
    if sys.platform == "linux":
        return {int(name): seen for name in os.listdir("/proc") if name.isdigit() and (seen := _read(name))}  # noqa: PTH208
    import psutil

    return {
        each.pid: _Seen(each.info["ppid"], each.info["status"] != psutil.STATUS_ZOMBIE)
        for each in psutil.process_iter(["ppid", "status"])
    }


def _read(name: str) -> _Seen | None:
    try:
        with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
            state, parent = file.read().rpartition(b")")[2].split()[:2]
    except OSError:
        return None  # it is gone
    return _Seen(int(parent), state not in b"ZX")


def _below(pid: int, family: Mapping[int, _Seen], but: Collection[int] = ()) -> list[int]:
    """Who descends from a process, parents first; without some, and who descends from them."""
    children: dict[int, list[int]] = {}
    for each, seen in family.items():
        if each not in but:
            children.setdefault(seen.parent, []).append(each)
    found = [*children.get(pid, ())]
    for each in found:  # which grows meanwhile
        found += children.get(each, ())
    return found


def _is_helper(pid: int) -> bool:
    import psutil

    with contextlib.suppress(psutil.Error):
        return any("multiprocessing." in word for word in psutil.Process(pid).cmdline())
    return True  # it has ended by itself


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
