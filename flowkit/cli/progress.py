"""The live display: what ended stays above, what is at work is drawn anew below.

Guarantees: the thread that sees rows never waits for a drawing longer than one takes; what it costs
does not grow with the number of tasks.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from flowkit.cli.display import Display
from flowkit.cli.failures import is_failure
from flowkit.cli.foresight import Foreseeing, Foresight
from flowkit.cli.frame import frame, key_width
from flowkit.cli.reasons import pause_text, reason_of
from flowkit.cli.styled import Part, Styled, cells, cropped, padded
from flowkit.cli.wording import duration, shown
from flowkit.engine.engine import Engine
from flowkit.engine.outcome import Outcome
from flowkit.plan.events import Call, Report, Row
from flowkit.plan.status import (
    CACHED,
    CANCELLED,
    EXPANDED,
    MAPPED,
    PAUSED,
    RETRYING,
    RUNNING,
    SUCCESS,
    Status,
)

SMALL = 20  # tasks up to which each that ends leaves a line
_MOST_LINES = 100  # lines for retries
_MOST_OF_CHILDREN = 3  # of those lines, for the children of one task


class LiveDisplay(Display):
    """Shows a run in a terminal.

    Args:
        foresees: tells when the run ends; None: nobody does.
    """

    separator = "│"

    def __init__(self, *args: Any, foresees: Foreseeing | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._foresees = foresees

    def begin(self, engine: Engine) -> None:
        """Say what runs, and begin to draw."""
        super().begin(engine)
        self._foresight = Foresight(engine, self.tally, self._foresees)
        self._lock = threading.Lock()  # held for counting or for making a frame, never while drawing
        self._started = self.clock()
        self._retries: dict[int, int] = {}
        self._maps = 0
        self.reasons_told = self.is_loud(self.tally.visible, 0)
        self._keys = key_width(self.tally, engine, self.console.width) if self.reasons_told else 0
        self.say([self.header()])
        self.console.show_live(self._frame)

    def end(self, outcome: Outcome) -> None:
        """Take the live lines away, and show what it came to."""
        self.console.end_live()
        super().end(outcome)

    def is_loud(self, tasks: int, children: int) -> bool:
        """Each task of a small flow; a child of a mapped task only where asked for."""
        return self.verbose or (tasks <= SMALL and not children)

    def count(self, rows: Sequence[Row]) -> list[Row]:
        """Count rows, while no frame is made of them."""
        with self._lock:
            self._foresight.see(rows)
            return self.tally.take(rows)

    def report(self, reports: Mapping[Call, Report]) -> None:
        """Remember how far attempts are, while no frame is made of it."""
        with self._lock:
            super().report(reports)

    def _frame(self, columns: int, rows: int) -> list[Styled]:
        with self._lock:
            now = self.clock()
            return frame(
                self.engine,
                self.tally,
                now=now,
                started=self._started,
                columns=columns,
                rows=rows,
                keys=self._keys,
                left=self._foresight.seconds(now, now - self._started),
            )

    def tell(self, row: Row) -> list[Styled]:
        """What stays above."""
        status = row[3]
        if is_failure(row):
            return self.failure(row)
        if status in (RUNNING, EXPANDED):
            return []
        if status == RETRYING:
            return self._retry(row)
        if status == PAUSED:
            return [self._line(row, "paused", pause_text(self.engine, row))]
        if status == MAPPED:
            return self._mapped(row)
        if not self.reasons_told or (status == CANCELLED and not self.verbose):
            return []
        if row[1] >= 0 and not self.verbose:
            return []
        took = row[2] and status != CACHED
        return [self._line(row, duration(row[5] - row[4]) if took else Status(status).word, self._note(row))]

    def _note(self, row: Row) -> str:
        return "" if row[3] == SUCCESS else reason_of(self.engine, row)

    def _line(self, row: Row, figure: str, note: str, *, status: int | None = None) -> Styled:
        look = Status(row[3] if status is None else status)
        is_cached = look == Status.CACHED
        key = (padded(self.key(row), self._width(row)), "dim" if is_cached else "")
        line: list[Part] = [(f"  {look.symbol} ", look.style), key]
        is_word = is_cached or not (row[2] or row[3] == MAPPED)  # else how long it took
        line.append((f"  {figure:<8}", look.style if is_word else ""))
        if note:
            line.append((f"{' ' if len(figure) <= 8 else '  '}{note}", "dim"))
        return cropped(_stripped(line), self.console.width)

    def _width(self, row: Row) -> int:
        return max(self._keys, min(cells(self.key(row)), self.console.width * 3 // 8))

    def _retry(self, row: Row) -> list[Styled]:
        node, is_child = row[0], row[1] >= 0
        told = self._retries[node] = self._retries.get(node, 0) + 1
        if (is_child and not self.verbose and told > _MOST_OF_CHILDREN) or sum(
            self._retries.values()
        ) > _MOST_LINES:
            more = f"more retries of {shown(self.plan.keys[node])} are only counted"
            return [[(f"    … {more}", "dim")]] if told == _MOST_OF_CHILDREN + 1 else []
        return [self._line(row, self.retry_text(row), "")]

    def _mapped(self, row: Row) -> list[Styled]:
        self._maps += 1
        group = self.tally.groups[row[0]]
        if not self.reasons_told and self._maps > SMALL:
            return []
        words = group.words(self.tally.ended[row[0]])
        took = duration(group.ended - group.began) if group.status != CACHED else Status.CACHED.word
        return [self._line(row, took, words, status=group.status)]


def _stripped(line: list[Part]) -> list[Part]:
    """Without the blanks that would stand at the end."""
    text, style = line[-1]
    return [*line[:-1], (text.rstrip(), style)]
