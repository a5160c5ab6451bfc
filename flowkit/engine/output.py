"""What tasks print, line by line, while `sys.stdout` and `sys.stderr` are taken over.

Guarantees: whole lines; what is printed outside of a task goes where it went before; a line is cut at
64 KiB, so that a task without line ends cannot fill the memory.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from flowkit.engine.context import CURRENT
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

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
        engine: the run whose tasks are listened to; what a run inside one of them prints is that task's.
        sink: is given each line; called from the thread of the task.

    Attributes:
        begun: what has no line end yet, by call and stream.
    """

    def __init__(self, engine: Engine, sink: Callable[[Line], None]) -> None:
        self._engine = engine
        self._sink = sink
        self._before: tuple[TextIO, TextIO] | None = None
        self.begun: dict[tuple[Call, str], str] = {}

    def start(self) -> None:
        """Take the streams over."""
        self._before = (sys.stdout, sys.stderr)
        sys.stdout = _Stream("stdout", sys.stdout, self)
        sys.stderr = _Stream("stderr", sys.stderr, self)

    def stop(self) -> None:
        """Give them back, and hand on what has no line end yet."""
        if self._before is None:
            return
        self.restore()
        for call, _ in list(self.begun):
            self.end(call)

    def restore(self) -> None:
        """Give the streams back at once."""
        if self._before is not None:
            sys.stdout, sys.stderr = self._before
            self._before = None

    def call(self) -> Call | None:
        """The call of this run that the thread carries out, or None."""
        current = CURRENT.get()
        while current is not None and current[0] is not self._engine:
            current = current[0].parent
        return current[1] if current is not None else None

    def write(self, call: Call, stream: str, text: str) -> None:
        """Take what a call printed, and hand on the lines that are whole."""
        # No lock: a call prints from one thread, and a lock would be waited for by who holds it where
        # the garbage collector runs a `__del__` that prints, in the middle of this.
        *lines, rest = (self.begun.pop((call, stream), "") + text).split("\n")
        if len(rest) > _LONGEST_LINE:
            lines.append(rest)
        elif rest:
            self.begun[call, stream] = rest + self.begun.pop((call, stream), "")
        self._hand_on(call, stream, lines)

    def end(self, call: Call) -> None:
        """A call has ended: hand on the lines that it began and did not end."""
        for stream in ("stdout", "stderr"):
            rest = self.begun.pop((call, stream), None)
            if rest is not None:
                self._hand_on(call, stream, [rest])

    def _hand_on(self, call: Call, stream: str, lines: Iterable[str]) -> None:
        for line in lines:
            for start in range(0, max(len(line), 1), _LONGEST_LINE):
                self._sink(Line(call, stream, line[start : start + _LONGEST_LINE]))


class _Stream(io.TextIOBase):
    """A text stream that knows which task writes."""

    def __init__(self, name: str, behind: TextIO, capture: Capture) -> None:
        self._name = name
        self._behind = behind
        self._capture = capture
        self.buffer = _Bytes(self, behind, capture)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._capture.call() is None and self._behind.isatty()

    def fileno(self) -> int:
        return self._behind.fileno()

    def write(self, text: str) -> int:
        call = self._capture.call()
        if call is None:
            return self._behind.write(text)
        self._capture.write(call, self._name, text)
        return len(text)

    def flush(self) -> None:
        if self._capture.call() is None:
            self._behind.flush()

    def close(self) -> None:
        """Nothing: the stream behind belongs to the program, and may be closed already."""


class _Bytes:
    """The bytes behind a stream: a task's are text with replacement characters."""

    def __init__(self, stream: _Stream, behind: TextIO, capture: Capture) -> None:
        self._stream = stream
        self._behind = behind
        self._capture = capture

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._capture.call() is None:
            return self._behind.buffer.write(data)
        self._stream.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        if self._capture.call() is None:
            self._behind.buffer.flush()
