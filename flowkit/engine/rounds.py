"""What an attempt of a task knows of those before it that were no failures: iterations of a loop, pauses.

Source of the rules: Prefect classic, 12.6 and 12.7.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flowkit.plan.events import Row
from flowkit.plan.status import LOOPED


class Round(NamedTuple):
    """Where a task stands that has looped, or was paused.

    Attributes:
        before: attempts that `task_run_count` leaves out.
        iteration: which one comes next, from 2; 0 where it has not looped.
        result: what the iteration before has given.
        resumed: whether it goes on after a pause.
    """

    before: int = 0
    iteration: int = 0
    result: Any = None
    resumed: bool = False

    def after(self, row: Row) -> Round:
        """Where it stands after an attempt that looped or was paused."""
        attempt, status, detail = row[2], row[3], row[7]
        if status != LOOPED:
            return self._replace(before=self.before + (attempt > 0), resumed=True)
        return Round(attempt, detail.iteration.number + 1, detail.iteration.result)

    @property
    def keys(self) -> dict[str, Any]:
        """What `flowkit.context` has of it."""
        found: dict[str, Any] = {}
        if self.iteration:
            found.update(task_loop_count=self.iteration, task_loop_result=self.result)
        if self.resumed:
            found["resume"] = True
        return found


FIRST = Round()
