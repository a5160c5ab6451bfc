"""How many calls go to a worker at once: so many that a message is worth its cost, and nobody waits for them.

What is short travels in batches of about 5 ms, by how long calls of the same function have taken. The first
call of a function goes alone, and so does what the engine attends to: a task with a time limit, a cache,
handlers, limits.

Where nothing else is ready, what follows from short calls goes *ahead*, together with them, so that a chain
of short tasks does not cost a message each. It is given what they return where that goes as it is; who has
returned something else once is not followed any more.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING, Any

from flowkit.flow.task import FunctionTask
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

_AIM = 0.005  # seconds
_AHEAD = 0.001  # seconds of what others might have done meanwhile
_MOST = 256
_NEW = 0.5  # the weight of what has just been measured
_ALONE: tuple[Container[int], int] = ((), 1)


class Batching:
    """See the module; one for a lane.

    Args:
        lane: the number of theirs.
        workers: among whom calls are shared.
    """

    def __init__(self, engine: Engine, lane: int, workers: int) -> None:
        self.workers = workers
        self._lane = lane
        self._lane_of = engine.plan.lane_of
        self._tasks = engine.plan.tasks
        # What holds something while it is out is not out before it begins.
        limits = getattr(engine.machine, "limits", None)
        self._alone = engine.worker.attended.union(limits.kind_of if limits is not None else ())
        self._not_ahead = self._alone.union(engine.plan.arguments, engine.plan.merges)
        self._opaque: set[Any] = set()
        self._seconds: dict[Any, float] = {}

    def like(self, node: int) -> tuple[Container[int], int]:
        """See `Batches`."""
        if node in self._alone:
            return _ALONE
        kind = _kind(self._tasks[node], node)
        seconds = self._seconds.get(kind)
        if seconds is None or seconds * 2 > _AIM:
            return _ALONE
        return _Alike(self._tasks, self._alone, kind), min(_MOST, int(_AIM / max(seconds, 1e-6)))

    def ahead(self, calls: Sequence[Call]) -> Callable[[int], bool] | None:
        """Whether a node may go ahead with these calls, if asked in the order in which they would be carried
        out; None: none may."""
        left = _AHEAD
        for node, index, _ in calls:
            kind = _kind(self._tasks[node], node)
            if index >= 0 or node in self._alone or kind in self._opaque:
                return None
            left -= self._seconds.get(kind, _AHEAD)
        if left <= 0:
            return None
        room = _MOST - len(calls)

        def may(node: int) -> bool:
            nonlocal left, room
            if self._lane_of[node] != self._lane or node in self._not_ahead:
                return False
            kind = _kind(self._tasks[node], node)
            if kind in self._opaque:
                return False
            left -= self._seconds.get(kind, _AHEAD)
            room -= 1
            return left > 0 and room >= 0

        return may

    def follow_no_more(self, node: int) -> None:
        """It has returned something that does not go as it is, or has failed."""
        self._opaque.add(_kind(self._tasks[node], node))

    def learn(self, node: int, seconds: float) -> None:
        """So long a call of this node has taken."""
        kind = _kind(self._tasks[node], node)
        before = self._seconds.get(kind, seconds)
        self._seconds[kind] = before + _NEW * (seconds - before)


class _Alike:
    """The nodes of one function."""

    def __init__(self, tasks: Any, attended: Container[int], kind: Any) -> None:
        self._tasks = tasks
        self._alone = attended
        self._kind = kind

    def __contains__(self, node: object) -> bool:
        assert isinstance(node, int)
        return node not in self._alone and bool(_kind(self._tasks[node], node) == self._kind)


def _kind(task: Any, node: int) -> Any:
    """The function of a task; of one of a class, the node."""
    return id(task.run) if isinstance(task, FunctionTask) else -node - 1
