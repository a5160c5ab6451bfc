"""How a worker is asked to end: SIGTERM interrupts the user's code, so that its `finally` runs.

Guarantees: it raises at most once, and only inside of user code; elsewhere it is remembered, so that no
message is torn; where the worker waits for work it ends at once. SIGINT does nothing: the runner decides.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from flowkit.engine.away import StoppedError


class Stopping:
    """See the module; in the main thread.

    Attributes:
        asked: whether the worker was asked to end.
    """

    def __init__(self) -> None:
        self.asked = False
        self._inside = False
        self._idle = False
        signal.signal(signal.SIGTERM, self._handle)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        # A handler, as programs that a task starts would inherit that it is ignored.
        signal.signal(signal.SIGINT, _nothing)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """In this block is code of the user's.

        Raises:
            StoppedError: the worker was asked to end.
        """
        self._inside = True
        try:
            yield
        finally:
            self._inside = False

    @contextmanager
    def idle(self) -> Iterator[None]:
        """In this block there is nothing to lose."""
        self._idle = True
        if self.asked:
            os._exit(0)
        try:
            yield
        finally:
            self._idle = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if self._idle:
            os._exit(0)
        if self._inside:
            self._inside = False
            raise StoppedError


def _nothing(number: int, frame: FrameType | None) -> None:
    """Nothing."""
