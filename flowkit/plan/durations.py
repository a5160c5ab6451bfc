"""How long the tasks of a flow took in earlier runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
