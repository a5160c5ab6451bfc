"""The coroutines lane: `async def` tasks in turns on one event loop, thousands of them at once.

Where a task does not let go of the loop (it computes, or waits without `await`), that is said. When it is
given up another loop takes its place: for what is to come, and for what has not begun. What has begun waits
for the held one, and in the end has failed with it.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from flowkit.engine.context import logger_of
from flowkit.engine.executors.base import Crew, checked_workers
from flowkit.engine.executors.threads import ThreadExecutor
from flowkit.engine.worker import given_up
from flowkit.plan.events import Call
from flowkit.plan.plan import COROUTINES

if TYPE_CHECKING:
    from flowkit.engine.executors.loop_worker import LoopWorker
    from flowkit.engine.lane import Lane

_MOST_THREADS = 32  # as many as `asyncio.to_thread` has at most
_LOST = 30.0  # seconds after which nobody waits for a loop any more that is held by what was given up


class LoopHeldError(Exception):
    """The event loop of a task was held by another one, and is lost."""


class CoroutineExecutor:
    """Runs `async def` tasks on one event loop, in a thread of its own.

    One that exceeds its `timeout`, or whose run is stopped, is cancelled. Tasks that are no coroutines run
    in threads beside the loop, as many at once, at most 32.

    Args:
        workers: how many tasks at once; default: 10,000.

    Raises:
        UsageError: fewer than 1 worker.
    """

    name = COROUTINES
    is_away = False

    def __init__(self, workers: int | None = None) -> None:
        self.workers = checked_workers(workers, 10_000)

    @property
    def beside(self) -> ThreadExecutor:
        """Where tasks run that were asked here and are no coroutines."""
        return ThreadExecutor(min(self.workers, _MOST_THREADS))

    def start(self, lane: Lane) -> Crew:
        """Start the loop."""
        return _CoroutineCrew(lane, self.workers)

    def __repr__(self) -> str:
        return f"CoroutineExecutor(workers={self.workers})"


class _CoroutineCrew:
    soft = ""

    def __init__(self, lane: Lane, workers: int) -> None:
        self._lane = lane
        self._engine = lane.engine
        self._most = workers
        self._numbers = itertools.count()
        self._said: set[str] = set()
        self._loops: list[LoopWorker] = []  # the last one takes calls, the others are held
        self._start()

    def _start(self) -> LoopWorker:
        from flowkit.engine.executors.loop_worker import LoopWorker  # asyncio takes 15 ms
        from flowkit.engine.loop_watch import LoopWatch

        held = sum(len(each.attempts()) for each in self._loops)
        worker = LoopWorker(self._lane, max(1, self._most - held), self._place, self)
        self._loops.append(worker)
        worker.wake()  # not before, as it may be woken through this crew at once
        LoopWatch(worker.loop, lambda seconds: self._see_held(worker, seconds), self._engine.broke)
        return worker

    def _place(self) -> str:
        number = next(self._numbers)
        return f"{self._lane.name}-{number}" if number else self._lane.name  # the first is the loop's thread

    def step(self) -> bool:
        return False

    def ring(self) -> None:
        """There is more to do."""
        self._loops[-1].wake()

    def ask(self) -> None:
        for each in self._loops:
            each.ask()

    def abandon(self, call: Call) -> None:
        for each in self._loops:
            each.abandon(call)

    def stop(self, grace: float) -> list[str]:
        return [name for each in self._loops for name in each.close()]

    # -- a loop that is held, seen in a thread of its own -------------------------------------

    def _see_held(self, worker: LoopWorker, seconds: float) -> None:
        name, attempt = worker.holder()
        self._say_held(worker, name, seconds)
        worker.hand_in()
        if attempt is None or self._is_awaited(attempt.call):
            return
        if worker is self._loops[-1]:
            new = self._start()
            for waiting in worker.retire():
                new.take_over(waiting)
        if seconds >= _LOST:
            self._lose(worker, name)

    def _say_held(self, worker: LoopWorker, name: str, seconds: float) -> None:
        from flowkit.engine.loop_watch import place_of

        if name not in self._said:
            self._said.add(name)
            logger_of("").warning(
                "%s holds the event loop for %.1f s now, and all other coroutines wait; "
                "let it `await`, or call what takes long with `asyncio.to_thread`. It is at %s.",
                name,
                seconds,
                place_of(worker.loop.thread) or "a place that is not known",
            )

    def _is_awaited(self, call: Call) -> bool:
        with self._engine.lock:
            return self._engine.machine.is_running(*call)

    def _lose(self, worker: LoopWorker, name: str) -> None:
        """The calls that wait for a loop which does not come back have failed."""
        error = LoopHeldError(f"its event loop is held by {name}, which was given up")
        for attempt in worker.attempts():
            finished = given_up(
                self._engine.worker, attempt.call, error, attempt.started, self._engine.clock()
            )
            if self._engine.end_for(finished):
                worker.abandon(attempt.call)
