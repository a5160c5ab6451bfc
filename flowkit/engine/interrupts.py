"""Signals during a run: a first Ctrl-C asks it to stop, a second ends it at once, an alarm is a time limit.

Only the main thread gets signals. While it is inside a user's function (an inline task), it is interrupted
there; elsewhere a signal only rings, as an exception in the middle of the machine would tear it.

Guarantees: after a second signal the process is gone within `GRACE`, whatever its threads do and whoever
keeps the history busy, unless the run has returned by then. Where that can be had in this time its end is
committed, by the main thread, or where that does not let go of a task, by another.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from flowkit.engine.fork import STOPPING
from flowkit.engine.relay import NUDGE, Relay
from flowkit.engine.task_threads import start_apart

NEVER = float("inf")

GRACE = 0.5  # seconds that running tasks have to end after the run was asked to stop
_PATIENCE = 0.2  # seconds that the main thread has to be out after a second signal

_LONGEST = 1e8  # seconds that a timer takes


class OverdueError(BaseException):
    """Raised inside an inline task whose time is over."""


class Interrupts:
    """What has been asked for by signals.

    Args:
        ring: wakes the engine; safe in a signal handler.
        give_up: ends the run at once, from any thread.
        outer: of the run whose task this run is part of.

    Attributes:
        happened: the number of the first signal that asks to stop, or None; SIGALRM: the time of the
            task around this run is over.
        insisted: whether a second one came: nothing is waited for any more.
    """

    def __init__(
        self, ring: Callable[[], None], give_up: Callable[[], None], outer: Interrupts | None = None
    ) -> None:
        self._ring = ring
        self._give_up = give_up
        self._outer = outer
        self._inner: list[Interrupts] = []
        self._in_task = False
        self._handling = False
        self._until = NEVER
        self._before: dict[signal.Signals, Any] = {}
        self._signals = 0  # that ask to stop, of all runs around and inside
        self._raised = 0
        self._last: list[threading.Timer] = []
        self.happened: int | None = None
        self.insisted = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals inside the block: in the main thread itself, elsewhere through the outer run."""
        if self._outer is not None:
            self._outer._inner.append(self)
            if self._outer.happened is not None:  # before it could be told
                self.ask(self._outer.happened, around=False)
            self.insisted = self.insisted or self._outer.insisted
        try:
            with self._installed():
                yield
        finally:
            if self._outer is not None:
                self._outer._inner.remove(self)

    @contextmanager
    def _installed(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {number: signal.getsignal(number) for number in (*STOPPING, signal.SIGALRM, NUDGE)}
        # What was ignored stays ignored: `nohup`, or a shell's background job.
        before = {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}
        self._before = before
        try:
            for number in before:
                signal.signal(number, self._HANDLERS.get(number, Interrupts._handle).__get__(self))
            self._handling = signal.SIGALRM in before
            with Relay(self._ring, self._see):
                try:
                    yield
                finally:
                    self._handling = False
                    self.restore()  # before the relay goes, so that a signal is always somebody's
        finally:
            for timer in self._last:
                timer.cancel()
            self.restore()

    def restore(self) -> None:
        """Put back the handlers of the program; in the main thread."""
        before, self._before = self._before, {}
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def ask(self, number: int, *, around: bool = True) -> None:
        """Ask the run to stop, and the runs inside it.

        Args:
            around: and those that it is part of, as a signal means them all.
        """
        if self.happened is None:
            self.happened = number
            self._ring()
            for inner in list(self._inner):
                inner.ask(number, around=False)
        if around and self._outer is not None:
            self._outer.ask(number)

    def insist(self) -> None:
        """Have the run, and those inside it, end without waiting for anything."""
        self.insisted = True
        self._ring()
        for inner in list(self._inner):
            inner.insist()

    # -- an inline task -----------------------------------------------------------------------

    def enter_task(self, seconds: float | None) -> None:
        """Let signals interrupt what comes now, until `leave_task`.

        Args:
            seconds: after which it is interrupted by an `OverdueError`; None: never.
        """
        if seconds is not None and self._handling:
            self._until = time.monotonic() + seconds
            self._set_timer()
        self._in_task = True

    def leave_task(self) -> None:
        """Signals only ring again."""
        self._in_task = False
        if self._until != NEVER:
            self._until = NEVER
            self._set_timer()

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let signals only ring in this block, in the main thread; one that came interrupts at its end.

        Raises:
            KeyboardInterrupt, OverdueError: at its end.
        """
        in_task, raised = self._in_task, self._raised
        self._in_task = False
        try:
            yield
        finally:
            self._in_task = in_task
        if in_task and self._raised > raised:
            raise KeyboardInterrupt
        if in_task and self._handling and time.monotonic() >= self._limit:
            raise OverdueError

    @property
    def _limit(self) -> float:
        """When the time of this task, or of one around it, is over."""
        return self._until if self._outer is None else min(self._until, self._outer._limit)

    def _set_timer(self) -> None:
        left = self._limit - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0 if left == NEVER else min(max(left, 1e-6), _LONGEST))

    # -- handlers -----------------------------------------------------------------------------

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._outermost.happened is None:
            self.ask(number)
        else:
            self._outermost.insist()
        self._raised += 1
        if self._in_task and self._raised <= 2:
            raise KeyboardInterrupt

    def _overdue(self, number: int, frame: FrameType | None) -> None:
        if self._outer is not None and time.monotonic() >= self._outer._limit:
            self.happened = signal.SIGALRM
            self._ring()
        if self._in_task:
            raise OverdueError

    def _nudged(self, number: int, frame: FrameType | None) -> None:
        """Nothing to do: being delivered was the purpose."""

    # -- a second signal ----------------------------------------------------------------------

    def _see(self, number: int) -> None:
        """A signal came. Called by the relay: the main thread may be where it runs no handler, and a handler
        must not start threads, as it may have come in the middle of that."""
        if number in STOPPING and signal.getsignal(number) == self._handle:
            self._outermost._count(number)

    @property
    def _outermost(self) -> Interrupts:
        return self if self._outer is None else self._outer._outermost

    def _count(self, number: int) -> None:
        self._signals += 1
        if self._signals == 2:
            self.ask(number)
            self.insist()
            code = 128 + number
            self._last = [
                threading.Timer(_PATIENCE, self._put_out, [code]),
                threading.Timer(GRACE, os._exit, [code]),
            ]
            for timer in self._last:
                timer.daemon = True
                start_apart(timer)

    def _put_out(self, code: int) -> None:
        """The main thread is not out: end the runs for it, and the process."""
        try:
            self.settle()
        finally:
            if self._before:
                os._exit(code)

    def settle(self) -> None:
        """End the run, and those inside it, from another thread than theirs."""
        self._give_up()
        for inner in list(self._inner):
            inner.settle()

    _HANDLERS = {signal.SIGALRM: _overdue, NUDGE: _nudged}
