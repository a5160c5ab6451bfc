"""Lines at the bottom of the terminal that are drawn anew, by one thread, in place.

Guarantees: after `stop` the lines are gone and the cursor is back, and while the process is stopped by Ctrl-Z
too; nothing is drawn from the background of a shell. A drawing is one write, in which no line is empty before
it has its new text, so that nothing flickers. The thread takes less than a twentieth of a core.
Relies on: what else is written to the terminal goes through `say`; a window that grows gets back what had
scrolled off its top, or nothing. Of rows that had when something was said, what is left cannot be reached.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from flowkit.cli import paint
from flowkit.cli.styled import Styled, cropped, width
from flowkit.cli.suspension import Suspension
from flowkit.engine.fork import WRITING

if TYPE_CHECKING:
    from flowkit.cli.console import Console, Frame

REFRESH_TIME = 0.1  # seconds between two drawings
_REST = 19.0  # how much longer than for a drawing it waits for the next


class LiveArea:
    """The lines that are live.

    Args:
        frame: makes them, given columns and rows.
    """

    def __init__(self, console: Console, frame: Frame) -> None:
        self._console = console
        self._frame = frame
        self._widths: list[int] = []  # of the lines that are drawn; the cursor stands at the end of the last
        self._above: list[int] = []  # of those drawn before that have scrolled off, and stand just above
        self._size = console.size
        self._away = self._is_lent = False
        self._hides_cursor = False
        self._stopping = threading.Event()
        self._suspension = Suspension(self.leave, self.come_back)
        self._thread = threading.Thread(target=self._work, name="flowkit-display", daemon=True)

    def start(self) -> None:
        """Begin to draw. What is over before the first drawing is due leaves no trace."""
        self._suspension.start()
        with suppress(RuntimeError):  # where the system gives no more threads, it is drawn with what is said
            self._thread.start()

    def stop(self) -> None:
        """Take the lines away."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self.leave()
        self._suspension.stop()

    def say(self, text: str) -> None:
        """Write lines above, each with its end. Longer ones go on in the next row."""
        with WRITING:
            if self._is_shown:
                self._draw(text)
            else:
                self._forget()
                self._console.err.write(text)
                self._console.err.flush()

    def leave(self) -> None:
        """Take the lines away, and give the cursor back, until `come_back`."""
        with WRITING:
            self._away = True
            parts = [self._to_top(self._console.size), paint.ERASE_BELOW] if self._widths else []
            parts += [paint.SHOW_CURSOR] if self._hides_cursor else []
            self._forget()
            self._console.err.write("".join(parts))
            self._console.err.flush()

    def come_back(self) -> None:
        """Draw again, below whatever stands there now."""
        with WRITING:
            self._forget()
            self._away = self._stopping.is_set() or self._is_lent

    def lend(self) -> None:
        """Leave the terminal to who asks a question, until `take_back`."""
        self._is_lent = True
        self.leave()

    def take_back(self) -> None:
        """Draw again, below the answer."""
        self._is_lent = False
        self.come_back()

    @property
    def _is_shown(self) -> bool:
        """Whether there is a place to draw in: not where a shell has the terminal, and we are behind it."""
        if self._away:
            return False
        try:
            return os.tcgetpgrp(self._console.err.fileno()) == os.getpgrp()
        except OSError:  # it is not the terminal of this session
            return True

    def _forget(self) -> None:
        """Nothing of ours is at the bottom of the terminal."""
        self._widths, self._above, self._hides_cursor = [], [], False

    def _work(self) -> None:
        spent = 0.0
        while not self._stopping.wait(max(REFRESH_TIME, spent * _REST)):
            began = time.thread_time()
            with WRITING:
                if self._is_shown:
                    self._draw()
                else:
                    self._forget()
            spent = time.thread_time() - began

    def _draw(self, said: str = "") -> None:
        size = columns, rows = self._console.size
        lines: Sequence[Styled] = self._frame(columns, rows)[: max(1, rows - 1)]
        lines = [cropped(line, columns - 1) for line in lines]
        color = self._console.color
        parts = [paint.BEGIN_UPDATE, "" if self._hides_cursor else paint.HIDE_CURSOR, self._to_top(size)]
        joined = self._scrolled_off(size)
        if said:
            self._above, joined = [], 0  # what was said stands between
            parts += [paint.ERASE_BELOW, said]
        # A terminal of another width is to forget which rows were broken off others.
        before = "" if size == self._size else paint.ERASE_LINE
        texts = [before + paint.painted(line, color=color) for line in lines]
        parts.append(f"{paint.ERASE_LINE_REST}\n".join(texts))
        parts += [paint.ERASE_BELOW, paint.END_UPDATE]
        self._widths, self._hides_cursor, self._size = [width(line) for line in lines], True, size
        self._widths[0] += joined
        self._console.err.write("".join(parts))
        self._console.err.flush()

    def _to_top(self, size: tuple[int, int]) -> str:
        """Moves the cursor to where the lines begin. A terminal that became narrower has broken them;
        one that grew has those back that had scrolled off its top, else the cursor stops there."""
        columns, rows = size
        lines = self._widths if size == self._size else [*self._above, *self._widths]
        return paint.TO_LINE_START + paint.up(min(_high(lines, columns), rows) - 1)

    def _scrolled_off(self, size: tuple[int, int]) -> int:
        """Remember which lines have scrolled off the top of a terminal that became smaller: they cannot be
        drawn over before it grows. Returns the columns of one that has done so in part, and goes on with what
        is drawn next."""
        columns, rows = size
        if size == self._size:
            return 0
        lines = [*self._above, *self._widths]
        gone = max(
            _high(lines, columns) - rows, _high(self._above, columns) - max(0, rows - self._size[1]), 0
        )
        self._above = []
        for each in lines:
            if _high([each], columns) > gone:
                break
            self._above.append(each)
            gone -= _high([each], columns)
        return gone * columns


def _high(widths: Sequence[int], columns: int) -> int:
    """The rows that lines take."""
    return sum(max(1, -(-each // max(1, columns))) for each in widths)
