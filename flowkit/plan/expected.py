"""What the nodes of a plan should take, as columns: by how long they took in earlier runs."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from operator import attrgetter

from flowkit.plan.durations import Durations
from flowkit.plan.limits import Limits
from flowkit.plan.order import order_of
from flowkit.plan.plan import Plan

Shares = tuple[tuple[int, float], ...]  # pairs of a pool, and the part of it that a call takes


class Expected:
    """What is expected of each node of a plan.

    Args:
        durations: of earlier runs; None: nothing is known.
        workers: how many calls each lane carries out at once, in the order of the lanes.
        limits: what calls share besides.

    Attributes:
        own: seconds of a call; of a mapped node, of a child on average. Where that is not known, of the
            median task, or 0.
        after: seconds of the longest way from the end of each node to an end of the plan.
        known: 1 for the nodes of which something is known. Those are that only carry values about, and those
            behind a gate that no run has made: they are expected to be skipped again.
        widths: how many children a mapped node had.
        uneven: mapped nodes whose longest children go first.
        whole: of mapped nodes, seconds from the first start to the last end.
        by_way: the nodes, that with the longest way from its start to an end first.
        guess: seconds of the median task; None where nothing is known.
        kind_of, shares: for each node the number of its kind, and what a call of each kind takes of which
            pool: a lane is a pool of which it takes one in so many workers.
        pools: how many pools there are.
    """

    def __init__(
        self, plan: Plan, durations: Durations | None, workers: Sequence[int], limits: Limits | None = None
    ) -> None:
        self.widths: dict[int, int] = {}
        self.uneven: set[int] = set()
        self.whole: dict[int, float] = {}
        self.guess: float | None = None
        self._know(plan, durations, workers)
        self._kinds(plan, workers, limits)
        self.after = self._ways(plan)
        ways = [self._length(node) + after for node, after in enumerate(self.after)]
        self.by_way = array("l", sorted(range(plan.size), key=ways.__getitem__, reverse=True))

    def way(self, node: int) -> float:
        """Seconds of the longest way from the start of a node to an end."""
        return self._length(node) + self.after[node]

    def _know(self, plan: Plan, durations: Durations | None, workers: Sequence[int]) -> None:
        self.known = bytearray(map(attrgetter("is_carrier"), plan.tasks))
        self.own = array("d", bytes(8 * plan.size))
        seconds = durations.tasks if durations is not None else {}
        mapped = durations.mapped if durations is not None else {}
        seen = []
        for node, key in enumerate(plan.keys):
            children = mapped.get(key) if node in plan.groups else None
            found = seconds.get(key) if children is None else children.mean
            if found is None or (node in plan.groups) != (children is not None):
                continue
            self.own[node] = found
            if not self.known[node]:
                self.known[node] = 1
                seen.append(found)
            if children is not None:
                slots = workers[plan.lane_of[node]]
                self.widths[node] = children.width
                self.whole[node] = max(children.longest, children.mean * children.width / slots)
                if children.first:
                    self.uneven.add(node)
        if seen:
            self.guess = sorted(seen)[len(seen) // 2]
            for node in plan.gates:
                self.known[node] = 1
            for node, known in enumerate(self.known):
                if not known:
                    self.own[node] = self.guess

    def _kinds(self, plan: Plan, workers: Sequence[int], limits: Limits | None) -> None:
        self.pools = len(workers) + (len(limits.pools) if limits is not None else 0)
        kinds: dict[Shares, int] = {((lane, 1 / most),): lane for lane, most in enumerate(workers)}
        self.kind_of: Sequence[int] = plan.lane_of
        if limits is not None:
            of_nodes = array("l", list(plan.lane_of))  # bytes would be taken as its memory
            for node, kind in limits.kind_of.items():
                lane = plan.lane_of[node]
                shares = [(lane, 1 / workers[lane])]
                for pool, amount in limits.kinds[kind]:
                    shares.append((len(workers) + pool, amount / limits.pools[pool].size))
                of_nodes[node] = kinds.setdefault(tuple(shares), len(kinds))
            self.kind_of = of_nodes
        self.shares: list[Shares] = list(kinds)

    def _ways(self, plan: Plan) -> array[float]:
        after = array("d", bytes(8 * plan.size))
        for node in reversed(order_of(plan)):
            way = 0.0
            for follower in plan.successors[node]:
                way = max(way, self._length(follower) + after[follower])
            for follower in plan.paired.get(node, ()):
                way = max(way, self._length(follower) + after[follower])
            after[node] = way
        return after

    def _length(self, node: int) -> float:
        return self.whole[node] if node in self.whole else self.own[node]
