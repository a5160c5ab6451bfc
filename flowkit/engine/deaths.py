"""Workers of other processes that have died, and what that means for the tasks that they carried out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowkit.plan.events import Call
    from flowkit.plan.plan import Plan

_MOST = 3  # workers that one task may cost


class WorkerDiedError(RuntimeError):
    """The worker that carried out an attempt has ended in the middle of it.

    Attributes:
        is_last: whether the task is given up, whatever its policy says.
    """

    is_last = False


class Deaths:
    """How many workers each task of a run has cost in one lane."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._counts: Counter[tuple[int, int]] = Counter()

    def of(self, call: Call, what: str) -> WorkerDiedError:
        """Count one more, and give what is raised for the attempt. From one thread at a time for each task.

        Args:
            what: who died and how, such as `its worker died (SIGSEGV)`.
        """
        node, index, attempt = call
        self._counts[node, index] += 1
        deaths = self._counts[node, index]
        said = f"{what}, attempt {attempt}/{self._plan.tasks[node].max_retries + 1}"
        if deaths >= _MOST:
            said += f"; `{self._plan.key(node, index)}` has ended {deaths} workers and is given up"
        error = WorkerDiedError(said)
        error.is_last = deaths >= _MOST
        return error
