"""Lines at the bottom of the terminal that are drawn anew, by one thread, in place.

Guarantees: what is printed by threads that belong to no task goes above, in whole lines; after `stop`
the lines are gone, the cursor is back, and `sys.stdout` and `sys.stderr` are what they were.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from flowkit.cli.styled import Styled, cropped, width
from flowkit.cli.wording import last_shown

if TYPE_CHECKING:
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
        self._live = Live(
            console=console.rich,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
            get_renderable=self._lines,
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="flowkit-display", daemon=True)
        self._before: tuple[Any, Any] = (None, None)
        self._strays = (_Stray(console, sys.stdout), _Stray(console, sys.stderr))

    def start(self) -> None:
        """Begin to draw. What is over before the first drawing is due leaves no trace."""
        self._before = (sys.stdout, sys.stderr)
        sys.stdout, sys.stderr = self._strays
        self._live.start()
        self._thread.start()

    def stop(self) -> None:
        """Take the lines away."""
        self._stopping.set()
        self._thread.join()
        if (sys.stdout, sys.stderr) == self._strays:
            sys.stdout, sys.stderr = self._before
        self._frame = _nothing
        self._live.stop()
        for stray in self._strays:
            stray.finish()

    def _work(self) -> None:
        while not self._stopping.wait(REFRESH_TIME):
            self._fit()
            self._live.refresh()

    def _lines(self) -> Lines:
        """What rich draws."""
        from flowkit.cli.console import Lines

        columns, rows = self._size
        lines = self._frame(columns, rows)[: max(1, rows - 1)]
        self._drawn = [cropped(line, columns - 1) for line in lines]
        return Lines(self._drawn)

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


def _nothing(columns: int, rows: int) -> Sequence[Styled]:
    return []


class _Stray(io.TextIOBase):
    """Stands for a stream while lines are live; takes what belongs to no task."""

    def __init__(self, console: Console, behind: TextIO) -> None:
        self._console = console
        self._behind = behind
        self._lock = threading.Lock()
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    @property
    def buffer(self) -> Any:
        """The bytes behind."""
        return self._behind.buffer

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._behind.isatty()

    def fileno(self) -> int:
        return self._behind.fileno()

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
        self._say(lines)
        return len(text)

    def finish(self) -> None:
        """Print what has no line end yet."""
        with self._lock:
            begun, self._begun = self._begun, ""
        self._say([begun] if begun else [])

    def _say(self, lines: list[str]) -> None:
        self._console.say([[(last_shown(line), "")] for line in lines])
