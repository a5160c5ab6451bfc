"""Signals during a run: a first Ctrl-C asks it to stop, a second ends it at once, an alarm is a time limit.

Only the main thread gets signals. While it is inside a user's function (an inline task), it is interrupted
there; elsewhere a signal only rings, as an exception in the middle of the machine would tear it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_LONGEST = 1e8  # seconds that a timer takes
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class OverdueError(BaseException):
    """Raised inside an inline task whose time is over."""


class Interrupts:
    """What has been asked for by signals.

    Attributes:
        happened: the number of the first signal that asks to stop, or None.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._in_task = False
        self._handling = False
        self._timed = False
        self.happened: int | None = None

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals inside the block, where this is the main thread; else leave them as they are."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (*_STOPPING, signal.SIGALRM)}
        # What was ignored stays ignored: `nohup`, or a shell's background job.
        before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
        try:
            for number in before:
                signal.signal(number, self._overdue if number == signal.SIGALRM else self._handle)
            self._handling = signal.SIGALRM in before
            yield
        finally:
            self._handling = False
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def enter_task(self, seconds: float | None) -> None:
        """Let signals interrupt what comes now, until `leave_task`.

        Args:
            seconds: after which it is interrupted by an `OverdueError`; None: never.
        """
        self._in_task = True
        if seconds is not None and self._handling:
            self._timed = True
            signal.setitimer(signal.ITIMER_REAL, min(max(seconds, 1e-6), _LONGEST))

    def leave_task(self) -> None:
        """Signals only ring again."""
        self._in_task = False
        if self._timed:
            self._timed = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.happened is not None:
            raise KeyboardInterrupt
        self.happened = number
        self._ring()
        if self._in_task:
            raise KeyboardInterrupt

    def _overdue(self, number: int, frame: FrameType | None) -> None:
        if self._in_task:
            raise OverdueError
