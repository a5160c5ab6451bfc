"""What leaves a worker: answers, and what tasks print, log and warn, in the order in which it happened.

Prints and records go to the runner as they are, which has them handled there as if the task were a thread of
it: by its streams, loggers and handlers, and by whoever listens to these.

Guarantees: messages are whole, from whichever thread, also where a `__del__` prints in the middle of one; a
secret that a task has come to know is known to the runner before anything that may show it. A process that
a task forks writes to descriptors 1 and 2, and not here. Relies on: one thread receives.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import logging
import os
import pickle
import socket
import sys
import termios
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from flowkit.engine import task_threads
from flowkit.engine.away import Away
from flowkit.engine.context import CURRENT
from flowkit.engine.failure import message_of, type_name
from flowkit.engine.mask import MASK
from flowkit.engine.processes.link import Link
from flowkit.engine.processes.saying import GO_ON, LOGGED, PRINTED, REPORTED, SECRETS, WARNED, WRITTEN
from flowkit.plan.events import Call, Report

_BELL = b"\0"
_REPORTS = 20.0  # a second that are sent, however many are made; some more at once
_REPORTS_AT_ONCE = 5.0
_NOTHING = b"\0\0\0\0"
_unread = bytearray(_NOTHING)  # written to, as that is quicker than to be given a copy


class Outlet:
    """See the module.

    Args:
        sock: to the runner.
        news: where the bell is, which wakes the runner where it does not wait for the socket.
        own: other descriptors that forked children must not have.
    """

    def __init__(self, sock: socket.socket, news: int, own: Sequence[int]) -> None:
        self._link = Link(sock)
        self._news = news
        self._own = [*own, news, sock.fileno()]
        self._sending = threading.RLock()
        self._waiting: deque[Any] = deque()
        self._is_sending = False
        self._told = 0  # secrets
        self._away: Away | None = None
        self._call: Call = (-1, -1, 0)
        self._silent = False
        self._reports = _REPORTS_AT_ONCE  # that may be sent now
        self._reported = 0.0
        self._streams = (_Stream("stdout", self), _Stream("stderr", self))
        sys.stdout, sys.stderr = self._streams
        os.register_at_fork(after_in_child=self._let_go)

    def receive(self) -> Any:
        """The next message."""
        return self._link.receive()

    def send(self, message: Any) -> None:
        """Send a message; what comes in the middle of another one follows it."""
        self._waiting.append(message)
        with self._sending:
            if self._is_sending:
                return
            self._is_sending = True
            try:
                self._tell_secrets()
                while self._waiting:
                    self._link.send(self._waiting.popleft())
            finally:
                self._is_sending = False

    def ring(self) -> None:
        """Wake the runner."""
        with contextlib.suppress(OSError):
            os.write(self._news, _BELL)

    def _tell_secrets(self) -> None:
        if MASK.known != self._told:
            self._told = MASK.known
            self._link.send((SECRETS, MASK.values()))

    # -- of one errand ------------------------------------------------------------------------

    def begin(self, call: Call) -> None:
        """From now on what nobody else can have said is of this call."""
        self._call = call

    def end(self, call: Call) -> None:
        """A call has ended: all that it has said goes before its answer."""
        self._have_read(call)
        for stream in self._streams:
            stream.end(call)

    def _have_read(self, call: Call) -> None:
        """Have the runner read what was written to descriptors 1 and 2, as of this call."""
        if _is_unread(1) or _is_unread(2):
            self.send((WRITTEN, call))
            self.ring()
            kind = self._link.receive()[0]
            assert kind == GO_ON

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Drop what is printed meanwhile to `sys.stdout`."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

    def call(self) -> Call:
        """The call that the thread belongs to."""
        current: Any = CURRENT.get()
        while current is not None and current[0] is not self._away:
            current = current[0].parent
        return self._call if current is None else current[1]

    def printed(self, call: Call, stream: str, text: str) -> None:
        """Text was printed."""
        if not (self._silent and stream == "stdout"):
            if call == self._call and threading.current_thread() is threading.main_thread():
                self._have_read(call)  # what a child has written before goes before
            self.send((PRINTED, (call, stream, text)))

    def reported(self, call: Call, report: Report) -> None:
        """A call says how far it is."""
        now = time.monotonic()
        due = self._reports + (now - self._reported) * _REPORTS
        self._reports, self._reported = min(_REPORTS_AT_ONCE, due), now
        if self._reports >= 1:
            self._reports -= 1
            self.send((REPORTED, (call, *report)))

    # -- logs and warnings --------------------------------------------------------------------

    def listen(self, away: Away) -> None:
        """Take what the tasks of a run log and warn."""
        self._away = away
        away.report = self.reported
        task_threads.follow(away)  # type: ignore[arg-type]
        logging.Logger.callHandlers = lambda *logged: self._logged(*logged)  # type: ignore[method-assign]
        warnings.showwarning = self._warned
        self._known = {id(each) for each in _handlers()}

    def know_handlers(self) -> None:
        """Those handlers that are there now are in the runner too, or were made by what is imported there."""
        self._known = {id(each) for each in _handlers()}

    def _logged(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        """Stands for `Logger.callHandlers`: the runner's handlers get the record, and those that a task has
        added here."""
        self.send((LOGGED, (self.call(), _plain(record))))
        at: logging.Logger | None = logger
        while at is not None:
            for handler in at.handlers:
                if id(handler) not in self._known and record.levelno >= handler.level and not _shows(handler):
                    handler.handle(record)
            at = at.parent if at.propagate else None

    def _warned(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        """Stands for `warnings.showwarning`."""
        text = warnings.formatwarning(message, category, filename, lineno, line)
        if file is not None:
            file.write(text)
            return
        try:
            kept = pickle.dumps((message, category))
            pickle.loads(kept)
        except Exception:
            kept = pickle.dumps((UserWarning(str(message)), UserWarning))
        self.send((WARNED, (self.call(), kept, filename, lineno, line)))

    def _let_go(self) -> None:
        """In a child that a task has forked: what it says goes where programs write to."""
        for fd in self._own:
            with contextlib.suppress(OSError):
                os.close(fd)
        self._own = []
        if sys.stdout is self._streams[0]:
            sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False, errors="replace")
        if sys.stderr is self._streams[1]:
            sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False, errors="backslashreplace")
        logging.Logger.callHandlers = _CALL_HANDLERS  # type: ignore[method-assign]
        if warnings.showwarning == self._warned:
            warnings.showwarning = _SHOW_WARNING


_CALL_HANDLERS = logging.Logger.callHandlers
_SHOW_WARNING = warnings.showwarning


class _Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` of a worker: whole lines of each thread, the rest when it is flushed."""

    def __init__(self, name: str, outlet: Outlet) -> None:
        self._name = name
        self._outlet = outlet
        self._begun: dict[tuple[Call, int], str] = {}
        self.buffer = _Bytes(self)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1 if self._name == "stdout" else 2

    def write(self, text: str) -> int:
        if type(text) is not str:
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        call = self._outlet.call()
        key = call, threading.get_ident()
        whole = self._begun.pop(key, "") + text
        at = whole.rfind("\n") + 1
        if at or len(whole) > io.DEFAULT_BUFFER_SIZE:
            at = at or len(whole)
            self._outlet.printed(call, self._name, whole[:at])
        if at < len(whole):
            self._begun[key] = whole[at:] + self._begun.pop(key, "")
        if "\r" in text and self._name == "stderr":  # as Python's own, which shows it at once
            self.flush()
        return len(text)

    def flush(self) -> None:
        call = self._outlet.call()
        rest = self._begun.pop((call, threading.get_ident()), "")
        if rest:
            self._outlet.printed(call, self._name, rest)

    def end(self, call: Call) -> None:
        """A call has ended: what it began is all there is."""
        for key in [key for key in list(self._begun) if key[0] == call]:
            self._outlet.printed(call, self._name, self._begun.pop(key, ""))

    def reconfigure(self, **options: Any) -> None:
        """Nothing: it takes any text as it is."""

    def close(self) -> None:
        """Nothing: it is needed as long as the worker is."""


class _Bytes:
    """The bytes behind a stream."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        written = bytes(memoryview(data))
        self._stream.write(written.decode("utf-8", "surrogateescape"))
        return len(written)

    def flush(self) -> None:
        self._stream.flush()


def _is_unread(fd: int) -> bool:
    """Whether something that was written there was not read yet."""
    try:
        fcntl.ioctl(fd, termios.FIONREAD, _unread, True)
        return _unread != _NOTHING
    except OSError:
        return True  # it cannot be known


def _handlers() -> Iterator[logging.Handler]:
    for each in list(logging._handlerList):  # type: ignore[attr-defined]
        handler = each()
        if handler is not None:
            yield handler


def _shows(handler: logging.Handler) -> bool:
    """Whether a handler prints to our streams, where the runner's do too."""
    return isinstance(handler, logging.StreamHandler) and isinstance(handler.stream, _Stream)


def _plain(record: logging.LogRecord) -> dict[str, Any]:
    """A record as built-in types; its message and exception as text."""
    found = dict(vars(record))
    found["msg"], found["args"] = _message(record), None
    if record.exc_info and not record.exc_text:
        found["exc_text"] = logging.Formatter().formatException(record.exc_info)
    found["exc_info"] = None
    for key, value in found.items():
        if type(value) not in _TYPES:
            found[key] = str(value)
    return found


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:
        said = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{said} (it cannot be formatted: {type_name(error)}: {message_of(error)})"


_TYPES = frozenset({str, int, float, bool, type(None)})
