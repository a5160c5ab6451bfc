"""How a worker is asked to end: SIGTERM interrupts the user's code, so that its `finally` runs.

Guarantees: it raises at most once, and only inside of user code; elsewhere it is remembered, so that no
message is torn; where the worker waits for work it ends at once. SIGINT does nothing: the runner decides.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

from flowkit.engine.away import CutShortError


class Stopping:
    """See the module; in the main thread.

    Attributes:
        asked: whether the worker was asked to end.
        is_inside: whether code of the user's is called, which is interrupted by a `CutShortError`.
        is_idle: whether there is nothing to lose.
    """

    def __init__(self) -> None:
        self.asked = False
        self.is_inside = False
        self.is_idle = False
        signal.signal(signal.SIGTERM, self._handle)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        # A handler, as programs that a task starts would inherit that it is ignored.
        signal.signal(signal.SIGINT, _nothing)
        self._mask: set[int] | None = None
        os.register_at_fork(before=self._hold, after_in_parent=self._go_on, after_in_child=self._let_go)

    def rest(self) -> None:
        """From now on there is nothing to lose; ends the process where that was asked for."""
        self.is_idle = True
        if self.asked:
            os._exit(0)

    def _hold(self) -> None:
        """A fork begins: what comes now must not meet a child that still has our handlers."""
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})

    def _go_on(self) -> None:
        if self._mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _let_go(self) -> None:
        """In a child that a task has forked: it ends as programs do."""
        if signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) is _nothing:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._go_on()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if self.is_idle:
            os._exit(0)
        if self.is_inside:
            self.is_inside = False
            raise CutShortError


def _nothing(number: int, frame: FrameType | None) -> None:
    """Nothing."""
