"""A lane: where the workers of one executor take calls and give back what became of them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING, Protocol

from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine
    from flowkit.engine.worker import Finished


_AT_ONCE = 256  # calls; others wait for the lock while what was found of them is accepted
_LONGEST = 1e6  # seconds; who waits longer looks again


class Rings(Protocol):
    """Who can be woken: a thread by its bell, an event loop."""

    def ring(self) -> None:
        """Wake it, or have it not sleep next time. The engine's lock is held."""


class Bell:
    """Wakes one thread that waits for it; a ring that comes before the wait is not lost."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the thread that waits, or the next one to do so. Safe in a signal handler."""
        with contextlib.suppress(RuntimeError):  # it rings already
            self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a ring; False where the time, in seconds, was over first."""
        return self._lock.acquire(timeout=-1 if timeout is None else min(max(0.0, timeout), _LONGEST))


class Batches(Protocol):
    """How many calls are taken at once.

    Attributes:
        workers: among whom the calls are shared.
    """

    workers: int

    def like(self, node: int) -> tuple[Container[int], int]:
        """The nodes whose calls are like those of this one, and how many may be taken at once."""

    def ahead(self, calls: Sequence[Call]) -> Callable[[int], bool] | None:
        """Whether a node may go ahead with these; None: none may. See `Machine.take_ahead`."""


class Lane:
    """One lane of a run.

    Attributes:
        idle: the workers that sleep; each is rung once, and then is not here any more.
        driven: whether the engine's own thread carries its calls out.

    Guarantees: `exchange` returns None once a worker. One that sleeps is woken when there is more to do
    than the others have taken.
    Relies on: the engine's lock is held wherever the machine is touched.
    """

    def __init__(self, engine: Engine, number: int, name: str) -> None:
        self.engine = engine
        self.number = number
        self.name = name
        self.idle: list[Rings] = []
        self.driven = False
        self._sought = engine.worker.sought

    def exchange(self, finished: Finished | None) -> Call | None:
        """Give back a finished call and take the next one, waiting for it.

        None: the run is over, or the call had been given up, and the worker has been replaced.
        """
        engine, machine, recorder = self.engine, self.engine.machine, self.engine.recorder
        acquire, release = engine.lock.acquire, engine.lock.release
        if not acquire(False):
            self._acquire()
        try:
            now = 0.0
            if finished is not None:
                if not engine.accept(finished):
                    return None
                now = finished[0][5]
            while True:
                if self._sought:
                    self._look()
                    now = 0.0
                call = machine.take(self.number, now or engine.clock())
                if call is not None and not (
                    self.idle or machine.deadlines or recorder.asleep or engine.watchful
                ):
                    return call  # nobody is to be woken: what nearly always happens
                engine.rouse()
                if call is not None or machine.over:
                    return call
                now = 0.0
                bell = Bell()
                self.idle.append(bell)
                release()
                bell.wait()
                self._acquire()
        finally:
            release()

    def exchange_many(
        self, finished: Sequence[Finished], unbegun: Sequence[Call], batches: Batches
    ) -> tuple[list[Call], list[Call]]:
        """As `exchange`, for who takes several calls at once; none: as None there.

        Args:
            unbegun: calls that were taken and not begun: they are ready again.

        Returns:
            Calls, and those that go ahead with them.
        """
        engine, machine = self.engine, self.engine.machine
        self._acquire()
        try:
            is_accepted = self._give(finished, unbegun)
            while True:
                if self._sought:
                    self._look()
                calls = self._take_many(batches) if is_accepted else []
                ahead = self._take_ahead(calls, batches)
                engine.rouse()
                if calls or machine.over or not is_accepted:
                    return calls, ahead
                bell = Bell()
                self.idle.append(bell)
                engine.lock.release()
                bell.wait()
                self._acquire()
        finally:
            engine.lock.release()

    def report(
        self, finished: Sequence[Finished], begun: Sequence[Call], started: float, unbegun: Sequence[Call]
    ) -> None:
        """Of calls that were taken together some have ended; where one takes long it is said that it has
        begun, and others may have those behind it."""
        self._acquire()
        try:
            self._give(finished, ())
            for call in begun:
                self.engine.machine.say(call, started)
            self._give((), unbegun)
            self.engine.rouse()
        finally:
            self.engine.lock.release()

    def _give(self, finished: Sequence[Finished], unbegun: Sequence[Call]) -> bool:
        is_accepted = self.engine.accept_many(finished)
        if unbegun:
            now = self.engine.clock()
            for call in unbegun:
                self.engine.machine.put_back(call, now)
        return is_accepted

    def _take_many(self, batches: Batches) -> list[Call]:
        """What goes first, and what is like it; never more than a fair share."""
        machine = self.engine.machine
        share = -(-machine.ready(self.number) // batches.workers)
        first = machine.first(self.number)
        if share > 1 and first is not None:
            nodes, most = batches.like(first)
            most = min(most, share)
            if most > 1:
                return machine.take_many(self.number, nodes, most)
        call = machine.take(self.number, self.engine.clock())
        return [] if call is None else [call]

    def _take_ahead(self, calls: Sequence[Call], batches: Batches) -> list[Call]:
        """What follows from these calls and goes with them."""
        machine = self.engine.machine
        if not calls:
            return []
        may = batches.ahead(calls)
        return machine.take_ahead(calls, batches.workers, may) if may is not None else []

    def turn(self, finished: Finished | None) -> Call | None:
        """As `exchange`, without waiting: None where there is nothing to do now."""
        engine = self.engine
        with engine.lock:
            if finished is not None:
                engine.accept(finished)
            if self._sought:
                self._look()
            call = engine.machine.take(self.number, engine.clock())
            engine.rouse()
            return call

    def trade(self, ended: Sequence[Finished], room: int, sleeper: Rings) -> list[Call]:
        """Give back several finished calls and take as many as there is room for, without waiting.

        Where there is room for more than there are, who asks is rung when there are more, or the run is over.
        """
        engine, machine = self.engine, self.engine.machine
        self._acquire()
        try:
            for finished in ended:
                engine.accept(finished)
            calls: list[Call] = []
            now = engine.clock()
            while len(calls) < room:
                if self._sought:
                    self._look()
                    now = engine.clock()
                call = machine.take(self.number, now)
                if call is None:
                    break
                calls.append(call)
            engine.rouse()
            if len(calls) < room and sleeper not in self.idle:
                self.idle.append(sleeper)
            return calls
        finally:
            engine.lock.release()

    def limit(self, call: Call, at: float) -> None:
        """When the time limit of a call that was taken ends; see `Waiting.limit`."""
        self._acquire()
        try:
            self.engine.machine.limit(call, at)
            self.engine.rouse()
        finally:
            self.engine.lock.release()

    def _look(self) -> None:
        """Take the results that are at hand of the calls that go first; the lock is let go for the look."""
        engine, machine = self.engine, self.engine.machine
        calls = machine.take_to_look(self.number, self._sought, _AT_ONCE)
        if not calls:
            return
        self._sought.difference_update(call[0] for call in calls)
        engine.lock.release()
        try:
            found = engine.worker.look_at(calls)
        finally:
            self._acquire()
        now = engine.clock()
        for call, finished in zip(calls, found, strict=True):
            if finished is None:
                machine.put_back(call, now)
            else:
                engine.accept(finished)

    def _acquire(self) -> None:
        """Take the engine's lock."""
        # A blocking acquire would put the waiters in a queue that each hand-over has to go through,
        # a switch of threads a task (a convoy). Giving the processor away and trying again does not.
        acquire = self.engine.lock.acquire
        while not acquire(False):
            time.sleep(0)
