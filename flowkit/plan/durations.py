"""How long the tasks of a flow took in earlier runs."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Children(NamedTuple):
    """Those of a mapped task.

    Attributes:
        mean, longest: seconds of a child.
        first: the numbers of those that took longest, the longest first; the others are in any order.
        width: how many there were; 0: that is not known.
    """

    mean: float
    longest: float
    first: tuple[int, ...] = ()
    width: int = 0


@dataclass(frozen=True, slots=True)
class Durations:
    """What is known, by the keys of tasks.

    Attributes:
        tasks: seconds of those that are not mapped.
        mapped: those that are.
        order: all keys of the latest run of the whole flow, in the order of their priority in it.
    """

    tasks: Mapping[str, float]
    mapped: Mapping[str, Children]
    order: Sequence[str] = ()


@dataclass(slots=True)
class TaskRecord:
    """How a task went in the latest run that tells.

    Attributes:
        run: the number of the run in which it, or its children, were made; 0: in none that is known.
        seconds: of a task that is not mapped, its iterations all told; None where it was never made.
        width: of a mapped task, how many children it had; -1 where it never expanded.
        children: seconds of those, by number; NaN where one was never made.
        skipped: which asked to be skipped: -1 for the task, the numbers of children.
        idle: which were skipped without an attempt; `shut`: of those, which for a gate.
        again: seconds of the attempts that were followed by another, and of what was waited until that, in
            order; by child, -1 for the task.
        is_settled: whether its end is known: what older runs say of that counts no more.
    """

    run: int = 0
    seconds: float | None = None
    width: int = -1
    children: array[float] = field(default_factory=lambda: array("d"))
    skipped: set[int] = field(default_factory=set)
    idle: set[int] = field(default_factory=set)
    shut: set[int] = field(default_factory=set)
    again: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    is_settled: bool = False

    @property
    def is_known(self) -> bool:
        """Whether it is known how long it takes, or that it takes no time."""
        return bool(self.run) or -1 in self.idle


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What the latest runs of a flow tell of its tasks, one by one.

    Attributes:
        tasks: by their keys.
        runs: the names of the runs that tell something, by their numbers.
        hand_over: seconds between two calls of a worker that had something to do.
        around: seconds of a run before its first call, and after its last.
        retried: attempts that were followed by another, and `lost`, the seconds that they took.
    """

    tasks: Mapping[str, TaskRecord]
    runs: Mapping[int, str]
    hand_over: float = 0.0
    around: float = 0.0
    retried: int = 0
    lost: float = 0.0
