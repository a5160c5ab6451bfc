"""The critical path of a run, as it went: from its last end back through what each task had waited for.

Source of the rule: in a schedule the chain of tasks, each of which ends last among what the next one needs,
is what has kept the run from ending earlier (Hollingsworth 1998, "critical path profiling").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flowkit.plan.outline import Outline, ids_of
from flowkit.plan.plan import CHILD
from flowkit.why.report.tasks import Mark, Task

_LATE = 1e-3  # seconds by which a task may seem to end after one that waited for it has begun
_MOST = 10_000

Stretches = Sequence[tuple[float, float]]  # of the axis


@dataclass(frozen=True, kw_only=True)
class Step:
    """A task on the path. Seconds.

    Attributes:
        waited: from the end of the step before until it began, without `starting` and `earlier`: for a free
            worker, or a limit.
        starting: of that time what flowkit took until a session had begun its first task.
        earlier: of that time what went into attempts of earlier sessions.
        took: from its first start to its last end, with the waits between its attempts.
        paused: those waits.
    """

    task: Task
    waited: float
    took: float
    paused: float
    starting: float = 0.0
    earlier: float = 0.0


def critical_path(outline: Outline, tasks: Mapping[Mark, Task], starts: Stretches = ()) -> list[Step]:
    """The steps in order; none where nothing ran.

    Args:
        starts: from when until when each session had not yet begun a task.
    """
    ends = _last_ends(tasks)
    last = max(ends.values(), key=lambda task: task.ended or 0.0, default=None)
    if last is None:
        return []
    before = _Before(outline, tasks, ends)
    chain = [last]
    while len(chain) < _MOST:
        began = chain[-1].began or 0.0
        known = [task for task in before.of(chain[-1]) if (task.ended or 0.0) <= began + _LATE]
        if not known:
            break
        chain.append(max(known, key=lambda task: task.ended or 0.0))
    chain.reverse()
    steps, moment = [], 0.0
    for task in chain:
        steps.append(_step(task, moment, starts))
        moment = task.ended or 0.0
    return steps


def _step(task: Task, moment: float, starts: Stretches) -> Step:
    """A task that might have begun at a moment."""
    began, ended = task.began or 0.0, task.ended or 0.0
    starting, earlier = _within(starts, moment, began), _within(task.earlier, moment, began)
    return Step(
        task=task,
        waited=max(0.0, began - moment - starting - earlier),
        took=ended - began,
        paused=task.waited,
        starting=starting,
        earlier=earlier,
    )


def _within(stretches: Stretches, begin: float, end: float) -> float:
    """Seconds of stretches, which do not overlap, that lie between two moments."""
    return sum(max(0.0, min(end, last) - max(begin, first)) for first, last in stretches)


def _last_ends(tasks: Mapping[Mark, Task]) -> dict[int, Task]:
    """For each task that ran itself, or the child of it that ended last."""
    found: dict[int, Task] = {}
    for (node, _), task in tasks.items():
        if task.ended is None or task.children is not None:
            continue
        if node not in found or task.ended > (found[node].ended or 0.0):
            found[node] = task
    return found


class _Before:
    """What tasks had waited for."""

    def __init__(self, outline: Outline, tasks: Mapping[Mark, Task], ends: Mapping[int, Task]) -> None:
        self._outline = outline
        self._tasks = tasks
        self._ends = ends
        self._numbers = ids_of(outline) if outline else ()
        self._places = {number: node for node, number in enumerate(self._numbers)}

    def of(self, task: Task) -> Iterator[Task]:
        """The tasks that a task needs and that ran, through those that only carry values."""
        todo = [self._places.get(task.node, -1)]
        seen: set[int] = set()
        child = task.child
        while todo:
            node = todo.pop()
            if node < 0 or node in seen or len(seen) > _MOST:
                continue
            seen.add(node)
            paired = {source for _, source, mode in self._outline["arguments"].get(node, ()) if mode == CHILD}
            for source in self._sources(node):
                number = self._numbers[source]
                found = self._tasks.get((number, child)) if source in paired and child >= 0 else None
                found = found if found is not None and found.ended is not None else self._ends.get(number)
                if found is not None:
                    yield found
                else:
                    todo.append(source)

    def _sources(self, node: int) -> list[int]:
        gates = self._outline["gates"].get(node, ())
        return [*self._outline["upstreams"][node], *(gate[0] for gate in gates)]
