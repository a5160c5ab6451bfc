"""Ctrl-Z: the process stops with the terminal as it was found, and comes back to a display that is new."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class Suspension:
    """Listens between `start` and `stop`, where the main thread calls them; no other may.

    Args:
        leave: called before the process stops.
        come_back: called when it goes on, also where nobody could say that it would stop.
    """

    def __init__(self, leave: Callable[[], None], come_back: Callable[[], None]) -> None:
        self._leave = leave
        self._come_back = come_back
        self._before: dict[signal.Signals, Any] = {}
        self._process = os.getpid()

    def start(self) -> None:
        """Begin to listen. Who ignores Ctrl-Z, as some shells have it, goes on to."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, handler in ((signal.SIGTSTP, self._stop), (signal.SIGCONT, self._go_on)):
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, handler)

    def stop(self) -> None:
        """Listen no more."""
        if threading.current_thread() is threading.main_thread():
            before, self._before = self._before, {}
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        is_ours = os.getpid() == self._process  # a child that a task has forked has no display
        if is_ours:
            self._leave()
        # By the system's own way: where no shell could let us go on again, it does not stop us.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._stop)
        if is_ours:
            self._come_back()

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() == self._process:
            self._come_back()
