"""A clock that stands still until it is told to go on, shared by the processes that are forked from one.

Guarantees: what a command measures and says of time is what it was told, however long it takes.
Relies on: `rule` comes before flowkit is imported, as it keeps `time.monotonic` as a default here and there;
how long threads wait for each other goes by the real clock, which they have taken by then.
"""

from __future__ import annotations

import mmap
import os
import queue
import selectors
import struct
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

EPOCH = datetime(2026, 3, 14, 9, 0, tzinfo=UTC).timestamp()  # what it shows at first
UP = 100_000.0  # seconds that the machine has been up then
TOOK_THE_REAL_ONE = (queue, selectors, threading)
_SIZE = struct.calcsize("d")


class DirectedClock:
    """See the module.

    Args:
        path: of the file that has the seconds since `EPOCH`; it is made.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(descriptor, _SIZE)
        self._memory = mmap.mmap(descriptor, _SIZE)
        os.close(descriptor)

    @property
    def seconds(self) -> float:
        """Since `EPOCH`."""
        return float(struct.unpack("d", self._memory)[0])

    def turn_to(self, seconds: float) -> None:
        """Show another time."""
        self._memory[:] = struct.pack("d", seconds)

    def go_on(self, seconds: float) -> None:
        """Let so much time pass."""
        self.turn_to(self.seconds + seconds)

    def rule(self) -> None:
        """Be the clock of this process."""
        time.time = lambda: EPOCH + self.seconds
        time.time_ns = lambda: int(time.time() * 1e9)
        time.monotonic = time.perf_counter = lambda: UP + self.seconds
        time.monotonic_ns = lambda: int(time.monotonic() * 1e9)
