"""Lines at the bottom of the terminal that are drawn anew, by one thread, in place.

Guarantees: after `stop` the lines are gone and the cursor is back.
Relies on: what else is written to the terminal goes through its console.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from flowkit.cli.styled import Styled, cropped, width
from flowkit.engine.fork import WRITING

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import ConsoleOptions

    from flowkit.cli.console import Console, Frame, Lines

REFRESH_TIME = 0.1  # seconds between two drawings


class LiveArea:
    """The lines that are live.

    Args:
        frame: makes them, given columns and rows.
    """

    def __init__(self, console: Console, frame: Frame) -> None:
        from rich.live import Live

        self._console = console
        self._frame = frame
        self._drawn: Sequence[Styled] = []
        self._size = console.size
        drawing = _Drawing(self.lines)
        self._live = Live(
            console=console.rich,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
            get_renderable=lambda: drawing,
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="flowkit-display", daemon=True)

    def start(self) -> None:
        """Begin to draw. What is over before the first drawing is due leaves no trace."""
        self._live.start()
        with suppress(RuntimeError):  # where the system gives no more threads, it is drawn with what is said
            self._thread.start()

    def stop(self) -> None:
        """Take the lines away."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._frame = _nothing
        self._live.stop()

    def _work(self) -> None:
        while not self._stopping.wait(REFRESH_TIME):
            with WRITING:
                self._fit()
                self._live.refresh()

    def lines(self) -> Sequence[Styled]:
        """What is to be drawn now."""
        columns, rows = self._size
        lines = self._frame(columns, rows)[: max(1, rows - 1)]
        self._drawn = [cropped(line, columns - 1) for line in lines]
        return self._drawn

    def _fit(self) -> None:
        """Follow a new size. A terminal that became narrower has broken our lines into more rows."""
        from rich.control import Control
        from rich.segment import ControlType

        size = self._console.size
        if size == self._size:
            return
        more = sum((max(1, width(line)) - 1) // max(1, size[0]) for line in self._drawn)
        if more:
            up = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1))
            self._console.rich.control(Control(ControlType.CARRIAGE_RETURN, *(up * more)))
        self._size = size
        self._console.rich.size = size


class _Drawing:
    """Makes the lines whenever rich draws, also after a line above: they are never older than that."""

    def __init__(self, lines: Callable[[], Sequence[Styled]]) -> None:
        self._lines = lines

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> list[Lines]:
        from flowkit.cli.console import Lines

        return [Lines(self._lines())]


def _nothing(columns: int, rows: int) -> Sequence[Styled]:
    return []
