"""The recorder: takes what happened out of the machine, in batches, and tells the observers.

Guarantees: observers see each row once and in order, from one thread; all of them before `stop`
returns. One that raises is removed and the run goes on.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from flowkit.engine.lane import Bell
from flowkit.engine.observers import Observer
from flowkit.engine.output import Line
from flowkit.plan.events import Row

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine
    from flowkit.engine.outcome import Outcome

BATCH_TIME = 0.05  # seconds between two batches


class Recorder:
    """The thread that tells observers.

    Attributes:
        asleep: whether it waits for something to happen, and must be woken.
    """

    def __init__(self, engine: Engine, observers: Sequence[Observer]) -> None:
        self._engine = engine
        self._observers = list(observers)
        self._lines: deque[tuple[float, Line]] = deque()
        self._bell = Bell()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="flowkit-recorder", daemon=True)
        self.asleep = False

    def begin(self) -> None:
        """Tell the observers that the run begins."""
        for observer in list(self._observers):
            self._tell(observer, partial(observer.begin, self._engine))
        self._thread.start()

    def line(self, line: Line) -> None:
        """Take a line that a task printed."""
        self._lines.append((self._engine.clock(), line))
        if self.asleep:
            self.wake()

    def wake(self) -> None:
        """Something happened."""
        self.asleep = False
        self._bell.ring()

    def stop(self) -> None:
        """Tell the rest, and end the thread."""
        self._stopping = True
        self._bell.ring()
        if self._thread.is_alive():
            self._thread.join()

    def end(self, outcome: Outcome) -> None:
        """Tell the observers that the run is over."""
        for observer in list(self._observers):
            self._tell(observer, partial(observer.end, outcome))

    def _work(self) -> None:
        while True:
            stopping = self._stopping
            told = self._drain()
            if stopping:
                return
            if told:
                self._bell.wait(BATCH_TIME)
            else:
                self._sleep()

    def _sleep(self) -> None:
        """Until something happens. What came between the last look and this is not lost."""
        self.asleep = True
        if self._engine.machine.events or self._lines or self._stopping:
            self.asleep = False
        else:
            self._bell.wait()

    def _drain(self) -> bool:
        machine = self._engine.machine
        # Both under the lock, so that no line is seen before its task's start or after its end.
        with self._engine.lock:
            rows: list[Row] = machine.events
            machine.events = []
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
        for some_rows, some_lines in _in_order(rows, lines):
            for observer in list(self._observers):
                self._tell(observer, partial(observer.see, some_rows, some_lines))
        return bool(rows or lines)

    def _tell(self, observer: Observer, call: Callable[[], None]) -> None:
        try:
            call()
        except KeyboardInterrupt:  # in the main thread: a second Ctrl-C
            raise
        except BaseException:
            self._observers.remove(observer)
            logging.getLogger("flowkit").exception(
                "%s failed and is told nothing more; the run goes on.", type(observer).__name__
            )


def _in_order(
    rows: list[Row], lines: list[tuple[float, Line]]
) -> Iterator[tuple[Sequence[Row], Sequence[Line]]]:
    """Rows, and the lines that were printed after them and before the next."""
    if not lines:
        if rows:
            yield rows, ()
        return
    done = 0
    printed: list[Line] = []
    before: list[Row] = []
    for at, line in lines:
        upto = done
        while upto < len(rows) and (rows[upto][5] or rows[upto][4]) <= at:
            upto += 1
        if upto > done and printed:
            yield before, printed
            before, printed = [], []
        before += rows[done:upto]
        printed.append(line)
        done = upto
    yield before, printed
    if done < len(rows):
        yield rows[done:], ()
