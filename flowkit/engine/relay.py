"""Signals that cannot be missed by a main thread that is about to wait.

Python runs a signal's handler between two steps of the main thread. A signal that arrives just before that
thread goes to sleep on a lock, or in another thread, is noted and not acted on until it wakes. The
interpreter can write each signal to a file descriptor (`signal.set_wakeup_fd`): a thread that reads there
rings, and nudges the main thread out of what it waits in, by a signal that does nothing itself.

Guarantees: each signal is seen, in that thread, also where the main thread is in C code and no handler runs.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from flowkit.engine.task_threads import start_apart

NUDGE = signal.SIGURG
_NUDGES = (0.01, 0.05, 0.2)  # seconds to wait before each


class Relay:
    """Passes signals on while it is entered, in the main thread.

    Args:
        ring: wakes the engine.
        seen: is told the number of each signal.
    """

    def __init__(self, ring: Callable[[], None], seen: Callable[[int], None]) -> None:
        self._ring = ring
        self._seen = seen
        self._nudges: list[float] = []  # those to come
        self._reader, self._writer = socket.socketpair()
        self._thread = threading.Thread(target=self._pass_on, name="flowkit-signals", daemon=True)

    def __enter__(self) -> Self:
        self._writer.setblocking(False)
        start_apart(self._thread)
        self._before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._before)
        with contextlib.suppress(OSError):
            self._writer.shutdown(socket.SHUT_WR)  # a child that a task forked may have it open too
        self._writer.close()
        self._thread.join()
        self._reader.close()

    def _pass_on(self) -> None:
        while True:
            self._reader.settimeout(self._nudges[0] if self._nudges else None)
            try:
                received = self._reader.recv(64)
            except TimeoutError:
                self._nudge()
                continue
            if not received:
                return
            self._take([number for number in received if number != NUDGE])

    def _take(self, numbers: list[int]) -> None:
        for number in numbers:
            self._nudges = list(_NUDGES)
            self._ring()
            self._seen(number)

    def _nudge(self) -> None:
        del self._nudges[0]
        main = threading.main_thread().ident
        if main is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pthread_kill(main, NUDGE)
        self._ring()
