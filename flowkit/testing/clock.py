"""A clock for tests: it stands still while tasks work, and what a run waits for comes at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from flowkit.engine.context import CURRENT
from flowkit.engine.interrupts import OverdueError
from flowkit.plan.waiting import LIMIT

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine
    from flowkit.engine.lane import Bell
    from flowkit.plan.events import Call

_LOOK = 0.005  # real seconds after which it is looked whether all that run only sleep


class _Sleeper(NamedTuple):
    """Who sleeps by this clock: a call of the run, until then."""

    call: Call
    until: float
    wake: Callable[[], object]


class FakeClock:
    """The time of a run in a test.

    It stands still while a task works. Where a run would only wait, for a retry, for the end of a pause, or
    for a task that sleeps by `sleep`, the clock is put forward to that moment at once. A task that really
    hangs is given the real seconds of its `timeout`.

    Args:
        start: when it is, aware; default: now.

    Guarantees: it never goes back; the same run of the same tasks takes the same time.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime.now(UTC)
        self._base = self._seconds = time.monotonic()
        self._lock = threading.RLock()
        self._sleepers: list[_Sleeper] = []
        self._engine: Engine | None = None

    def __call__(self) -> float:
        """Seconds, as a run counts them."""
        return self._seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the clock was made."""
        return round(self._seconds - self._base, 6)

    @property
    def now(self) -> datetime:
        """What time it is, aware."""
        return self._start + timedelta(seconds=self.elapsed)

    def sleep(self, seconds: float | timedelta) -> None:
        """Let so much time pass: in a task for this task, else for all. It does not take any.

        A task that exceeds its `timeout` meanwhile goes no further than this.
        """
        until = self._seconds + _in_seconds(seconds)
        call = self._call()
        if call is None:
            self._forward(until)
        elif self._is_driver(call):
            limit = self._limit_of(call)
            self._forward(min(until, limit))
            if limit <= until:
                raise OverdueError  # as an alarm does
        else:
            awake = threading.Event()
            self._lie_down(call, until, awake.set)
            awake.wait()
            if self._seconds < until:
                raise OverdueError

    async def asleep(self, seconds: float | timedelta) -> None:
        """As `sleep`, for a task that is a coroutine."""
        until = self._seconds + _in_seconds(seconds)
        call = self._call()
        if call is None:
            self._forward(until)
            return
        loop, awake = asyncio.get_running_loop(), asyncio.Event()
        sleeper = self._lie_down(call, until, lambda: loop.call_soon_threadsafe(awake.set))
        try:
            await awake.wait()
        finally:
            self._get_up(sleeper)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a `FakeClock` works in its own process; let tasks that use it run in another lane")

    def __repr__(self) -> str:
        return f"<FakeClock: {self.now.isoformat()}>"

    # -- called by the engine -----------------------------------------------------------------

    @contextmanager
    def driving(self, engine: Engine) -> Iterator[None]:
        """Be the clock of this run in the block; who still sleeps at its end goes no further."""
        self._engine = engine
        engine.started_at = self.now
        try:
            yield
        finally:
            self._engine = None
            with self._lock:
                asleep, self._sleepers = self._sleepers, []
            for each in asleep:
                each.wake()

    def rest(self, bell: Bell, seconds: float | None) -> None:
        """Wait for the bell, or put the clock forward where nothing else would happen.

        Args:
            seconds: of this clock, after which there is something to do; None: never.
        """
        due = float("inf") if seconds is None else self._seconds + seconds
        given_up = float("inf") if seconds is None else time.monotonic() + seconds
        is_rung = bell.wait(0.0)
        while not is_rung:
            if self._only_sleep():
                self._forward(min([due, *(each.until for each in self._sleepers)]))
                return
            if time.monotonic() >= given_up:  # a task really took as long
                self._forward(due)
                return
            is_rung = bell.wait(_LOOK)

    # -- inside -------------------------------------------------------------------------------

    def _only_sleep(self) -> bool:
        """Whether all calls that are out sleep by this clock; those that were given up are woken."""
        engine = self._engine
        assert engine is not None
        with engine.lock, self._lock:
            machine = engine.machine
            gone = [each for each in self._sleepers if not machine.is_running(*each.call)]
            idle = machine.running == len(
                {each.call for each in self._sleepers} - {each.call for each in gone}
            )
            waits = machine.next_deadline is not None or len(self._sleepers) > len(gone)
            ready = any(machine.ready(lane.number) for lane in engine.lanes)
        for each in gone:
            self._get_up(each)
            each.wake()
        return idle and waits and not ready and not engine.machine.over

    def _forward(self, to: float) -> None:
        """Put the clock forward, and wake who has slept until then."""
        with self._lock:
            self._seconds = max(self._seconds, to) if to < float("inf") else self._seconds
            awake = [each for each in self._sleepers if each.until <= self._seconds]
            self._sleepers = [each for each in self._sleepers if each.until > self._seconds]
        for each in awake:
            each.wake()

    def _call(self) -> Call | None:
        """The call of the run of this clock that is carried out here; None: it is asked from outside.

        Raises:
            OverdueError: the run is over, and has left this thread behind.
        """
        current = CURRENT.get()
        if current is None or current[0] is self._engine:
            return None if current is None else current[1]
        if current[0].machine.over:
            raise OverdueError
        return None

    def _lie_down(self, call: Call, until: float, wake: Callable[[], object]) -> _Sleeper:
        """One that would sleep as long as its time limit does not wake by itself: its attempt ends first."""
        sleeper = _Sleeper(call, until if until < self._limit_of(call) else float("inf"), wake)
        with self._lock:
            self._sleepers.append(sleeper)
        return sleeper

    def _get_up(self, sleeper: _Sleeper) -> None:
        with self._lock:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def _is_driver(self, call: Call) -> bool:
        """Whether this is the very thread that puts the clock forward, in an inline task."""
        engine = self._engine
        return engine is not None and engine.lanes[engine.plan.lane_of[call[0]]].driven

    def _limit_of(self, call: Call) -> float:
        """When the time of a call is over."""
        engine = self._engine
        if engine is None:
            return float("inf")
        with engine.lock:
            deadlines = list(engine.machine.deadlines)
        limits = [at for at, kind, *limited in deadlines if kind == LIMIT and tuple(limited) == call]
        return min(limits, default=float("inf"))


def _in_seconds(given: float | timedelta) -> float:
    seconds = given.total_seconds() if isinstance(given, timedelta) else float(given)
    return max(0.0, seconds)
