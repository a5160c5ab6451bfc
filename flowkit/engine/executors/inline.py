"""The inline lane: the thread that called `run`, one task at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowkit.engine.context import CURRENT
from flowkit.plan.events import Call, Detail
from flowkit.plan.status import CANCELLED

if TYPE_CHECKING:
    from flowkit.engine.lane import Lane


class LocalExecutor:
    """Runs tasks in the calling thread, one after another.

    A task that exceeds its `timeout` is found out when it returns; Ctrl-C interrupts it.
    """

    name = "inline"
    workers = 1

    def start(self, lane: Lane) -> _InlineCrew:
        """The engine's own thread carries the calls out."""
        return _InlineCrew(lane)

    def __repr__(self) -> str:
        return "LocalExecutor()"


class _InlineCrew:
    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        lane.driven = True

    def step(self) -> bool:
        call = self._lane.take()
        if call is None:
            return False
        interrupts = self._lane.engine.interrupts
        around = CURRENT.get()  # of the task that this run is nested in, or none
        interrupts.in_task = True
        try:
            finished = self._lane.engine.worker.execute(call, "main")
        except KeyboardInterrupt:
            # Between the user's function and the flag: the attempt was interrupted all the same.
            now = self._lane.engine.clock()
            finished = ((*call, CANCELLED, now, now, "main", Detail()), None)
        finally:
            interrupts.in_task = False
            CURRENT.set(around)
        if interrupts.happened and isinstance(finished[1], KeyboardInterrupt):
            row = finished[0]
            finished = ((*row[:3], CANCELLED, *row[4:7], Detail(message="Interrupted.")), None)
        self._lane.give_back(finished)
        return True

    def abandon(self, call: Call) -> str:
        return ""

    def stop(self, grace: float) -> list[str]:
        return []
