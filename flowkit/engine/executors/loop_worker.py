"""Carrying out calls of the coroutine lane, thousands of them in turns on one event loop.

A turn gives back what has ended since the last one and takes what is ready, many calls under one lock. What
may hold the loop around the user's function (waiting for a cache entry, a commit, a handler of the user's)
is done in threads beside it. Those that begin are others than those that end: who waits to begin may wait
for an entry that another call is about to end with.

Guarantees: what a call prints and logs is its own, before and after each `await`, as it has a context of
its own. A call is cancelled once, however it is ended, and its end is said once.
Relies on: where nothing else is said, a method is called in the thread of the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from flowkit.engine.context import CURRENT
from flowkit.engine.event_loop import EventLoop, cancel_once
from flowkit.engine.interrupts import GRACE
from flowkit.engine.judging import StoppedError
from flowkit.engine.lane import Rings
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.attempt import Attempt
    from flowkit.engine.lane import Lane
    from flowkit.engine.worker import Finished

_AT_ONCE = 256  # calls; others wait for the lock meanwhile, and the loop for who takes them
_STOPPED_GRACE = 0.1  # seconds at the end of a run that was stopped: what is cancelled has had its time


class Flight:
    """A call that is carried out.

    Attributes:
        context: what its task runs in.
        task: of the user's coroutine, when there is one.
        stopped: whether it is ended from outside.
    """

    __slots__ = ("attempt", "context", "stopped", "task")

    def __init__(self, attempt: Attempt, context: Context) -> None:
        self.attempt = attempt
        self.context = context
        self.task: asyncio.Task[None] | None = None
        self.stopped = False

    def stop(self) -> None:
        """Cancel it, once."""
        self.stopped = True
        if self.task is not None:
            cancel_once(self.task)


class Waiting(NamedTuple):
    """A call whose function is about to be called, and what with."""

    flight: Flight
    arguments: dict[str, Any]


class LoopWorker:
    """See the module.

    Args:
        workers: how many calls at once.
        place: gives a name for each place where a call can be; from any thread.
        sleeper: whom the lane wakes when there is more to do.

    Attributes:
        loop: where they are carried out.
        retired: whether it takes no calls any more.
    """

    def __init__(self, lane: Lane, workers: int, place: Callable[[], str], sleeper: Rings) -> None:
        self._lane = lane
        self._engine = lane.engine
        self._worker = lane.engine.worker
        self._workers = workers
        self._place = place
        self._sleeper = sleeper
        self._flights: dict[Call, Flight] = {}
        self._waiting: dict[Call, Waiting] = {}
        self._given_up: set[Flight] = set()
        self._ended: deque[Finished] = deque()
        self._free: list[str] = []
        self._is_due = False
        self.retired = False
        self.loop = EventLoop(place(), self._name_of, lane.engine.broke)
        self._before = self.loop.threads("begin")
        self._after = self.loop.threads("end")

    # -- from any thread ----------------------------------------------------------------------

    def wake(self) -> None:
        """There is more to do."""
        self.loop.call(self._take_turn_soon)

    def ask(self) -> None:
        """Cancel all calls."""
        self.loop.call(self._stop_all)

    def abandon(self, call: Call) -> None:
        """Cancel a call that nobody waits for any more; its place is free."""
        self.loop.call(self._give_up, call)

    def close(self) -> list[str]:
        """Let the loop end; what is left behind."""
        return self.loop.close(self._patience)

    def holder(self) -> tuple[str, Attempt | None]:
        """The task that has the loop now: what it is called, and its attempt where it is that of a call."""
        task = asyncio.current_task(self.loop.loop)
        if task is None:
            return "a callback", None
        flight = self._flight_of(task)
        if flight is None:
            return f"the task {task.get_name()}", None
        return f"`{self._engine.plan.key(*flight.attempt.call[:2])}`", flight.attempt

    def retire(self) -> list[Waiting]:
        """Take no calls any more; those whose function was not called yet, for somebody else."""
        self.retired = True
        found = [self._waiting.pop(call, None) for call in list(self._waiting)]
        for each in found:
            if each is not None:
                self._flights.pop(each.flight.attempt.call, None)
        return [each for each in found if each is not None]

    def hand_in(self) -> None:
        """Give back what has ended, in place of the loop, which is held."""
        while ended := self._taken():
            self._lane.trade(ended, 0, self._sleeper)

    def _taken(self) -> list[Finished]:
        """Some of what has ended; each goes to one who asks."""
        found: list[Finished] = []
        with suppress(IndexError):
            while len(found) < _AT_ONCE:
                found.append(self._ended.popleft())
        return found

    def attempts(self) -> list[Attempt]:
        """The attempts of the calls that are carried out."""
        return [flight.attempt for flight in list(self._flights.values())]

    def take_over(self, waiting: Waiting) -> None:
        """Go on with a call of a worker that has retired."""
        self.loop.call(self._go_on, waiting)

    # -- turns --------------------------------------------------------------------------------

    @property
    def _patience(self) -> float:
        """Seconds for what has been cancelled, once the run is over."""
        return _STOPPED_GRACE if self._engine.asked_to_stop else GRACE

    def _take_turn_soon(self) -> None:
        """After all that ends in this round of the loop, so that it is given back at once."""
        if not self._is_due:
            self._is_due = True
            self.loop.soon(self._take_turn)

    def _take_turn(self) -> None:
        self._is_due = False
        ended = self._taken()
        room = 0 if self.retired else max(0, min(self._workers - len(self._flights), _AT_ONCE))
        calls = self._lane.trade(ended, room, self._sleeper)
        for call in calls:
            self._start(call)
        if self._ended or len(calls) == _AT_ONCE:
            self._take_turn_soon()
        elif self._engine.machine.over:  # also where a bug has ended the run, and nobody says so
            self.loop.begin_to_close(self._patience)

    def _stop_all(self) -> None:
        for flight in list(self._flights.values()):
            flight.stop()

    def _give_up(self, call: Call) -> None:
        flight = self._flights.pop(call, None)
        if flight is not None:
            self._given_up.add(flight)
            flight.stop()
            self._take_turn_soon()

    def _flight_of(self, task: asyncio.Task[Any]) -> Flight | None:
        flights = (*self._flights.copy().values(), *self._given_up.copy())
        return next((flight for flight in flights if flight.task is task), None)

    def _name_of(self, task: asyncio.Task[Any]) -> str:
        """The place of a call, or what the user's own task is called."""
        flight = self._flight_of(task)
        return task.get_name() if flight is None else flight.attempt.name

    # -- a call -------------------------------------------------------------------------------

    def _start(self, call: Call) -> None:
        context = Context()
        context.run(CURRENT.set, (self._engine, call))
        name = self._free.pop() if self._free else self._place()
        flight = self._flights[call] = Flight(self._worker.begun(call, name), context)
        if call[0] in self._worker.slow:
            self._apart(self._before.submit, context, flight.attempt.begin, self._call, flight)
        else:
            self._call(flight, context.run(flight.attempt.begin))

    def _call(self, flight: Flight, arguments: dict[str, Any] | None) -> None:
        """Call the user's function, unless the attempt has ended without it."""
        if arguments is not None:
            self._go_on(Waiting(flight, arguments))
        else:
            assert flight.attempt.finished is not None
            self._end(flight, flight.attempt.finished)

    def _go_on(self, waiting: Waiting) -> None:
        flight = waiting.flight
        self._flights[flight.attempt.call] = flight
        self._waiting[flight.attempt.call] = waiting
        flight.task = self.loop.loop.create_task(self._awaited(flight), context=flight.context)
        flight.task.add_done_callback(lambda task: self.loop.carry_out(self._see_end, flight, task))
        if flight.stopped:
            cancel_once(flight.task)

    async def _awaited(self, flight: Flight) -> None:
        call = flight.attempt.call
        waiting = self._waiting.pop(call, None)
        if waiting is None:  # this loop was held, and another one has taken the call over
            return
        try:
            value = await self._engine.plan.tasks[call[0]].run(**waiting.arguments)
        except BaseException as error:  # also what asyncio would let out of the loop
            self._engine.leave_if_forked()
            self.loop.carry_out(self._raised, flight, error)
        else:
            self._engine.leave_if_forked()
            self.loop.carry_out(self._returned, flight, value)

    def _see_end(self, flight: Flight, task: asyncio.Task[None]) -> None:
        """A task that was cancelled before it began has not said how it ended."""
        if task.cancelled() and self._waiting.pop(flight.attempt.call, None) is not None:
            self._raised(flight, asyncio.CancelledError())

    def _returned(self, flight: Flight, value: Any) -> None:
        plain = self._worker.plain
        is_slow = flight.attempt.call[0] in self._worker.slow or (
            plain is not None and type(value) not in plain  # it is pickled, and may wait for room
        )
        self._finish(flight, is_slow, flight.attempt.returned, value)

    def _raised(self, flight: Flight, error: BaseException) -> None:
        if flight.stopped and isinstance(error, asyncio.CancelledError):
            error = StoppedError()
        node = flight.attempt.call[0]
        is_slow = node in self._worker.slow or self._engine.plan.tasks[node].max_retries > 0
        self._finish(flight, is_slow, flight.attempt.raised, error)

    def _finish(self, flight: Flight, is_slow: bool, step: Callable[[Any], Finished], given: Any) -> None:
        """Take the last step of an attempt. In a copy of its context: the user's tasks may still have it."""
        context = flight.context.copy()
        if is_slow:
            self._apart(self._after.submit, context, lambda: step(given), self._end, flight)
        else:
            self._end(flight, context.run(step, given))

    def _apart(
        self,
        submit: Callable[..., Any],
        context: Context,
        step: Callable[[], Any],
        then: Callable[[Flight, Any], None],
        flight: Flight,
    ) -> None:
        """Take a step in another thread, and go on with what it gives."""
        once = Lock()

        def carry_out() -> None:
            if not once.acquire(blocking=False):
                return
            try:
                found = context.run(step)
            except BaseException as error:
                self._engine.broke(error)
            else:
                self.loop.call(then, flight, found)

        try:
            submit(carry_out)
        except RuntimeError:
            carry_out()  # no thread can be had, or none any more; one that is there may have it already

    def _end(self, flight: Flight, finished: Finished) -> None:
        self._flights.pop(flight.attempt.call, None)
        self._given_up.discard(flight)
        self._free.append(flight.attempt.name)
        self._ended.append(finished)
        self._take_turn_soon()
