"""Seeing that a task holds an event loop: it computes, or waits, without `await`.

A thread asks the loop for an answer every few seconds. It costs nothing worth measuring, and is the only one
that can say who holds the loop while it is held.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from flowkit.engine.event_loop import EventLoop
from flowkit.engine.frames import is_ours
from flowkit.engine.task_threads import start_apart

LONG = 2.0  # seconds between two questions, and until no answer is one

_LIBRARY = os.path.join(os.path.dirname(os.__file__), "")  # noqa: PTH118, PTH120


class LoopWatch:
    """See the module.

    Args:
        held: called every `LONG` seconds while the loop does not answer, with how long it has not.
    """

    def __init__(self, loop: EventLoop, held: Callable[[float], None], broke: Callable[..., None]) -> None:
        self._loop = loop
        self._held = held
        self._broke = broke
        self._is_answered = True
        thread = threading.Thread(target=self._work, name=f"{loop.thread.name}-watch", daemon=True)
        start_apart(thread)

    def _work(self) -> None:
        try:
            self._look_on()
        except BaseException as error:
            self._broke(error)

    def _look_on(self) -> None:
        asked_at = 0.0
        while not self._loop.settled.wait(LONG):
            if self._is_answered:
                self._is_answered = False
                asked_at = time.monotonic()
                self._loop.call(self._answer)
            else:
                self._held(time.monotonic() - asked_at)

    def _answer(self) -> None:
        self._is_answered = True


def place_of(thread: threading.Thread) -> str:
    """Where a thread is, in the user's code: `file:line in function`; "" where it is nowhere there."""
    frame: FrameType | None = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        file = frame.f_code.co_filename
        if not is_ours(file) and not file.startswith((_LIBRARY, "<")):
            return f"{file}:{frame.f_lineno} in {frame.f_code.co_name}"
        frame = frame.f_back
    return ""
