"""The processes lane: each worker is a process of this machine, with a thread here that feeds it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowkit.engine.executors.base import checked_workers

if TYPE_CHECKING:
    from flowkit.engine.lane import Lane
    from flowkit.engine.processes.crew import ProcessCrew


class ProcessExecutor:
    """Runs tasks in processes of this machine.

    What a task gets and gives is pickled; by cloudpickle, where pickle refuses. A task that exceeds its
    `timeout`, or is cancelled, is ended with its process and all that it has started; one that ends its
    process has failed, and no other.

    Args:
        workers: how many tasks at once; default: the number of processors.

    Raises:
        UsageError: fewer than 1 worker.
    """

    name = "processes"
    is_away = True

    def __init__(self, workers: int | None = None) -> None:
        self.workers = checked_workers(workers, os.cpu_count() or 1)

    def start(self, lane: Lane) -> ProcessCrew:
        """Start the workers, as they are needed."""
        from flowkit.engine.processes.crew import ProcessCrew  # 10 ms that only such runs need

        plan = lane.engine.plan
        return ProcessCrew(lane, self.workers if plan.groups else min(self.workers, max(1, plan.size)))

    def __repr__(self) -> str:
        return f"ProcessExecutor(workers={self.workers})"
