"""The live display: what ended stays above, what is at work is drawn anew below.

Guarantees: the thread that sees rows never waits for a drawing longer than one takes; what it costs
does not grow with the number of tasks.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from flowkit.cli.display import Display
from flowkit.cli.failures import is_failure
from flowkit.cli.frame import frame, key_width
from flowkit.cli.reasons import pause_text, reason_of
from flowkit.cli.styled import Part, Styled, cropped, padded
from flowkit.cli.wording import duration
from flowkit.engine.engine import Engine
from flowkit.engine.outcome import Outcome
from flowkit.plan.events import Row
from flowkit.plan.status import CANCELLED, EXPANDED, MAPPED, PAUSED, RETRYING, RUNNING, SUCCESS, Status

SMALL = 20  # tasks up to which each that ends leaves a line
_MOST_LINES = 100  # lines for retries and for mapped tasks, each


class LiveDisplay(Display):
    """Shows a run in a terminal."""

    separator = "│"

    def begin(self, engine: Engine) -> None:
        """Say what runs, and begin to draw."""
        super().begin(engine)
        self._lock = threading.Lock()  # held for counting or for making a frame, never while drawing
        self._started = self.clock()
        self._retries = 0
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
            return self.tally.take(rows)

    def _frame(self, columns: int, rows: int) -> list[Styled]:
        with self._lock:
            return frame(
                self.engine,
                self.tally,
                now=self.clock(),
                started=self._started,
                columns=columns,
                rows=rows,
                keys=self._keys,
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
        return [
            self._line(row, duration(row[5] - row[4]) if row[2] else Status(status).word, self._note(row))
        ]

    def _note(self, row: Row) -> str:
        return "" if row[3] == SUCCESS else reason_of(self.engine, row)

    def _line(self, row: Row, figure: str, note: str, *, status: int | None = None) -> Styled:
        look = Status(row[3] if status is None else status)
        line: list[Part] = [(f"  {look.symbol} ", look.style), (padded(self.key(row), self._width(row)), "")]
        line.append((f"  {figure:<8}", look.style if not row[2] else ""))
        if note:
            line.append((f" {note}", "dim"))
        return cropped(_stripped(line), self.console.width)

    def _width(self, row: Row) -> int:
        return max(self._keys, min(len(self.key(row)), self.console.width // 2))

    def _retry(self, row: Row) -> list[Styled]:
        self._retries += 1
        if self._retries > _MOST_LINES:
            return []
        return [self._line(row, "retry", self.retry_text(row))]

    def _mapped(self, row: Row) -> list[Styled]:
        self._maps += 1
        group = self.tally.groups[row[0]]
        if not self.reasons_told and self._maps > SMALL:
            return []
        words = group.words(self.tally.ended[row[0]])
        return [self._line(row, duration(group.ended - group.began), words, status=group.status)]


def _stripped(line: list[Part]) -> list[Part]:
    """Without the blanks that would stand at the end."""
    text, style = line[-1]
    return [*line[:-1], (text.rstrip(), style)]
