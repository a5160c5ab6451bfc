"""What is printed during a run by threads that belong to no task: whole lines, on stderr, with the rest.

Guarantees: it neither tears what is live nor gets among the data on stdout; after `stop`, `sys.stdout`
and `sys.stderr` are what they were. A forked child, which has no display, prints as a program that is
started does: to the descriptors.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO

from flowkit.cli.wording import last_styled

if TYPE_CHECKING:
    from flowkit.cli.console import Console


class Strays:
    """Stands between the program and the two streams of the process."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._before: tuple[TextIO, TextIO] | None = None

    def start(self) -> None:
        """Take the streams over."""
        if self._before is None:
            self._before = (sys.stdout, sys.stderr)
            sys.stdout = _Stray(self._console, sys.stdout)
            sys.stderr = _Stray(self._console, sys.stderr)

    def stop(self) -> None:
        """Give them back, and print what has no line end yet."""
        if self._before is None:
            return
        taken = (sys.stdout, sys.stderr)
        if all(isinstance(stream, _Stray) for stream in taken):  # else someone took them over since
            sys.stdout, sys.stderr = self._before
        self._before = None
        for stream in taken:
            if isinstance(stream, _Stray):
                stream.finish()


class _Stray(io.TextIOBase):
    """Stands for one stream.

    Attributes:
        behind: that stream.
    """

    def __init__(self, console: Console, behind: TextIO) -> None:
        self._console = console
        self.behind = behind
        self._lock = threading.Lock()
        self._begun = ""
        self._process = os.getpid()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    @property
    def buffer(self) -> Any:
        """The bytes behind."""
        return self.behind.buffer

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.behind.isatty()

    def fileno(self) -> int:
        return self.behind.fileno()

    def write(self, text: str) -> int:
        if os.getpid() != self._process:
            written = self.behind.write(text)
            self.behind.flush()  # it may end without
            return written
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
        self._console.say([last_styled(line) for line in lines])
