"""Records of `logging` from inside tasks, whatever the program does to its loggers and handlers.

Every logger hands its records to `Logger.callHandlers`; that is where they are taken, and then go on to
the program's own handlers. So neither `basicConfig(force=True)`, nor other handlers of the root, nor
`propagate = False` keeps a record of a task from being taken.

Guarantees: a record that `logging` lets pass, by the level and the filters of its logger, is taken once,
by the innermost run that listens; a handler that would print it to a captured stream does not.
Lost is what `logging` itself drops before: what is below the level of the logger or of `logging.disable`,
which a task that calls it also does to all others of the process until it takes it back. The levels of
handlers do not count. Not seen as records are those of loggers that override `callHandlers`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from flowkit.engine.context import CURRENT
from flowkit.engine.failure import message_of, type_name
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

Sink = Callable[[Call, logging.LogRecord], None]
_CallHandlers = Callable[[logging.Logger, logging.LogRecord], None]

_sinks: dict[Engine, tuple[Sink, bool]] = {}
_installing = threading.Lock()
_hand_on: _CallHandlers | None = None  # what stood in `logging.Logger` before
_going_on = threading.local()
_form = logging.Formatter()  # the message, then the exception and the stack
_EMIT = logging.StreamHandler.emit.__code__


def listen(engine: Engine, sink: Sink, *, echo: bool = False) -> None:
    """Give the records of an engine's tasks to a sink, which is called from the thread that logs.

    Args:
        echo: flowkit's own handler shows them all the same.

    What stands in `logging.Logger` stays there, as somebody may have put another on top; while nobody
    listens it changes nothing.
    """
    global _hand_on
    _sinks[engine] = (sink, echo)
    with _installing:
        if _hand_on is None:
            _hand_on = logging.Logger.callHandlers
            logging.Logger.callHandlers = _take  # type: ignore[method-assign, assignment]


def forget(engine: Engine) -> None:
    """Take no more records of an engine's tasks. Takes no lock, as forked children call it."""
    _sinks.pop(engine, None)


def was_taken() -> bool:
    """Whether the record that this thread is handing to handlers was taken."""
    return getattr(_going_on, "now", False)


def is_shown_otherwise() -> bool:
    """Whether the record that this thread is handing to handlers is shown by who took it."""
    return was_taken() and not _going_on.echo


def prints_a_taken_record(frame: FrameType) -> bool:
    """Whether this is the code of a handler that writes a record which was taken.

    By the frame, not by the thread alone: what other handlers print, and the reports of errors in
    logging, must not be lost.
    """
    return frame.f_code is _EMIT and was_taken()


def text_of(record: logging.LogRecord) -> str:
    """The message, with its exception and stack in further lines; never raises."""
    cached = record.exc_text
    try:
        if record.exc_info or cached or record.stack_info:
            return _form.format(record)
        return record.getMessage()
    except Exception as error:
        said = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{said} (it cannot be formatted: {type_name(error)}: {message_of(error)})"
    finally:
        record.exc_text = cached  # else a handler with a form of its own for exceptions would not use it


def _take(logger: logging.Logger, record: logging.LogRecord) -> None:
    """Stands for `Logger.callHandlers`."""
    assert _hand_on is not None
    taken = _sink_here() if _sinks else None
    if taken is None:
        _hand_on(logger, record)
        return
    sink, echo, call = taken
    sink(call, record)
    before = was_taken(), getattr(_going_on, "echo", False)
    _going_on.now, _going_on.echo = True, echo
    try:
        _hand_on(logger, record)
    finally:
        _going_on.now, _going_on.echo = before


def _sink_here() -> tuple[Sink, bool, Call] | None:
    """Who listens to the call that this thread carries out, or to the one that its run is part of."""
    current = CURRENT.get()
    while current is not None:
        listening = _sinks.get(current[0])
        if listening is not None:
            return *listening, current[1]
        current = current[0].parent
    return None
