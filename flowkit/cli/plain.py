"""The display where there is no terminal: a line with the time for what happens, in words.

A flow of very many tasks, or a mapped task of very many children, has a line for each tenth instead;
failures always have theirs. After a minute of silence a line says what runs, so that a CI service does
not take the run for dead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flowkit.cli import github
from flowkit.cli.bars import figures_of
from flowkit.cli.display import Display
from flowkit.cli.failures import failure_text, headline, is_failure, place_in
from flowkit.cli.frame import key_width
from flowkit.cli.reasons import pause_text, reason_of
from flowkit.cli.styled import Part, Styled, padded, plain
from flowkit.cli.summary import counts_of
from flowkit.cli.wording import counted, duration, listed, shown
from flowkit.plan.events import Row
from flowkit.plan.status import (
    CACHED,
    CANCELLED,
    EXPANDED,
    FAILED,
    MAPPED,
    PAUSED,
    RETRYING,
    RUNNING,
    SKIPPED,
    SUCCESS,
    TIMED_OUT,
    TRIGGER_FAILED,
    Status,
)

if TYPE_CHECKING:
    from flowkit.engine.capture import Line
    from flowkit.engine.engine import Engine
    from flowkit.engine.outcome import Outcome

LARGE = 1000  # tasks above which each tenth has a line, not each task
WIDE = 20  # children above which a mapped task is told so
SILENCE = 60.0  # seconds
_MOST_RETRIES = 100

_WORDS = {
    RUNNING: "START",
    RETRYING: "RETRY",
    PAUSED: "PAUSE",
    EXPANDED: "START",
    SUCCESS: "OK",
    CACHED: "CACHED",
    SKIPPED: "SKIP",
    FAILED: "FAIL",
    TIMED_OUT: "TIMEOUT",
    TRIGGER_FAILED: "NOT RUN",
    CANCELLED: "CANCEL",
}
_WORD_COLUMNS = 7


class PlainDisplay(Display):
    """Shows a run in lines.

    Args:
        wall: the time of day for the lines, as `time.localtime` gives it.
    """

    def __init__(
        self, *args: Any, wall: Callable[[], time.struct_time] = time.localtime, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._wall = wall
        self._heartbeat = Heartbeat(self._beat, self.clock)

    reasons_in_lines = True

    # -- as an observer -----------------------------------------------------------------------

    def begin(self, engine: Engine) -> None:
        """Say what runs."""
        super().begin(engine)
        self._numbers: dict[int, int] = {}
        self._tenths: dict[int, int] = {}  # told last, of the wide mapped tasks that run
        self._tenth = 0
        self._retries = 0
        self._started = self.clock()
        self.reasons_told = self.is_loud(self.tally.visible, 0)
        self._keys = key_width(self.tally, engine, self.console.width) if self.reasons_told else 0
        self.say([[(f"{self._time()}  ", "dim"), *self.header()]])
        self._heartbeat.start()

    def see(self, rows: Sequence[Row], lines: Sequence[Line]) -> None:
        """A line for each thing that happened, and for each tenth of what is too much for that."""
        super().see(rows, lines)
        self.say([*self._group_tenths(), *self._flow_tenth()])

    def end(self, outcome: Outcome) -> None:
        """The summary, and one line for programs to find."""
        self._heartbeat.stop()
        super().end(outcome)
        self.say([self._done(outcome)])

    def say(self, lines: Sequence[Styled]) -> None:
        """Write lines, and begin to count the silence anew."""
        super().say(lines)
        if lines:
            self._heartbeat.reset()

    # -- lines --------------------------------------------------------------------------------

    def is_loud(self, tasks: int, children: int) -> bool:
        """Each task of a flow that is not large, each child of a mapped task that is not wide."""
        return self.verbose or (tasks <= LARGE and children <= WIDE)

    def tell(self, row: Row) -> list[Styled]:
        """The line for something, and for a failure what helps to mend it."""
        status = row[3]
        if is_failure(row):
            return [*self._failed(row), *super().tell(row)]
        if status == RETRYING:
            return self._retry(row)
        if status == PAUSED:
            return [self._line(row, "PAUSE", pause_text(self.engine, row))]
        if status == EXPANDED:
            if not self.is_loud(self.tally.visible, row[2]):
                self._tenths[row[0]] = 0
            return [self._line(row, "START", counted(row[2], "item"))]
        if status == MAPPED:
            return [self._mapped(row)]
        if not self.is_loud(self.tally.visible, self._children_of(row)):
            return []
        if status == RUNNING:
            return [self._line(row, "START", f"attempt {row[2]}" if row[2] > 1 else "")]
        if status == SUCCESS:
            return [self._line(row, "OK", duration(row[5] - row[4]))]
        return [self._line(row, _WORDS[status], reason_of(self.engine, row))]

    def _children_of(self, row: Row) -> int:
        return self.tally.groups[row[0]].width if row[1] >= 0 else 0

    def _failed(self, row: Row) -> list[Styled]:
        if not self.tells_failures:
            return []
        took = f"{duration(row[5] - row[4])}  " if row[2] else ""
        lines = [self._line(row, _WORDS[row[3]], f"{took}{failure_text(row)}")]
        if self.console.github:
            lines.append(github.error(plain(headline(self.engine, row)), place_in(row)))
        return lines

    def _retry(self, row: Row) -> list[Styled]:
        self._retries += 1
        if self._retries > _MOST_RETRIES and not self.verbose:
            return []
        return [self._line(row, "RETRY", self.retry_text(row))]

    def _mapped(self, row: Row) -> Styled:
        self._tenths.pop(row[0], None)
        group = self.tally.groups[row[0]]
        words = group.words(self.tally.ended[row[0]])
        return self._line(
            row, _WORDS[group.status], f"{duration(group.ended - group.began)}  {words}", group.status
        )

    def _line(self, row: Row, word: str, note: str, status: int | None = None) -> Styled:
        style = Status(row[3] if status is None else status).style
        number = self._numbers.setdefault(row[0], len(self._numbers) + 1)
        return self._stamped(f"{number:,}/{self.tally.visible:,}", word, style, self.key(row), note)

    def _stamped(self, number: str, word: str, style: str, key: str, note: str) -> Styled:
        digits = len(f"{self.tally.visible:,}") * 2 + 1
        line: list[Part] = [(f"{self._time()}  ", "dim"), (f"{number:>{digits}}  ", "dim")]
        line.append((f"{word:<{_WORD_COLUMNS}}  ", style))
        fits = padded(key, max(self._keys, len(key)))
        return [*line, (f"{fits}  " if note else key, ""), (note, "")]

    def _time(self) -> str:
        return time.strftime("%H:%M:%S", self._wall())

    def folded(self, child: tuple[int, int], lines: list[Styled]) -> list[Styled]:
        """The kept output of a task, to be folded where GitHub reads."""
        if not self.console.github:
            return lines
        return github.group(f"{shown(self.plan.key(*child))}: {counted(len(lines), 'line')} of output", lines)

    # -- tenths -------------------------------------------------------------------------------

    def _group_tenths(self) -> list[Styled]:
        """Mapped tasks that are wide, and how far they are."""
        lines: list[Styled] = []
        for node, last in self._tenths.items():
            tenth = self.tally.ended[node] * 10 // self.tally.groups[node].width
            if last < tenth < 10:
                self._tenths[node] = tenth
                lines.append(self._group_tenth(node, tenth))
        return lines

    def _group_tenth(self, node: int, tenth: int) -> Styled:
        group = self.tally.groups[node]
        number = f"{self._numbers.get(node, 0):,}/{self.tally.visible:,}"
        note = f"{self.tally.ended[node]:,}/{group.width:,}"
        return self._stamped(number, f"{tenth}0%", "cyan", shown(self.plan.keys[node]), note)

    def _flow_tenth(self) -> list[Styled]:
        """A flow that is large, and how far it is."""
        if self.tally.visible <= LARGE or self.verbose:
            return []
        tenth = self.tally.done * 10 // max(1, self.tally.total)
        if not self._tenth < tenth < 10:
            return []
        self._tenth = tenth
        return [self._progress(f"{tenth}0%")]

    def _progress(self, word: str) -> Styled:
        tally = self.tally
        words = ", ".join(f"{number:,} {word}" for word, number in counts_of(tally))
        text = f"{tally.done:,}/{tally.total:,}  {words or 'nothing done yet'}"
        return [(f"{self._time()}  ", "dim"), (f"{word:<{_WORD_COLUMNS}}  ", "cyan"), (text, "")]

    # -- silence ------------------------------------------------------------------------------

    def _beat(self) -> None:
        """Say that the run lives."""
        running = [self._at_work(row) for row in list(self.tally.running.values())]
        at_work = f", running: {listed(running)}" if running else ""
        age = duration(self.clock() - self._started)
        self.say([[*self._progress("..."), (f"  after {age}{at_work}", "")]])

    def _at_work(self, row: Row) -> str:
        """`train`, `train (340/1,000)`."""
        key, report = self.key(row), self.tally.report_of(row)
        return key if report is None else f"{key} ({figures_of(report, short=False)})"

    # -- the end ------------------------------------------------------------------------------

    def _done(self, outcome: Outcome) -> Styled:
        """`DONE ok=42 failed=1 …`: the same words in every release."""
        counts = self.tally.counts
        fields = {
            "ok": counts[SUCCESS],
            "cached": counts[CACHED],
            "failed": counts[FAILED] + counts[TIMED_OUT],
            "skipped": counts[SKIPPED],
            "not_run": counts[TRIGGER_FAILED],
            "cancelled": counts[CANCELLED],
            "retried": self.tally.retried,
            "time": f"{outcome.duration:.1f}s",
            "run": outcome.engine.number or self.title.run or outcome.engine.run_id,
        }
        text = " ".join(f"{name}={value}" for name, value in fields.items())
        return [(f"{self._time()}  ", "dim"), (f"DONE {text}", "")]


class Heartbeat:
    """Calls a function after each `SILENCE` seconds without `reset`, until `stop`.

    Args:
        clock: seconds.
    """

    def __init__(self, beat: Callable[[], None], clock: Callable[[], float]) -> None:
        self._beat = beat
        self._clock = clock
        self._stopping = threading.Event()
        self._due = clock() + SILENCE
        self._thread = threading.Thread(target=self._work, name="flowkit-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self.reset()
        with suppress(RuntimeError):  # where the system gives no more threads, silence is not broken
            self._thread.start()

    def reset(self) -> None:
        """Something was said."""
        self._due = self._clock() + SILENCE

    def check(self) -> float:
        """Beat if it is time; returns in how many seconds to look again."""
        if self._clock() >= self._due:
            self._beat()
            self.reset()
        return self._due - self._clock()

    def stop(self) -> None:
        """Beat no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._stopping.wait(max(0.0, self.check())):
            pass
