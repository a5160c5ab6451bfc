"""How the calls of the coroutine lane are carried out: all of them in turns, on one event loop.

A turn gives back what has ended since the last one and takes what is ready, many calls under one lock. What
may hold the loop around the user's function (waiting for a cache entry, a commit, a handler of the user's)
is done in threads beside it. Those that begin are others than those that end: who waits to begin may wait
for an entry that another call is about to end with.

Guarantees: what a call prints and logs is its own, before and after each `await`, as it has a context of
its own. A call is cancelled once, however it is ended, and its end is said once.
Relies on: a method whose docstring does not say otherwise is called in the thread of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from flowkit.engine.context import CURRENT
from flowkit.engine.event_loop import EventLoop
from flowkit.engine.interrupts import GRACE
from flowkit.engine.judging import StoppedError
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.attempt import Attempt
    from flowkit.engine.lane import Lane
    from flowkit.engine.worker import Finished

_AT_ONCE = 256  # calls; others wait for the lock meanwhile, and the loop for who takes them
_STOPPED_GRACE = 0.1  # seconds at the end of a run that was stopped: what is cancelled has had its time


class _Flight:
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
        if not self.stopped:
            self.stopped = True
            if self.task is not None:
                self.task.cancel()


class CoroutineCrew:
    """The calls of one lane in one run.

    Args:
        workers: how many at once.
    """

    soft = ""

    def __init__(self, lane: Lane, workers: int) -> None:
        self._lane = lane
        self._engine = lane.engine
        self._worker = lane.engine.worker
        self._workers = workers
        self._flights: dict[Call, _Flight] = {}
        self._given_up: set[_Flight] = set()
        self._ended: list[Finished] = []
        self._names: list[str] = []  # of places where no call is
        self._places = 0
        self._is_due = False
        self._loop = EventLoop(lane.name, self._name_of, lane.engine.broke)
        self._before = self._loop.threads("begin")
        self._after = self._loop.threads("end")
        self._loop.call(self._take_turn)

    # -- called by the engine, in other threads -----------------------------------------------

    def step(self) -> bool:
        return False

    def ring(self) -> None:
        """There is more to do."""
        self._loop.call(self._take_turn_soon)

    def ask(self) -> None:
        self._loop.call(self._stop_all)

    def abandon(self, call: Call) -> None:
        self._loop.call(self._give_up, call)

    def stop(self, grace: float) -> list[str]:
        return self._loop.close(self._patience)

    # -- turns --------------------------------------------------------------------------------

    @property
    def _patience(self) -> float:
        """Seconds for what has been cancelled, once the run is over."""
        return _STOPPED_GRACE if self._engine.asked_to_stop else GRACE

    def _take_turn_soon(self) -> None:
        """After all that ends in this round of the loop, so that it is given back at once."""
        if not self._is_due:
            self._is_due = True
            self._loop.soon(self._take_turn)

    def _take_turn(self) -> None:
        self._is_due = False
        ended, self._ended = self._ended[:_AT_ONCE], self._ended[_AT_ONCE:]
        room = max(0, min(self._workers - len(self._flights), _AT_ONCE))
        calls = self._lane.trade(ended, room, self)
        for call in calls:
            self._start(call)
        if self._ended or len(calls) == _AT_ONCE:
            self._take_turn_soon()
        elif self._engine.machine.over:  # also where a bug has ended the run, and nobody says so
            self._loop.begin_to_close(self._patience)

    def _stop_all(self) -> None:
        for flight in list(self._flights.values()):
            flight.stop()

    def _give_up(self, call: Call) -> None:
        """Nobody waits for a call any more; its place is free."""
        flight = self._flights.pop(call, None)
        if flight is not None:
            self._given_up.add(flight)
            flight.stop()
            self._take_turn_soon()

    def _name_of(self, task: asyncio.Task[Any]) -> str:
        """The place of a call, or what the user's own task is called."""
        flights = (*self._flights.values(), *self._given_up)
        return next((each.attempt.name for each in flights if each.task is task), task.get_name())

    # -- a call -------------------------------------------------------------------------------

    def _start(self, call: Call) -> None:
        context = Context()
        context.run(CURRENT.set, (self._engine, call))
        flight = self._flights[call] = _Flight(self._worker.begun(call, self._free_name()), context)
        if call[0] in self._worker.slow:
            self._apart(self._before.submit, context, flight.attempt.begin, self._call, flight)
        else:
            self._call(flight, context.run(flight.attempt.begin))

    def _free_name(self) -> str:
        if self._names:
            return self._names.pop()
        self._places += 1
        return f"{self._lane.name}-{self._places}"

    def _call(self, flight: _Flight, arguments: dict[str, Any] | None) -> None:
        """Call the user's function, unless the attempt has ended without it."""
        if arguments is None:
            assert flight.attempt.finished is not None
            self._end(flight, flight.attempt.finished)
            return
        flight.task = self._loop.loop.create_task(self._awaited(flight, arguments), context=flight.context)
        flight.task.add_done_callback(lambda task: self._see_end(flight, task))
        if flight.stopped:
            flight.task.cancel()

    async def _awaited(self, flight: _Flight, arguments: dict[str, Any]) -> None:
        run = self._engine.plan.tasks[flight.attempt.call[0]].run
        try:
            value = await run(**arguments)
        except BaseException as error:  # also those that asyncio would let out of the loop
            self._engine.leave_if_forked()
            self._loop.soon(self._raised, flight, error)
        else:
            self._engine.leave_if_forked()
            self._loop.soon(self._returned, flight, value)

    def _see_end(self, flight: _Flight, task: asyncio.Task[None]) -> None:
        """A task that was cancelled before it began has not said how it ended."""
        if task.cancelled():
            self._loop.soon(self._raised, flight, asyncio.CancelledError())

    def _returned(self, flight: _Flight, value: Any) -> None:
        plain = self._worker.plain
        is_slow = flight.attempt.call[0] in self._worker.slow or (
            plain is not None and type(value) not in plain  # it is pickled, and waits for room
        )
        self._finish(flight, is_slow, flight.attempt.returned, value)

    def _raised(self, flight: _Flight, error: BaseException) -> None:
        if flight.stopped and isinstance(error, asyncio.CancelledError):
            error = StoppedError()
        node = flight.attempt.call[0]
        is_slow = node in self._worker.slow or self._engine.plan.tasks[node].max_retries > 0
        self._finish(flight, is_slow, flight.attempt.raised, error)

    def _finish(self, flight: _Flight, is_slow: bool, step: Callable[[Any], Finished], given: Any) -> None:
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
        then: Callable[[_Flight, Any], None],
        flight: _Flight,
    ) -> None:
        """Take a step in another thread, and go on with what it gives."""

        def carry_out() -> None:
            try:
                found = context.run(step)
            except BaseException as error:
                self._engine.broke(error)
            else:
                self._loop.call(then, flight, found)

        submit(carry_out)

    def _end(self, flight: _Flight, finished: Finished) -> None:
        self._flights.pop(flight.attempt.call, None)
        self._given_up.discard(flight)
        self._names.append(flight.attempt.name)
        self._ended.append(finished)
        self._take_turn_soon()
