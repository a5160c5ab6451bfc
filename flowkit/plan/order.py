"""The order in which one worker would carry a plan out, and the one in which people are shown tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

from flowkit.plan.plan import Plan


def order_of(plan: Plan) -> list[int]:
    """The nodes, each after those that it waits for; those that nothing is waited for by their priority."""
    waits = list(plan.waits)
    successors, paired = plan.successors, plan.paired
    ready = [node for node, count in enumerate(waits) if not count]
    for node in ready:  # grows as it is walked
        for follower in (*successors[node], *paired[node]) if node in paired else successors[node]:
            waits[follower] -= 1
            if not waits[follower]:
                ready.append(follower)
    return ready


def shown_order(upstreams: Sequence[Iterable[int]]) -> list[int]:
    """The nodes, each after those that it needs, otherwise by their numbers: of a chain of mapped tasks
    the later link has the lower one.

    Args:
        upstreams: of each node. What is in a circle, or not there, counts for nothing.
    """
    size = len(upstreams)
    waits = [0] * size
    followers: list[list[int]] = [[] for _ in range(size)]
    for node, some in enumerate(upstreams):
        for upstream in some:
            if 0 <= upstream < size:
                followers[upstream].append(node)
                waits[node] += 1
    ready = [node for node, count in enumerate(waits) if not count]
    heapify(ready)
    found = []
    while ready:
        node = heappop(ready)
        found.append(node)
        for follower in followers[node]:
            waits[follower] -= 1
            if not waits[follower]:
                heappush(ready, follower)
    return found if len(found) == size else [*found, *sorted(set(range(size)).difference(found))]
