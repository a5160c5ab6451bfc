"""What an executor is: a way to carry out the calls of a lane.

The contract, which tests/engine/test_executor_contract.py holds every executor to:

- one answer for each call, also where the task raises anything at all, exits, or hangs beyond its limit;
- it never raises for the task's sake, and never blocks the engine;
- at most `workers` calls at once;
- a worker that is gone is one failed attempt, and is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flowkit.errors import UsageError

if TYPE_CHECKING:
    from flowkit.engine.lane import Lane
    from flowkit.plan.events import Call


class Crew(Protocol):
    """The workers of one lane in one run.

    Attributes:
        soft: what happens to a task that cannot be stopped, as the end of a sentence; "" where it can be.
    """

    soft: str

    def step(self) -> bool:
        """Carry out what is ready in the engine's own thread; False where there was nothing."""

    def ask(self) -> None:
        """The run was asked to stop: end what can be ended; what is not within the grace time is given up."""

    def abandon(self, call: Call) -> None:
        """Stop a call whose attempt has been given up, and see to it that its slot is free."""

    def stop(self, grace: float) -> list[str]:
        """Let the workers go; the run is over.

        Args:
            grace: seconds to wait for those that have been given up.

        Returns:
            The workers that still run.
        """


class Executor(Protocol):
    """A lane's settings; one object may serve many runs, one after another or at once.

    Attributes:
        is_away: whether its tasks run in other processes, so that values come from there sealed.
    """

    name: str
    is_away: bool

    @property
    def workers(self) -> int:
        """How many calls at once."""

    def start(self, lane: Lane) -> Crew:
        """Begin to carry out the calls of a lane."""


def checked_workers(workers: int | None, default: int) -> int:
    """A number of workers.

    Raises:
        UsageError: it is not a number of 1 or more.
    """
    if workers is None:
        return default
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise UsageError(f"the number of workers must be 1 or more, not `{workers}`")
    return workers
