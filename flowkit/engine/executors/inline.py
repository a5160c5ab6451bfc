"""The inline lane: the thread that called `run`, one task at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowkit.engine.context import CURRENT
from flowkit.engine.interrupts import OverdueError
from flowkit.plan.events import Call, Detail
from flowkit.plan.status import CANCELLED

if TYPE_CHECKING:
    from flowkit.engine.lane import Lane
    from flowkit.engine.worker import Finished


class LocalExecutor:
    """Runs tasks in the calling thread, one after another.

    In the main thread a task is interrupted by its `timeout`, the run's, and Ctrl-C; in another thread
    that it took too long is found out when it returns.
    """

    name = "inline"
    workers = 1
    is_away = False

    def start(self, lane: Lane) -> _InlineCrew:
        """The engine's own thread carries the calls out."""
        return _InlineCrew(lane)

    def __repr__(self) -> str:
        return "LocalExecutor()"


class _InlineCrew:
    soft = ""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        lane.driven = True

    def step(self) -> bool:
        call = self._lane.turn(None)
        if call is None:
            return False
        while call is not None:
            finished = self._carried_out(call)
            self._lane.engine.attend()  # where its time was over it has ended by that, however it returned
            call = self._lane.turn(finished)
        return True

    def _carried_out(self, call: Call) -> Finished:
        engine = self._lane.engine
        around = CURRENT.get()  # of the task that this run is nested in, or none
        try:
            engine.interrupts.enter_task(engine.time_left(call))
            finished = engine.worker.execute(call, "main")
        except (KeyboardInterrupt, OverdueError):  # it came after the user's function had returned
            return self._cut_short(call)
        finally:
            engine.interrupts.leave_task()
            CURRENT.set(around)
        error = finished[1]
        interrupted = isinstance(error, KeyboardInterrupt) and engine.interrupts.happened is not None
        return self._cut_short(call) if interrupted or isinstance(error, OverdueError) else finished

    def _cut_short(self, call: Call) -> Finished:
        now = self._lane.engine.clock()
        return (*call, CANCELLED, now, now, "main", Detail(message="Interrupted.")), None, None

    def ask(self) -> None:
        """Its task is interrupted by the signal, or by the time limit, itself."""

    def abandon(self, call: Call) -> None:
        """Its thread is this one: the call has returned, or will."""

    def stop(self, grace: float) -> list[str]:
        return []
