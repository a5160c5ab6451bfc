"""Threads for what may wait, so that who drives many calls need not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from flowkit.engine.task_threads import start_apart

Work = Callable[[], None]


class Hands:
    """A few threads, started as they are needed.

    Args:
        most: how many at most.
        broke: is told what work raises, which is a bug.
    """

    def __init__(self, most: int, broke: Callable[[BaseException], None]) -> None:
        self._most = most
        self._broke = broke
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._open = 0  # pieces of work that have not ended
        self._count = 0

    def do(self, work: Work) -> None:
        """Have this done soon."""
        with self._lock:
            self._open += 1
            is_more = self._open > self._count and self._count < self._most
            self._count += is_more
        self._queue.put(work)
        if is_more:
            start_apart(threading.Thread(target=self._go_on, name="flowkit-hand", daemon=True))

    def stop(self) -> None:
        """No more is to be done."""
        for _ in range(self._count):
            self._queue.put(None)

    def _go_on(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            except BaseException as error:
                self._broke(error)
            finally:
                with self._lock:
                    self._open -= 1
