"""What a process that is forked from inside a task must not keep of the run: its signals, streams and engine.

A task may use `multiprocessing` with `fork`, or call `os.fork`. The child has a copy of the engine and of
its handlers, but none of its threads: signals would be swallowed, prints would go to a recorder that is
not there, and a child that returns from the task would go on with the flow.
"""

from __future__ import annotations

import os
import signal
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Held by whoever writes to the terminal. A fork waits for it, as the stream has a lock of its own, which a
# child could never take that was made while another thread had it.
WRITING = threading.RLock()
_PATIENCE = 1.0  # seconds: who cannot write keeps nobody from forking

_masks = threading.local()
_running: weakref.WeakSet[Engine] = weakref.WeakSet()


def running(engine: Engine) -> None:
    """A run begins."""
    _running.add(engine)


def is_alone(engine: Engine) -> bool:
    """Whether no other run goes on in this process."""
    return all(each is engine for each in list(_running))


def ended(engine: Engine) -> None:
    """A run has ended."""
    _running.discard(engine)


def _before() -> None:
    """Hold back what asks to stop, so that a child gets it with its own handlers, not with ours."""
    if _running:
        _masks.held = WRITING.acquire(timeout=_PATIENCE)
        _masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)


def _in_parent() -> None:
    if _masks.__dict__.pop("held", False):
        WRITING.release()
    before = _masks.__dict__.pop("before", None)
    if before is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _in_child() -> None:
    """In a child: let go of the runs of the parent."""
    for engine in list(_running):
        engine.let_go()
    if _running:
        signal.set_wakeup_fd(-1)
        _running.clear()
    _in_parent()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
