"""The coroutines lane: `async def` tasks in turns on one event loop, thousands of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowkit.engine.executors.base import Crew, checked_workers
from flowkit.engine.executors.threads import ThreadExecutor
from flowkit.plan.plan import COROUTINES

if TYPE_CHECKING:
    from flowkit.engine.lane import Lane

_MOST_THREADS = 32  # as many as `asyncio.to_thread` has at most


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

    def __init__(self, workers: int | None = None) -> None:
        self.workers = checked_workers(workers, 10_000)

    @property
    def beside(self) -> ThreadExecutor:
        """Where tasks run that were asked here and are no coroutines."""
        return ThreadExecutor(min(self.workers, _MOST_THREADS))

    def start(self, lane: Lane) -> Crew:
        """Start the loop."""
        from flowkit.engine.executors.coroutine_crew import CoroutineCrew  # asyncio takes 15 ms

        return CoroutineCrew(lane, self.workers)

    def __repr__(self) -> str:
        return f"CoroutineExecutor(workers={self.workers})"
