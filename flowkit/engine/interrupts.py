"""Ctrl-C, SIGTERM and SIGHUP during a run: the first asks it to stop, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """What has been asked for by signals.

    Attributes:
        happened: the number of the first signal, or None.
        in_task: whether the main thread is inside a user's function, and may be interrupted there.
            Elsewhere a signal only rings: an exception in the middle of the machine would tear it.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self.happened: int | None = None
        self.in_task = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals inside the block, where this is the main thread; else leave them as they are."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _HANDLED}
        before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
        try:
            for number in before:
                signal.signal(number, self._handle)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.happened is not None:
            raise KeyboardInterrupt
        self.happened = number
        self._ring()
        if self.in_task:
            raise KeyboardInterrupt
