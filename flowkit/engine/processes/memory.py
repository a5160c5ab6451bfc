"""How much memory an attempt has taken, and that it takes no more than its task may.

Guarantees: what is measured is the most that the process of the attempt had resident, from its beginning to
its end. What exceeds the limit is refused, so that Python raises a `MemoryError`; what was there before does
not count. On Linux; elsewhere what is measured is the most since the process began, and nothing is refused.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RESET_PEAK = b"5"  # of proc(5)
_UNIT = 1 if sys.platform == "darwin" else 1024  # of `ru_maxrss`, in bytes


@contextmanager
def limited(most: int) -> Iterator[None]:
    """Refuse more than so many bytes besides those that are there now, and begin to measure."""
    with contextlib.suppress(OSError), Path("/proc/self/clear_refs").open("wb") as peak:
        peak.write(_RESET_PEAK)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    there = _data()
    if there is not None:
        wanted = there + most
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def peak() -> int:
    """Bytes: the most that this process had since `limited` began."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def _data() -> int | None:
    """Bytes that the process may write to, as `RLIMIT_DATA` counts them."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmData:")]
    return int(found[0]) * 1024 if found else None


def in_words(number: float) -> str:
    """Bytes, for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.3g} {unit}"
        number /= 1024
    return f"{number:.3g} GiB"
