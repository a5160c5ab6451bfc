"""Who carries a run out: a lock that ends with its process, on a byte of one file for each run.

A record lock of POSIX is let go by the kernel however its process ends, is not inherited by a fork, and
leaves no file behind a run. Guarantees: one owner a run, among all processes and threads of a machine.
Relies on: the lock file is opened here only, once a process, as closing any descriptor of it lets go of all.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FILE = "owners.lock"
CACHE_FROM = 1 << 40  # bytes from here on are locks of cache entries

_files: dict[Path, int] = {}
_mine: set[tuple[Path, int]] = set()
_guard = threading.Lock()
_pid = os.getpid()


def claim(folder: Path, place: int, patience: float = 0.0) -> bool:
    """Take a run, or a cache entry, for this process; False where someone has it.

    Args:
        patience: seconds for which it is tried again.

    Raises:
        OSError: the lock file cannot be opened.
    """
    deadline = time.monotonic() + patience
    while not _taken(folder, place):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True


def _taken(folder: Path, place: int) -> bool:
    with _guard:
        mark, opened = (folder, place), _opened(folder)
        if mark in _mine or not _lock(opened, place):
            return False
        _mine.add(mark)
        return True


def release(folder: Path, place: int) -> None:
    """Let go of what was claimed."""
    with _guard:
        if (folder, place) in _mine:
            _mine.discard((folder, place))
            if fcntl is not None:
                with contextlib.suppress(FileNotFoundError):  # the state folder was removed meanwhile
                    fcntl.lockf(_opened(folder), fcntl.LOCK_UN, 1, place)


def is_owned(folder: Path, place: int) -> bool:
    """Whether somebody who lives has it."""
    if not claim(folder, place):
        return True
    release(folder, place)
    return False


def _lock(opened: int, place: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _opened(folder: Path) -> int:
    global _pid
    if _pid != os.getpid():  # a forked child has the descriptors, and none of the locks
        _pid = os.getpid()
        _mine.clear()
    opened = _files.get(folder)
    if opened is not None and not os.fstat(opened).st_nlink:  # the state folder was removed since
        _mine.difference_update([mark for mark in _mine if mark[0] == folder])
        os.close(_files.pop(folder))
        opened = None
    if opened is None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        opened = _files[folder] = os.open(folder / FILE, flags, 0o600)
    return opened


def born(pid: int) -> str:
    """When a process started, as its system counts; "" where that cannot be known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def boot() -> str:
    """Which start of the machine this is; "" where that cannot be known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def host() -> str:
    """The name of this machine."""
    return os.uname().nodename if sys.platform != "win32" else os.environ.get("COMPUTERNAME", "")
