"""Ranks: which layer every vertex is drawn on, so that all edges go down and are short in total.

The network simplex of Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs"
(1993). Its cut values are kept as sums over subtrees: a subtree with more edges out than in saves
length by moving down, one with more in than out by moving up, so each pivot touches one subtree
and two paths to the root. Work is bounded: beyond the bound the ranks are still right, only longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_WORK = 4_000_000
Arc = tuple[int, int, int]


def ranks(size: int, arcs: Sequence[Arc]) -> list[int]:
    """Return the rank of every vertex of a connected graph.

    Args:
        size: the vertices are 0 … size - 1.
        arcs: (source, target, least difference of ranks), acyclic.

    Returns:
        ranks from 0 on; for every arc, target's rank - source's rank is at least the least difference.
    """
    rank = longest_paths(size, arcs)
    tree = _TightTree(rank, arcs)
    if tree.grow():
        tree.pivot_while_shorter()
    least = min(rank, default=0)
    return [value - least for value in rank]


def longest_paths(size: int, arcs: Sequence[Arc]) -> list[int]:
    """For every vertex the length of the longest way to it; arguments as of `ranks`."""
    after: list[list[tuple[int, int]]] = [[] for _ in range(size)]
    missing = [0] * size
    for source, target, length in arcs:
        after[source].append((target, length))
        missing[target] += 1
    rank = [0] * size
    order = [vertex for vertex, count in enumerate(missing) if not count]
    for vertex in order:
        for target, length in after[vertex]:
            rank[target] = max(rank[target], rank[vertex] + length)
            missing[target] -= 1
            if not missing[target]:
                order.append(target)
    return rank


class _TightTree:
    """A spanning tree of arcs that have their least length, hung on vertex 0; moves `rank` in place.

    Guarantees: every arc keeps at least its least length, whatever is pivoted, and the total length
    never grows.
    """

    def __init__(self, rank: list[int], arcs: Sequence[Arc]) -> None:
        self.rank, self.arcs = rank, arcs
        self.incident: list[list[int]] = [[] for _ in rank]
        self.balance = [0] * len(rank)
        for number, (source, target, _) in enumerate(arcs):
            self.incident[source].append(number)
            self.incident[target].append(number)
            self.balance[source] += 1
            self.balance[target] -= 1
        self.hook = [-1] * len(rank)
        self.children: list[set[int]] = [set() for _ in rank]
        self.work = 0

    def grow(self) -> bool:
        """Span all vertices, pulling the part that is reached towards the rest; False when too costly."""
        inside = [False] * len(self.rank)
        reached: list[int] = []
        fresh = [0] if self.rank else []
        while fresh:
            reached += self._reach(fresh, inside)
            if len(reached) == len(self.rank) or self.work > _WORK:
                break
            self.work += len(self.arcs) + len(reached)
            fresh = self._pull(reached, inside)
        self._sum_up(reached)
        return len(reached) == len(self.rank)

    def pivot_while_shorter(self) -> None:
        """Exchange tree arcs for others as long as that shortens the edges in total."""
        vertex, idle = 0, 0
        while idle < len(self.rank) and self.work < _WORK:
            idle += 1
            if self.hook[vertex] >= 0 and self._saving(vertex) > 0:
                self._pivot(vertex)
                idle = 0
            vertex = (vertex + 1) % len(self.rank)

    def _slack(self, number: int) -> int:
        source, target, length = self.arcs[number]
        return self.rank[target] - self.rank[source] - length

    def _other(self, number: int, vertex: int) -> int:
        source, target, _ = self.arcs[number]
        return source if vertex == target else target

    def _reach(self, fresh: list[int], inside: list[bool]) -> list[int]:
        for vertex in fresh:
            inside[vertex] = True
        for vertex in fresh:
            for number in self.incident[vertex]:
                other = self._other(number, vertex)
                if not inside[other] and not self._slack(number):
                    self._hang(other, number)
                    inside[other] = True
                    fresh.append(other)
        return fresh

    def _pull(self, reached: list[int], inside: list[bool]) -> list[int]:
        """Move what is reached so far that the nearest arc to the rest becomes tight; return its far end."""
        border = (
            number for number, (source, target, _) in enumerate(self.arcs) if inside[source] != inside[target]
        )
        nearest = min(border, key=self._slack)
        source, target, _ = self.arcs[nearest]
        self._shift(reached, self._slack(nearest) if inside[source] else -self._slack(nearest))
        fresh = target if inside[source] else source
        self._hang(fresh, nearest)
        return [fresh]

    def _hang(self, vertex: int, number: int) -> None:
        self.hook[vertex] = number
        self.children[self._other(number, vertex)].add(vertex)

    def _shift(self, vertices: list[int], by: int) -> None:
        for vertex in vertices:
            self.rank[vertex] += by

    def _sum_up(self, reached: list[int]) -> None:
        for vertex in reversed(reached):
            if self.hook[vertex] >= 0:
                self.balance[self._other(self.hook[vertex], vertex)] += self.balance[vertex]

    def _is_below(self, vertex: int) -> bool:
        """Whether the vertex hangs under its parent in the picture too: is the target of its hook."""
        return self.arcs[self.hook[vertex]][1] == vertex

    def _saving(self, vertex: int) -> int:
        """How much shorter the edges get for each rank by which the subtree leaves its parent."""
        return self.balance[vertex] if self._is_below(vertex) else -self.balance[vertex]

    def _pivot(self, top: int) -> None:
        subtree = self._subtree(top)
        inside = set(subtree)
        self.work += 4 * len(subtree)
        down = self._is_below(top)
        entering = min(self._leaving(subtree, inside, down), key=self._slack)
        slack = self._slack(entering)
        moved = self.balance[top]
        self._add_upwards(self._other(self.hook[top], top), -moved)
        self.children[self._other(self.hook[top], top)].discard(top)
        source, target, _ = self.arcs[entering]
        self._rehang(source if source in inside else target, top, entering)
        self._add_upwards(target if source in inside else source, moved)
        self._shift(subtree, slack if down else -slack)

    def _subtree(self, top: int) -> list[int]:
        found = [top]
        for vertex in found:
            found += self.children[vertex]
        return found

    def _leaving(self, subtree: list[int], inside: set[int], down: bool) -> Iterator[int]:
        """Arcs that stop the subtree as it moves: out of it when it moves down, into it when up."""
        for vertex in subtree:
            for number in self.incident[vertex]:
                source, target, _ = self.arcs[number]
                near, far = (source, target) if down else (target, source)
                if near == vertex and far not in inside:
                    yield number

    def _add_upwards(self, vertex: int, amount: int) -> None:
        while True:
            self.work += 1
            self.balance[vertex] += amount
            if self.hook[vertex] < 0:
                return
            vertex = self._other(self.hook[vertex], vertex)

    def _rehang(self, vertex: int, top: int, number: int) -> None:
        """Hang a cut-off subtree on another arc by one of its vertices; the path to its old top turns."""
        total, passed = self.balance[top], 0
        while True:
            old = self.hook[vertex]
            below, self.balance[vertex] = self.balance[vertex], total - passed
            passed = below
            self._hang(vertex, number)
            if vertex == top:
                return
            parent = self._other(old, vertex)
            self.children[parent].discard(vertex)
            vertex, number = parent, old
