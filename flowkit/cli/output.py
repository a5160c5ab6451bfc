"""What becomes of the lines that tasks print: which are shown, when, and behind which mark.

Guarantees: whole lines; of a task whose lines are kept until it ends, at most about a million
characters are, the last ones, and it is said what was cut.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from enum import StrEnum

from flowkit.cli.styled import Part, Styled
from flowkit.cli.wording import last_shown, last_styled, shown
from flowkit.engine.capture import LONGEST_LINE, Line
from flowkit.plan.plan import Plan

MOST_KEPT = 1_000_000
_MOST_LAST_LINES = 1000

Child = tuple[int, int]


class OutputMode(StrEnum):
    """The choices of `--output`."""

    LIVE = "live"
    PREFIX = "prefix"
    GROUP = "group"
    FAILED = "failed"
    NONE = "none"


def said(line: Line) -> str:
    """The text of a line; of a record behind its level."""
    return f"{logging.getLevelName(line.level)} {line.text}" if line.stream == "log" else line.text


class KeptLines:
    """The last lines of one task.

    Args:
        most: how many characters are kept.
    """

    __slots__ = ("_cut", "_lines", "_most", "_size")

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._lines: deque[str] = deque()
        self._most = most
        self._size = 0
        self._cut = 0

    def add(self, text: str) -> None:
        """Keep a line; the first ones go where there are too many."""
        self._lines.append(text)
        self._size += len(text) + 1
        while self._size > self._most and len(self._lines) > 1:
            self._size -= len(self._lines.popleft()) + 1
            self._cut += 1

    def texts(self) -> list[str]:
        """The lines, after a note about what was cut."""
        note = [f"… {self._cut:,} earlier lines were cut"] if self._cut else []
        return [*note, *self._lines]


class Output:
    """The lines of a run, as one mode shows them.

    Args:
        separator: between the task's key and its text.
        records: whether what tasks log is shown too.
        longest: characters of a line that are shown; None: all.
    """

    def __init__(
        self,
        plan: Plan,
        mode: OutputMode,
        separator: str = "|",
        *,
        records: bool = True,
        longest: int | None = None,
    ) -> None:
        self._plan = plan
        self._mode = mode
        self._separator = separator
        self._records = records
        self._longest = longest
        self._goes_on: set[tuple[Child, str]] = set()  # streams whose last line was not whole
        self._kept: dict[Child, KeptLines] = {}
        self._last: dict[Child, str] = {}

    def take(self, lines: Iterable[Line]) -> dict[Child, list[Styled]]:
        """Take what was printed; returns what is to be shown now, by task."""
        now: dict[Child, list[Styled]] = {}
        at_once = self._mode in (OutputMode.LIVE, OutputMode.PREFIX)
        keeps = self._mode in (OutputMode.GROUP, OutputMode.FAILED)
        for line in lines:
            node, index, _ = line.call
            text = said(line)
            if self._longest is not None and self._is_more(line):
                continue
            self._remember_last((node, index), text)
            if line.stream == "log" and not self._records:
                continue
            if at_once:
                now.setdefault((node, index), []).append(self.marked(node, index, text))
            elif keeps:
                self._kept.setdefault((node, index), KeptLines()).add(text)
        return now

    def _is_more(self, line: Line) -> bool:
        """Whether it goes on with a line of which enough was shown."""
        stream = line.call[:2], line.stream
        is_more = stream in self._goes_on
        if len(line.text) == LONGEST_LINE:
            self._goes_on.add(stream)
        elif is_more:
            self._goes_on.discard(stream)
        return is_more

    def _cut(self, line: Styled) -> Styled:
        """A line of which there is enough to see what it is."""
        length = sum(len(text) for text, _ in line)
        if self._longest is None or length <= self._longest:
            return line
        kept: list[Part] = []
        left = self._longest
        for text, style in line:
            kept.append((text[:left], style))
            left = max(0, left - len(text))
        number = f"{length:,}" if length < LONGEST_LINE else f"{LONGEST_LINE:,} or more"
        return [*kept, (f"… (a line of {number} characters)", "dim")]

    def _remember_last(self, child: Child, text: str) -> None:
        if text.strip():
            self._last.pop(child, None)
            self._last[child] = text
            if len(self._last) > _MOST_LAST_LINES:
                del self._last[next(iter(self._last))]

    def marked(self, node: int, index: int, text: str) -> Styled:
        """A line behind the key of its task."""
        key = shown(self._plan.key(node, index))
        return [(f"  {key} ", "cyan"), (f"{self._separator} ", "dim"), *self._cut(last_styled(text))]

    @property
    def waiting(self) -> bool:
        """Whether any lines are kept."""
        return bool(self._kept)

    def ended(self, node: int, index: int, *, failed: bool) -> list[Styled]:
        """A task has ended; returns its lines where they are to be shown now."""
        kept = self._kept.pop((node, index), None)
        if kept is None or (self._mode == OutputMode.FAILED and not failed):
            return []
        return [self.marked(node, index, text) for text in kept.texts()]

    def rest(self) -> list[tuple[Child, list[Styled]]]:
        """What is still kept at the end of the run, where the mode shows all."""
        children: Sequence[Child] = list(self._kept) if self._mode == OutputMode.GROUP else []
        return [(child, self.ended(*child, failed=False)) for child in children]

    def last_line(self, node: int, index: int) -> str:
        """The last line that a task printed, or ""."""
        return last_shown(self._last.get((node, index), ""))
