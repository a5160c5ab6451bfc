"""How many calls go to a worker at once: so many that a message is worth its cost, and nobody waits for them.

What is short travels in batches of about 5 ms, by how long calls of the same function have taken. The first
call of a function goes alone, and so does what the engine attends to: a task with a time limit, a cache,
handlers, limits.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any

from flowkit.flow.task import FunctionTask

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

_AIM = 0.005  # seconds
_MOST = 256
_NEW = 0.5  # the weight of what has just been measured
_ALONE: tuple[Container[int], int] = ((), 1)


class Batching:
    """See the module; one for a lane.

    Args:
        workers: among whom calls are shared.
    """

    def __init__(self, engine: Engine, workers: int) -> None:
        self.workers = workers
        self._tasks = engine.plan.tasks
        # What holds something while it is out is not out before it begins.
        limits = getattr(engine.machine, "limits", None)
        self._alone = engine.worker.attended.union(limits.kind_of if limits is not None else ())
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
