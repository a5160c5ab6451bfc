"""What tasks print and log, line by line, while `sys.stdout`, `sys.stderr` and `logging` are listened to.

Guarantees: whole lines, in order per task and thread, of the threads that a task starts too (see
task_threads.py); what is printed or logged outside of a task, or when the run has ended, goes where it went
before. What comes through file descriptors 1 and 2 is the run's where it is not seen to be a task's (see
descriptors.py). A line is cut at 64 KiB, so that a task without line ends cannot fill the memory, and can be
written as UTF-8.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Collection
from functools import partial
from threading import Lock, get_ident
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from flowkit.engine import descriptors, fork, keyboard, log_capture, task_threads
from flowkit.engine.context import CURRENT, logger_of
from flowkit.engine.mask import MASK
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

LONGEST_LINE = 64 * 1024  # characters; a longer line is several, all but the last of this length
MOST_LINES = 100_000  # that wait to be written, before who makes more waits too
_MOST_OF_PROGRAMS = 10_000  # fewer: these are told apart and handed on by a thread that keeps nobody waiting
_SEEN_OF_BEGUN, _LOOKED_AT = 1000, 8000  # characters
_THROUGH_DESCRIPTOR = 0  # stands for the thread of who wrote, which is not known
_NUMBERS = {name: number for number, name in descriptors.NAMES.items()}

_Begun = tuple[Call, str, int]

_changing = Lock()
_captures: list[Capture] = []  # of the runs that go on, each on top of the one before


class Line(NamedTuple):
    """A line that a task printed, or of a record that it logged.

    Attributes:
        call: the attempt that printed or logged it; `RUN` where that is not known.
        stream: `stdout`, `stderr` or `log`.
        text: without the line end; of a record only the message, its exception in further lines.
        level: of a record, as `logging` counts: 10 for DEBUG, 20 for INFO, …; 0 of what was printed.
    """

    call: Call
    stream: str
    text: str
    level: int = 0


class Capture:
    """Takes the two streams over, and listens to the loggers, between `start` and `stop`.

    Args:
        engine: the run whose tasks are listened to; what a run inside one of them prints is that task's.
        sink: is given each line; called from any thread, also with the engine's lock held: it must not wait.
        echo: let everything through to where it went before, too.
        room: called after a line where that may wait, with the number of lines that may lie about.
        below: listen to file descriptors 1 and 2 too; they are the whole process's.

    What a task prints whose node is in `plan.logged` is logged instead, a line a record.

    Attributes:
        begun: what has no line end yet, by call, stream and thread.
        descriptors: what is listened to below the streams; None where another run does.
    """

    def __init__(
        self,
        engine: Engine,
        sink: Callable[[Line], None],
        *,
        echo: bool = False,
        room: Callable[[int], None] = lambda most: None,
        below: bool = True,
    ) -> None:
        self._engine = engine
        self._below = below
        self.echo = echo
        self._sink = sink
        self._room = room
        self.descriptors: descriptors.Descriptors | None = None
        self._streams: tuple[_Stream, _Stream] | None = None
        self.begun: dict[_Begun, str] = {}
        self._writers: set[tuple[str, int]] = set()  # streams, and threads that have begun a line there

    def start(self) -> None:
        """Take the streams over."""
        with _changing:
            self._streams = (_Stream("stdout", sys.stdout, self), _Stream("stderr", sys.stderr, self))
            sys.stdout, sys.stderr = self._streams
            _captures.append(self)
            log_capture.listen(self._engine, self.log, echo=self.echo)
            task_threads.follow(self._engine)
            if not self.echo:  # else a prompt is seen, and answered, as outside of a run
                keyboard.listen(keyboard.Asking(self._engine, self.call, self._take_begun))
            if self._below:
                self.descriptors = descriptors.take(
                    self._engine,
                    self._overhear,
                    alone=fork.is_alone(self._engine),
                    echo=self.echo,
                    room=partial(self._room, _MOST_OF_PROGRAMS),
                )

    def stop(self) -> None:
        """Give them back, and hand on what has no line end yet."""
        with _changing:
            self.restore()
            task_threads.give_back()
            taken = self.descriptors
            if taken is not None:
                taken.give_back()
                self.descriptors = None
        if taken is not None:
            taken.finish()
        for call, _, _ in list(self.begun):
            self.end(call)

    def let_go(self) -> None:
        """This is a copy in a forked child, which has streams of its own."""
        self.restore()
        if self.descriptors is not None:
            self.descriptors.let_go()

    def restore(self) -> None:
        """Give the streams back at once. Takes no lock, as forked children call it."""
        task_threads.forget(self._engine)
        log_capture.forget(self._engine)
        keyboard.forget(self._engine)
        streams, self._streams = self._streams, None
        if streams is None:
            return
        place = _captures.index(self)
        _captures.remove(self)
        if place == len(_captures):
            sys.stdout, sys.stderr = (stream.behind for stream in streams)
        else:  # another run began after this one, and still goes on
            _captures[place].close_up(streams)

    def close_up(self, ended: tuple[_Stream, _Stream]) -> None:
        """The run before this has ended: what is behind its streams is behind these now."""
        for stream, gone in zip(self._streams or (), ended, strict=True):
            if stream.behind is gone:
                stream.behind = gone.behind

    def call(self) -> Call | None:
        """The call of this run that the thread carries out, or None; also after the run, when a thread that
        a task has left behind may still have the stream."""
        if self._streams is None:
            return None
        current = CURRENT.get()
        while current is not None and current[0] is not self._engine:
            current = current[0].parent
        return current[1] if current is not None else None

    def write(self, call: Call, stream: str, text: str) -> None:
        """Take what a call printed, and hand on the lines that are whole."""
        # No lock: what is begun is this thread's own, and a lock would be waited for by who holds it
        # where the garbage collector runs a `__del__` that prints, in the middle of this.
        self._gather((call, stream, get_ident()), text, self._hand_on)

    def _overhear(self, call: Call, stream: str, text: str) -> None:
        """Take what came through a descriptor; the engine's lock is held."""
        self._gather((call, stream, _THROUGH_DESCRIPTOR), text, self._put)

    def _gather(self, key: _Begun, text: str, hand_on: Callable[[Call, str, str], None]) -> None:
        call, stream, _ = key
        rest = self.begun.pop(key, "")
        if "\n" in text:
            first, *others = text.split("\n")
            hand_on(call, stream, rest + first)
            rest = others.pop()
            for line in others:
                hand_on(call, stream, line)
        else:
            rest += text
        if len(rest) > LONGEST_LINE:  # some of it stays, lest its end be one more line, which is empty
            whole = (len(rest) - 1) // LONGEST_LINE * LONGEST_LINE
            hand_on(call, stream, rest[:whole])
            rest = rest[whole:]
        if rest:
            self._writers.add(key[1:])
            self.begun[key] = rest + self.begun.pop(key, "")

    def log(self, call: Call, record: logging.LogRecord) -> None:
        """Hand on the lines of a record."""
        for line in log_capture.text_of(record).split("\n"):
            self._hand_on(call, "log", line, record.levelno)

    def take(self, line: Line) -> None:
        """Hand on a line that a call of this run has printed in another process."""
        if self.echo and line.stream != "log" and self._streams is not None:
            self._streams[line.stream == "stderr"].behind.write(f"{line.text}\n")
        self._sink(line)

    def end(self, call: Call, *, settled: bool = False) -> None:
        """A call has ended: hand on the lines that it began and did not end.

        Args:
            settled: the engine's lock is held, and no call has begun since.
        """
        taken = self.descriptors
        if settled and taken is not None and self._engine.machine.running <= 1:  # else it is anybody's
            taken.settle()
        # By the threads, which are few, not by the lines: thousands of coroutines may have begun one each.
        for stream, thread in list(self._writers):
            rest = self.begun.pop((call, stream, thread), "")
            if rest:
                (self._put if settled or thread == _THROUGH_DESCRIPTOR else self._hand_on)(call, stream, rest)

    def _take_begun(self, call: Call) -> str:
        """What this thread has begun to print, which is not handed on then."""
        return self.begun.pop((call, "stdout", get_ident()), "")

    def unfinished(self, call: Call) -> str:
        """What a call has begun to print and not ended, or "": the end of it.

        Of both streams that of stderr, where bars are.
        """
        for stream, thread in sorted(self._writers.copy()):
            if found := self.begun.get((call, stream, thread)):
                return MASK.text(found[-_LOOKED_AT:])[-_SEEN_OF_BEGUN:]
        return ""

    def returned(self, call: Call) -> None:
        """A call has returned that was given up; the engine's lock is held."""
        taken = self.descriptors
        if taken is not None:
            taken.settle()
            taken.whose.left.discard(call)

    def leave(self, calls: Collection[Call]) -> None:
        """Calls are given up; the engine's lock is held."""
        taken = self.descriptors
        if taken is not None:
            taken.whose.left.update(calls)

    def events_go(self, running: Collection[Call]) -> None:
        """The machine's events are taken away, and these calls run; the engine's lock is held."""
        taken = self.descriptors
        if taken is not None:
            taken.events_go(running)

    def is_logged(self, call: Call, stream: str) -> bool:
        """Whether what a call writes to a stream is logged instead; not what a handler prints of a record,
        which would be the next one."""
        is_asked = stream == "stdout" and call[0] in self._engine.plan.logged
        return is_asked and not log_capture.was_taken()

    def _hand_on(self, call: Call, stream: str, line: str, level: int = 0) -> None:
        if self.is_logged(call, stream) and self.call() == call:
            logger_of(self._engine.plan.tasks[call[0]].name).info("%s", line)
            return
        self._put(call, stream, line, level)
        self._room(MOST_LINES)

    def _put(self, call: Call, stream: str, line: str, level: int = 0) -> None:
        if not line.isascii():
            line = _writable(line)
        if len(line) <= LONGEST_LINE:
            self._sink(Line(call, stream, line, level))
            return
        for start in range(0, len(line), LONGEST_LINE):
            self._sink(Line(call, stream, line[start : start + LONGEST_LINE], level))


def let_through(line: Line) -> None:
    """Print a line of a task where nobody captures."""
    print(line.text, file=sys.stdout if line.stream == "stdout" else sys.stderr)


def _writable(line: str) -> str:
    """A line that can be written as UTF-8, of text and of bytes that were written in any pieces."""
    try:
        return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # halves of characters that were never bytes
        return line.encode("utf-8", "backslashreplace").decode("utf-8")


class _Stream(io.TextIOBase):
    """A text stream that knows which task writes.

    Attributes:
        behind: where goes what no task writes.
    """

    def __init__(self, name: str, behind: TextIO | _Stream, capture: Capture) -> None:
        self._name = name
        self.behind = behind
        self._capture = capture
        self.buffer = _Bytes(self, capture)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._capture.call() is None and self.behind.isatty()

    def fileno(self) -> int:
        if self._capture.descriptors is not None and self._capture.call() is not None:
            return _NUMBERS[self._name]  # for a program that is to write there
        return self.behind.fileno()

    def write(self, text: str) -> int:
        call = self._capture.call()
        if call is None:
            return self.behind.write(text)
        if self._capture.echo and not self._capture.is_logged(call, self._name):
            self.behind.write(text)
        if not log_capture.prints_a_taken_record(_writer()):
            self._capture.write(call, self._name, text)
        return len(text)

    def flush(self) -> None:
        if self._capture.echo or self._capture.call() is None:
            self.behind.flush()

    def reconfigure(self, **options: Any) -> None:
        """Nothing: it takes any text as it is."""

    def close(self) -> None:
        """Nothing: the stream behind belongs to the program, and may be closed already."""


def _writer() -> FrameType:
    """Who writes to the foremost stream: runs at once have theirs one behind another."""
    frame: FrameType = sys._getframe(2)
    while frame.f_code is _WRITE and frame.f_back is not None:
        frame = frame.f_back
    return frame


_WRITE = _Stream.write.__code__


class _Bytes:
    """The bytes behind a stream: a task's are text with replacement characters."""

    def __init__(self, stream: _Stream, capture: Capture) -> None:
        self._stream = stream
        self._capture = capture

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._capture.call() is None:
            return self._stream.behind.buffer.write(data)
        written = bytes(memoryview(data))
        self._stream.write(written.decode("utf-8", "surrogateescape"))
        return len(written)

    def flush(self) -> None:
        if self._capture.call() is None:
            self._stream.behind.buffer.flush()
