"""The one writer of the terminal. What a run shows goes to stderr; stdout carries data only.

Guarantees: everything about the terminal is decided once, here; what is said appears above what is
live; a reader that goes away never fails a run; the terminal is itself again after `close`.
Relies on: it is made before a run takes `sys.stdout` and `sys.stderr` over, and closed in a `finally`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TextIO

from flowkit.cli.paint import ERASE_BELOW, TO_LINE_START, painted
from flowkit.cli.stream import Stream
from flowkit.cli.styled import Styled
from flowkit.cli.wording import shown
from flowkit.engine.fork import WRITING

if TYPE_CHECKING:
    from flowkit.cli.live import LiveArea
    from flowkit.cli.strays import Strays

Color = Literal["auto", "always", "never"]
Frame = Callable[[int, int], Sequence[Styled]]

WIDTH_OF_NO_TERMINAL = 100
_HEIGHT_OF_NO_TERMINAL = 25


class Console:
    """The terminal of one command.

    Args:
        stdout, stderr: default: those of the process.
        environ: the environment.
        color: `auto` asks the environment and the streams.

    Attributes:
        interactive: stderr is a terminal in front of a person: not in CI, not `TERM=dumb`.
        color, out_color: whether stderr and stdout take colours.
        github: whether GitHub Actions reads.
    """

    def __init__(
        self,
        *,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        environ: Mapping[str, str] = os.environ,
        color: Color = "auto",
    ) -> None:
        self.out = Stream(sys.stdout if stdout is None else stdout)
        self.err = Stream(sys.stderr if stderr is None else stderr)
        dumb = environ.get("TERM") == "dumb"
        self.interactive = self.err.isatty() and not dumb and environ.get("CI", "") in ("", "0", "false")
        self.color = _takes_color(color, environ, self.err.isatty() and not dumb)
        self.out_color = _takes_color(color, environ, self.out.isatty() and not dumb)
        self.github = environ.get("GITHUB_ACTIONS") == "true"
        self._columns = environ.get("COLUMNS", "")
        self._live: LiveArea | None = None
        self._strays: Strays | None = None
        self._question = ""

    # -- data ---------------------------------------------------------------------------------

    def data(self, text: str) -> None:
        """Write a line, or several, to stdout, as it is: nothing is wrapped, cut or coloured."""
        with WRITING:
            self.out.write(f"{text}\n")
            self.out.flush()

    # -- what is said -------------------------------------------------------------------------

    def say(self, lines: Sequence[Styled]) -> None:
        """Write lines to stderr, above what is live. Longer ones go on in the next row."""
        if not lines:
            return
        text = "".join([f"{painted(line, color=self.color)}\n" for line in lines])
        with WRITING:
            if self._question:  # what was typed so far is still known to the terminal
                text = f"{TO_LINE_START}{ERASE_BELOW}{text}{self._question}"
            live = self._live
            if live is not None:
                live.say(text)
            else:
                self.err.write(text)
                self.err.flush()

    def ask(self, question: Styled, answer: Callable[[], str]) -> str:
        """Ask below all that was said, with nothing live meanwhile.

        Args:
            answer: waits for it.
        """
        with WRITING:
            live = self._live
            if live is not None:
                live.lend()
            self._question = painted(question, color=self.color)
            self.err.write(self._question)
            self.err.flush()
        line = ""
        try:
            line = answer()
        finally:
            with WRITING:
                self._question = ""
                if not line.endswith("\n"):  # else the terminal has written it
                    self.err.write("\n")
                    self.err.flush()
                if live is not None:
                    live.take_back()
        return line

    def say_text(self, text: str, style: str = "") -> None:
        """Write text to stderr; what is not printable in it is shown, not sent."""
        self.say([[(shown(line), style)] for line in text.splitlines() or [""]])

    # -- what is live -------------------------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal; where there is none, or it does not say, `COLUMNS` or 100."""
        try:
            columns, rows = os.get_terminal_size(self.err.fileno())
        except (OSError, ValueError, AttributeError):
            columns, rows = 0, 0
        if not columns and self._columns.isdigit():
            columns = int(self._columns)
        return columns or WIDTH_OF_NO_TERMINAL, rows or _HEIGHT_OF_NO_TERMINAL

    @property
    def width(self) -> int:
        """Columns."""
        return self.size[0]

    def show_live(self, frame: Frame) -> None:
        """Keep lines at the bottom of the terminal, drawn anew some times a second, until `end_live`; where
        there is no terminal, nothing.

        Args:
            frame: makes the lines, given columns and rows; called from another thread.
        """
        from flowkit.cli.live import LiveArea

        self.end_live()
        if self.interactive:
            self._live = LiveArea(self, frame)
            self._live.start()

    def end_live(self) -> None:
        """Take the live lines away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def take_strays(self) -> None:
        """Say what the program itself prints, until `give_back`."""
        from flowkit.cli.strays import Strays

        self._strays = self._strays or Strays(self)
        self._strays.start()
        if self.interactive:
            from flowkit.cli.questions import Questions
            from flowkit.engine import keyboard

            keyboard.lend(Questions(self).ask)

    def give_back(self) -> None:
        """Let the program print for itself again."""
        if self._strays is not None:
            from flowkit.engine import keyboard

            keyboard.lend(None)
            self._strays.stop()

    def close(self) -> None:
        """Leave the terminal as it was found, however the run ended. May be called twice."""
        self.end_live()
        self.give_back()
        self.err.flush()
        self.out.flush()


def _takes_color(color: Color, environ: Mapping[str, str], terminal: bool) -> bool:
    """The flag, then `NO_COLOR`, then what forces colours, then the stream."""
    if color != "auto":
        return color == "always"
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return terminal
