"""Telling a call that it is stopped, where what it waits for can be: a process, a query.

A thread cannot be stopped from outside, but it goes on by itself when the command that it waits for is gone.

Guarantees: who listens is told of everything that happens to its call, and to the calls that its run is part
of, also of what happened before it began to listen; perhaps twice. Relies on: who is told does not block.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

from flowkit.engine.context import CURRENT
from flowkit.engine.task_threads import start_apart
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine


class Stoppable(Protocol):
    """What can be told; from any thread."""

    def ask(self) -> None:
        """The run was asked to stop: what ends by itself within the grace time may still count."""

    def give_up(self) -> None:
        """The attempt was given up: whatever comes of it is dropped."""


class StopNotices:
    """Who listens, in one run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listening: dict[Call, list[Stoppable]] = {}
        self._given_up: set[Call] = set()
        self._asked = False

    def ask(self) -> None:
        """The run was asked to stop."""
        with self._lock:
            self._asked = True
            told = self._all()
        for each in told:
            each.ask()

    def give_up(self, call: Call) -> None:
        """An attempt was given up."""
        with self._lock:
            self._given_up.add(call)
            told = list(self._listening.get(call, ()))
        for each in told:
            each.give_up()

    def give_all_up(self) -> None:
        """All attempts of now were."""
        with self._lock:
            told = self._all()
        for each in told:
            each.give_up()

    def _all(self) -> list[Stoppable]:
        return [each for listening in self._listening.values() for each in listening]

    @contextmanager
    def heard_by(self, listener: Stoppable, call: Call) -> Iterator[None]:
        """Tell a listener what happens to a call while the block runs."""
        with self._lock:
            self._listening.setdefault(call, []).append(listener)
            asked, given_up = self._asked, call in self._given_up
        try:
            if asked:
                listener.ask()
            if given_up:
                listener.give_up()
            yield
        finally:
            with self._lock:
                self._listening[call].remove(listener)
                if not self._listening[call]:
                    del self._listening[call]


@contextmanager
def told(listener: Stoppable) -> Iterator[None]:
    """Tell a listener, while the block runs, of what happens to the call that this thread carries out."""
    with ExitStack() as stack:
        current = CURRENT.get()
        while current is not None:
            engine, call = current
            stack.enter_context(engine.stop_notices.heard_by(listener, call))
            stack.enter_context(_limited(engine, call, listener))
            current = engine.parent
        yield


@contextmanager
def _limited(engine: Engine, call: Call, listener: Stoppable) -> Iterator[None]:
    """Give a call up when its time is over where nobody else can: inline, but not in the main thread."""
    left = engine.time_left(call)
    alone = engine.lanes[engine.plan.lane_of[call[0]]].driven
    if left is None or not alone or threading.current_thread() is threading.main_thread():
        yield
        return
    timer = threading.Timer(max(0.0, left), listener.give_up)
    timer.daemon = True
    start_apart(timer)
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no signal interrupt the block, in an inline task; what came meanwhile does at its end."""
    current = CURRENT.get()
    if current is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    with current[0].interrupts.held_back():
        yield
