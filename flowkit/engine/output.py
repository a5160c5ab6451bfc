"""What tasks print, line by line, while `sys.stdout` and `sys.stderr` are taken over.

Guarantees: whole lines; what is printed outside of a task goes where it went before; a line is cut at
64 KiB, so that a task without line ends cannot fill the memory.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple, TextIO

from flowkit.engine.context import CURRENT
from flowkit.plan.events import Call

_LONGEST_LINE = 64 * 1024


class Line(NamedTuple):
    """A line that a task printed.

    Attributes:
        call: the attempt that printed it.
        stream: `stdout` or `stderr`.
        text: without the line end.
    """

    call: Call
    stream: str
    text: str


class Capture:
    """Takes the two streams over between `start` and `stop`.

    Args:
        sink: is given each line; called from the thread of the task.
    """

    def __init__(self, sink: Callable[[Line], None]) -> None:
        self._sink = sink
        self._before: tuple[TextIO, TextIO] | None = None

    def start(self) -> None:
        """Take the streams over."""
        self._before = (sys.stdout, sys.stderr)
        sys.stdout = _Stream("stdout", sys.stdout, self._sink)
        sys.stderr = _Stream("stderr", sys.stderr, self._sink)

    def stop(self) -> None:
        """Give them back, and hand on what has no line end yet."""
        if self._before is None:
            return
        taken = (sys.stdout, sys.stderr)
        sys.stdout, sys.stderr = self._before
        self._before = None
        for stream in taken:
            if isinstance(stream, _Stream):
                stream.finish()


class _Stream(io.TextIOBase):
    """A text stream that knows which task writes."""

    def __init__(self, name: str, behind: TextIO, sink: Callable[[Line], None]) -> None:
        self._name = name
        self._behind = behind
        self._sink = sink
        self._lock = threading.Lock()
        self._begun: dict[Call, str] = {}

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    @property
    def buffer(self) -> object:
        """The bytes behind; what is written there is not attributed to a task."""
        return self._behind.buffer

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return CURRENT.get() is None and self._behind.isatty()

    def fileno(self) -> int:
        return self._behind.fileno()

    def write(self, text: str) -> int:
        current = CURRENT.get()
        if current is None:
            return self._behind.write(text)
        call = current[1]
        with self._lock:
            begun = self._begun.pop(call, "") + text
            *lines, rest = begun.split("\n")
            while len(rest) > _LONGEST_LINE:
                lines.append(rest[:_LONGEST_LINE])
                rest = rest[_LONGEST_LINE:]
            if rest:
                self._begun[call] = rest
        for line in lines:
            self._sink(Line(call, self._name, line))
        return len(text)

    def flush(self) -> None:
        if CURRENT.get() is None:
            self._behind.flush()

    def finish(self) -> None:
        """Hand on the lines that were begun and not ended."""
        with self._lock:
            begun, self._begun = self._begun, {}
        for call, text in begun.items():
            self._sink(Line(call, self._name, text))
