"""The recorder: takes what happened out of the machine, in batches, commits it, and tells the observers.

Guarantees: what observers see was committed before; they see each row once and in order, from one thread,
all of them before `stop` returns. One that raises is removed and the run goes on; where the ledger raises,
the run ends, and nobody is told what could not be written. What waits to be written is bounded: whoever
makes more waits too.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from flowkit.engine.beginnings import Beginnings
from flowkit.engine.capture import MOST_LINES, Line
from flowkit.engine.lane import Bell
from flowkit.engine.ledger import Ledger
from flowkit.engine.observers import Observer, ProgressObserver
from flowkit.engine.release import Release
from flowkit.engine.task_threads import start_apart
from flowkit.plan.events import Call, Report, Row

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine
    from flowkit.engine.outcome import Outcome

BATCH_TIME = 0.05  # seconds between two batches
REPORT_TIME = 0.1  # seconds between two times that observers are told how far attempts are
MOST_BYTES = 32 << 20  # of results that wait to be written
MOST_ROWS = 200_000
_PATIENCE = 1.0  # seconds that a line waits: who prints may hold what the recorder needs


class Recorder:
    """The thread that commits and tells.

    Attributes:
        asleep: whether it waits for something to happen, and must be woken.
        bytes: of results that have been handed in since the last batch.
        broken: what the ledger raised.
    """

    def __init__(
        self, engine: Engine, observers: Sequence[Observer], ledger: Ledger | None, release: Release | None
    ) -> None:
        self._engine = engine
        self._observers = list(observers)
        self._ledger = ledger
        self._release = release
        self._beginnings = Beginnings(engine.machine)
        self._lines: deque[tuple[float, Line]] = deque()
        self._urgent: deque[tuple[Row | None, Any, Bell]] = deque()
        self._reports: dict[Call, Report] = {}
        self._hears = any(isinstance(observer, ProgressObserver) for observer in observers)
        self._is_reported = False  # whether some of them may have to be told
        self._reports_due = 0.0
        self._bell = Bell()
        self._room = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="flowkit-recorder", daemon=True)
        self.asleep = False
        self.bytes = 0
        self.broken: BaseException | None = None

    def begin(self) -> None:
        """Tell the observers that the run begins."""
        for observer in list(self._observers):
            self._tell(observer, partial(observer.begin, self._engine))
        start_apart(self._thread)

    def line(self, line: Line) -> None:
        """Take a line that a task printed, when there is room for it."""
        self.put(line)
        self.wait_for_lines(MOST_LINES)

    def put(self, line: Line) -> None:
        """Take a line at once: who hands it in may have the engine's lock."""
        self._lines.append((self._engine.clock(), line))
        if self.asleep:
            self.wake()

    def report(self, call: Call, report: Report) -> None:
        """Take how far a call says that it is; what it said before is forgotten. From any thread."""
        if self._hears:
            self._reports[call] = report
            self._is_reported = True
            if self.asleep:
                self.wake()

    def wait_for_lines(self, most: int) -> None:
        """Wait where more lines are to be written; never with the engine's lock held."""
        if len(self._lines) > most:
            self._wait_for_room(_PATIENCE)

    def wake(self) -> None:
        """Something happened."""
        self.asleep = False
        self._bell.ring()

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be written that whoever makes more should wait."""
        return self.bytes > MOST_BYTES or len(self._engine.machine.events) > MOST_ROWS

    def wait_for_room(self) -> None:
        """Wait until the next batch is written; never with the engine's lock held."""
        while self.is_full and self.broken is None and self._thread.is_alive():
            self._wait_for_room(_PATIENCE)

    @property
    def is_durable(self) -> bool:
        """Whether there is somewhere to commit to."""
        return self._ledger is not None

    def commit(self, row: Row | None, kept: Any) -> bool:
        """Commit an end before anything follows from it; it is told when the machine has it.

        Args:
            kept: what is kept of its value, None where it has none.

        Returns:
            Whether it is written.
        """
        bell = Bell()
        self._urgent.append((row, kept, bell))
        self.wake()
        written = bell.wait(_PATIENCE)
        while not written and self._thread.is_alive() and self.broken is None:
            self.wake()
            written = bell.wait(_PATIENCE)
        return written and self.broken is None

    def settle(self) -> None:
        """Wait until what has happened so far is committed."""
        self.commit(None, None)

    def stop(self) -> None:
        """Commit and tell the rest, and end the thread."""
        self._stopping = True
        self._bell.ring()
        if self._thread.is_alive():
            self._thread.join()

    def wish(self) -> str:
        """Why another process has asked the run to end, or ""; when nothing is committed any more."""
        return "" if self._ledger is None else self._ledger.wish()

    def end(self, outcome: Outcome) -> None:
        """Commit how the run ended, and tell the observers."""
        if self._ledger is not None:
            try:
                self._ledger.end(outcome)
            except Exception as error:
                self.broken = self.broken or error
        for observer in list(self._observers):
            self._tell(observer, partial(observer.end, outcome))

    def _wait_for_room(self, seconds: float) -> None:
        self._room.clear()
        self.wake()
        self._room.wait(seconds)

    def _work(self) -> None:
        try:
            self._loop()
        except BaseException as error:  # a bug of flowkit: what follows is not recorded, so the run must end
            self.broken = self.broken or error
            self._engine.stop_broken()

    def _loop(self) -> None:
        while True:
            stopping = self._stopping
            told = self._drain()
            self._room.set()
            if stopping and not self._urgent:
                return
            if told or self._is_reported:
                self._bell.wait(BATCH_TIME)
            else:
                self._sleep()

    def _sleep(self) -> None:
        """Until something happens. What came between the last look and this is not lost."""
        self.asleep = True
        if self._engine.machine.events or self._lines or self._urgent or self._is_reported or self._stopping:
            self.asleep = False
        else:
            self._bell.wait()

    def _drain(self) -> bool:
        engine = self._engine
        # All under the lock, so that no line is seen before its task's start or after its end.
        with engine.lock:
            rows = self._beginnings.told(engine.machine.events)
            engine.events_go(self._beginnings.running)
            engine.machine.events = []
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            kept, engine.kept = engine.kept, {}
            self.bytes = 0
            urgent = [self._urgent.popleft() for _ in range(len(self._urgent))]
            if self._reports and rows:  # of which some may be beginnings that reports wait for
                self._is_reported = True
            reports = self._reports_due_now() if self._is_reported else None
            # An attempt that was given up meanwhile has ended already, and not like this.
            urgent = [
                (row if row is None or engine.machine.is_running(*row[:3]) else None, some, bell)
                for row, some, bell in urgent
            ]
        if rows or lines or urgent:
            self._record(rows, lines, kept, urgent)
        if reports:
            for observer in list(self._observers):
                if isinstance(observer, ProgressObserver):
                    self._tell(observer, partial(observer.report, reports))
        return bool(rows or lines or urgent)

    def _record(
        self,
        rows: list[Row],
        lines: list[tuple[float, Line]],
        kept: Any,
        urgent: Sequence[tuple[Row | None, Any, Bell]],
    ) -> None:
        engine = self._engine
        rows, lines = engine.masked(rows, lines)
        written = self._commit_with(urgent, rows, kept, lines)
        if written:
            for some_rows, some_lines in _in_order(rows, lines):
                for observer in list(self._observers):
                    self._tell(observer, partial(observer.see, some_rows, some_lines))
        if not written:
            for some in kept.values():
                some.drop()
        elif self._release is not None:
            self._let_go(rows, kept)

    def _reports_due_now(self) -> dict[Call, Report]:
        """The reports of attempts whose beginning is told in this batch at the latest: those of others wait
        for that, or are forgotten with their end. The engine's lock is held."""
        now = self._engine.clock()
        if now < self._reports_due:
            return {}
        self._reports_due = now + REPORT_TIME
        self._is_reported = False
        begun, machine = self._beginnings.running, self._engine.machine
        found: dict[Call, Report] = {}
        for call in list(self._reports):
            if call in begun and machine.is_running(*call):
                found[call] = self._reports.pop(call)
            elif machine.has_ended(*call[:2]):
                self._reports.pop(call, None)
        return found

    def _commit_with(
        self, urgent: Sequence[tuple[Row | None, Any, Bell]], rows: list[Row], kept: Any, lines: Sequence[Any]
    ) -> bool:
        """Commit a batch and, in the same transaction after it, the ends that are waited for."""
        values = self._engine.values
        if not urgent:
            return self._commit(rows, kept, values, lines)
        ends, _ = self._engine.masked([row for row, _, _ in urgent if row is not None], [])
        all_kept = {**kept, **{(row[0], row[1]): some for row, some, _ in urgent if row and some is not None}}
        written = self._commit([*rows, *ends], all_kept, values, lines)
        for _, some, bell in urgent:
            if some is not None and not written:
                some.drop()
            bell.ring()
        return written

    def _commit(self, rows: Sequence[Row], kept: Any, values: Any, lines: Sequence[Any]) -> bool:
        """Whether it is written now, or need not be."""
        if self._ledger is None:
            return True
        if self.broken is not None:
            return False
        try:
            self._ledger.append(rows, kept, values, lines)
        except Exception as error:
            self.broken = error
            self._engine.stop_broken()
            return False
        return True

    def _let_go(self, rows: Sequence[Row], kept: Any) -> None:
        assert self._release is not None
        rounds = self._engine.rounds  # what was kept of an iteration is not the result of its task
        self._release.hold(
            {child: some for child, some in kept.items() if child not in rounds} if rounds else kept
        )
        self._release.see(rows)

    def _tell(self, observer: Observer, call: Callable[[], None]) -> None:
        try:
            call()
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
