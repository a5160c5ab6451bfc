"""Limits as small integers: what there is of each thing that calls share, and how much each of them takes.

What is shared is a *pool*: a limit by its name, the processors, the memory. A call that takes from several
must have all of them at once. Pools are in the order in which they are asked for, which all runs have alike:
those of the run itself, then those of the machine by name; so no two runs wait for each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from flowkit.flow.task import Task
from flowkit.plan.plan import Plan

CPUS, MEMORY = "processors", "memory"
_PARTS = 1000  # of a processor
_STEPS = 4  # bits that tell one amount of memory from the next; so few different ones are compared

Wants = tuple[tuple[int, int], ...]  # pairs of a pool and an amount


class Limit(NamedTuple):
    """How many calls may have a tag, or name it, at once: in a run, or among all runs of the machine."""

    slots: int
    outside: bool = False


class Pool(NamedTuple):
    """What calls share.

    Attributes:
        name: of the limit; CPUS, MEMORY.
        size: how much of it this run may have.
        outside: how many slots all runs of the machine have together; 0: other runs do not count.
        is_limit: whether it is one that has a name.
    """

    name: str
    size: int
    outside: int = 0
    is_limit: bool = True

    @property
    def said(self) -> str:
        """The name as it is shown."""
        return f"`{self.name}`" if self.is_limit else self.name


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a plan.

    Attributes:
        pools: what is shared.
        kinds: the different wants that there are.
        kind_of: for the nodes that are limited, the number of their kind.
        alone: for the nodes that want more than there is, in words; such a call waits for all of it.
    """

    pools: tuple[Pool, ...]
    kinds: tuple[Wants, ...]
    kind_of: Mapping[int, int]
    alone: Mapping[int, str]


def limits_of(plan: Plan, declared: Mapping[str, Limit], cpus: float, memory: int) -> Limits | None:
    """The limits that hold for a plan; None where there are none.

    Where several sources say how many calls may name a limit at once, the smallest number counts.

    Args:
        declared: by the settings: for tasks that have the tag, or name the limit.
        cpus, memory: what the machine has, in processors and bytes.
    """
    known = declared.keys()
    tagged = (
        [node for node, task in enumerate(plan.tasks) if task.tags and known & task.tags] if known else []
    )
    names = {node: found for node in (*plan.demanding, *tagged) if (found := _names(plan, node, declared))}
    packed = [node for node in plan.demanding if _is_packed(plan.tasks[node])]
    if not names and not packed:
        return None
    pools = [
        Pool(CPUS, max(1, round(cpus * _PARTS)), is_limit=False),
        Pool(MEMORY, memory, is_limit=False),
        *sorted(_pools(plan, names, declared), key=lambda pool: (bool(pool.outside), pool.name)),
    ]
    numbers = {pool.name: number for number, pool in enumerate(pools) if pool.is_limit}
    kinds: dict[Wants, int] = {}
    kind_of, alone = {}, {}
    for node in sorted({*names, *packed}):
        task = plan.tasks[node]
        own = [(number, 1) for number in sorted(numbers[name] for name in names.get(node, ()))]
        wants = (*_packing(task, pools), *own)
        kind_of[node] = kinds.setdefault(wants, len(kinds))
        if too_much := _too_much(task, cpus, memory):
            alone[node] = too_much
    return Limits(tuple(pools), tuple(kinds), kind_of, alone)


def _names(plan: Plan, node: int, declared: Mapping[str, Limit]) -> frozenset[str]:
    """The limits that hold for a node; by its tags, for none that only carries values about."""
    task = plan.tasks[node]
    tags = frozenset() if plan.hidden(node) else declared.keys() & task.tags
    return frozenset(name for name, _ in task.demands.limits) | tags


def _pools(plan: Plan, names: Mapping[int, frozenset[str]], declared: Mapping[str, Limit]) -> Iterator[Pool]:
    said: dict[str, int] = {}
    for node in names:
        for name, most in plan.tasks[node].demands.limits:
            said[name] = min(most, said.get(name, most))
    for name in {name for some in names.values() for name in some}:
        limit = declared.get(name)
        if limit is None:
            yield Pool(name, said[name])
        else:
            size = min(limit.slots, said.get(name, limit.slots))
            yield Pool(name, size, limit.slots if limit.outside else 0)


def _is_packed(task: Task) -> bool:
    return task.demands.cpus is not None or task.demands.memory is not None


def _packing(task: Task, pools: list[Pool]) -> Iterator[tuple[int, int]]:
    cpus, memory = task.demands.cpus, task.demands.memory
    if cpus is not None:
        yield 0, min(pools[0].size, max(1, math.ceil(cpus * _PARTS)))
    if memory is not None:
        step = 1 << max(0, memory.bit_length() - 1 - _STEPS)
        yield 1, min(pools[1].size, -(-memory // step) * step)


def _too_much(task: Task, cpus: float, memory: int) -> str:
    wanted, taken = task.demands.cpus, task.demands.memory
    if wanted is not None and wanted > cpus:
        return f"{wanted:g} processors, and there are {cpus:g}"
    if taken is not None and taken > memory:
        return f"{taken / (1 << 30):.1f} GiB of memory, and there are {memory / (1 << 30):.1f} GiB"
    return ""
