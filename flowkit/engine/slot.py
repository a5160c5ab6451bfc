"""A slot that the runs of a machine share: a lock of the system, which is free again however its holder ends.

Beside the lock file lies a named pipe, which who holds the lock keeps open for writing from before it has the
lock until after: who waits keeps it open for reading, and is told by the system when the last writer is
gone. So nobody who waits has to ask again and again, and nothing must be sent by who ends.

Guarantees: one holder at a time. Who looks (`take`) in vain and then waits for `watched` misses no end of
the one who had it. Relies on: the files are opened here only.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

IS_POSSIBLE = fcntl is not None
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW if IS_POSSIBLE else 0
_LONGEST = 4096  # bytes that are read of who holds it


class Slot:
    """One lock, by its file.

    Attributes:
        watched: a descriptor that hangs up when it may be free, after `take` was called in vain.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.watched: int | None = None
        self._pipe = path.with_name(f"{path.name}.pipe")
        self._held: tuple[int, int] | None = None

    @property
    def is_held(self) -> bool:
        """Whether it was taken here."""
        return self._held is not None

    def take(self, holder: bytes) -> bool:
        """Take it, where nobody has it.

        Args:
            holder: what others read of who has it.

        Raises:
            OSError: its files cannot be used.
        """
        self.look_away()
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._pipe, 0o600)
        # Before the lock is tried: so the end of who has it then is seen.
        self.watched = os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK | _FLAGS)
        alive = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK | _FLAGS)
        lock = os.open(self.path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            os.close(alive)
            return False
        self._held = lock, alive
        self.look_away()
        os.ftruncate(lock, 0)
        os.pwrite(lock, holder, 0)
        return True

    def give_back(self) -> None:
        """Let others have it; also where a forked process still has a copy of what is open here."""
        if self._held is not None:
            lock, _ = self._held
            with contextlib.suppress(OSError):  # a full disk, say
                os.ftruncate(lock, 0)
            fcntl.flock(lock, fcntl.LOCK_UN)
            self.let_go()

    def let_go(self) -> None:
        """Close what is open, as in a forked process, whose parent keeps the lock."""
        self.look_away()
        for opened in self._held or ():
            os.close(opened)
        self._held = None

    def look_away(self) -> None:
        """Wait no more."""
        if self.watched is not None:
            os.close(self.watched)
            self.watched = None


def holder_text(run: int | None, flow: str) -> bytes:
    """What others read of who has a slot."""
    return json.dumps({"run": run, "flow": flow, "pid": os.getpid()}).encode()


def holder_said(text: bytes) -> str:
    """Who has a slot, in words; "" where that cannot be read."""
    try:
        found = json.loads(text)
        return f"run {found['run']}" if found["run"] else f"`{found['flow']}` in process {found['pid']}"
    except (ValueError, KeyError, TypeError):
        return ""


def holder_of(path: Path) -> bytes:
    """What is written of who has, or had, a slot."""
    try:
        opened = os.open(path, os.O_RDONLY | _FLAGS)
    except OSError:
        return b""
    try:
        return os.read(opened, _LONGEST)
    finally:
        os.close(opened)
