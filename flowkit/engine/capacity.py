"""How much there is of this machine for the process: its processors and its memory, within its cgroups.

Source of the rules: Linux, `Documentation/admin-guide/cgroup-v2.rst` (`cpu.max`, `memory.max`, which hold
for all that is below), and `cgroup-v1` for systems that have that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # bytes: what version 1 says where there is no limit lies above


def processors(root: Path = _ROOT, own: Path = Path("/proc/self/cgroup")) -> float:
    """How many processors the process may keep busy."""
    try:
        found = float(len(os.sched_getaffinity(0)))
    except AttributeError:  # not on Linux
        found = float(os.cpu_count() or 1)
    for folder in _groups(root, own):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        found = _least(found, quota, period or "1")
    old = root / "cpu"
    return _least(found, _text(old / "cpu.cfs_quota_us"), _text(old / "cpu.cfs_period_us"))


def memory(root: Path = _ROOT, own: Path = Path("/proc/self/cgroup")) -> int:
    """How many bytes the process may use."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    files = [folder / "memory.max" for folder in _groups(root, own)]
    for file in [*files, root / "memory" / "memory.limit_in_bytes"]:
        text = _text(file)
        if text.isdecimal() and 0 < int(text) < _UNLIMITED:
            found = min(found, int(text))
    return found


def _groups(root: Path, own: Path) -> Iterator[Path]:
    """The folder of the process's own group of version 2, and those above."""
    for line in _text(own).splitlines():
        if line.startswith("0::/"):
            folder = root / line.removeprefix("0::/")
            yield folder
            yield from (above for above in folder.parents if above == root or root in above.parents)


def _least(found: float, quota: str, period: str) -> float:
    """Less, where so much of each period is all that may be used."""
    if quota.isdecimal() and period.isdecimal() and int(quota) and int(period):
        return min(found, int(quota) / int(period))
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
