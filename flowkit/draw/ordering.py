"""Ordering: the place of every vertex in its layer, so that few edges cross.

Sweeps down and up sort each layer by the weighted median (in a second try, the mean) of its
neighbours, neighbours in a layer change places where that helps, and the best order seen is kept
(Gansner and others, 1993). The work is bounded by the number of edges, and the same graph always
gets the same order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from itertools import product

_SWEEPS = 24
_PATIENCE = 8
_WORK = 16_000

Layers = list[list[int]]
Neighbours = Sequence[Sequence[int]]


def ordered(layers: Layers, above: Neighbours, below: Neighbours) -> Layers:
    """Return the layers with their vertices put in an order of few crossings.

    Args:
        layers: every vertex once, layer by layer.
        above: for every vertex, its neighbours in the layer above.
        below: for every vertex, its neighbours in the layer below.
    """
    edges = sum(map(len, below))
    sweeps = max(2, min(_SWEEPS, _WORK // (edges + 1)))
    best, fewest = layers, -1
    for middle, start in product((_median, _mean), _starts(layers, above, below)):
        found, count = _Ordering(start, above, below, middle).improve(sweeps)
        if fewest < 0 or count < fewest:
            best, fewest = found, count
        if not fewest:
            break
    return best


def count_crossings(upper: Sequence[int], below: Neighbours, place: Sequence[int]) -> int:
    """Return how many edges cross between a layer and the next.

    Args:
        upper: the vertices of the upper layer, in order.
        below: for every vertex, its neighbours in the layer below.
        place: for every vertex, its place in its layer.
    """
    seen: list[int] = []
    count = 0
    for vertex in upper:
        ends = [place[other] for other in below[vertex]]
        for end in ends:
            count += len(seen) - bisect_right(seen, end)
        for end in ends:
            insort(seen, end)
    return count


def _starts(layers: Layers, above: Neighbours, below: Neighbours) -> list[Layers]:
    down = _searched(layers, below, [vertex for layer in layers for vertex in layer])
    up = _searched(layers, above, [vertex for layer in reversed(layers) for vertex in layer])
    return [down, up]


def _searched(layers: Layers, onward: Neighbours, roots: list[int]) -> Layers:
    """Order each layer as a depth-first search meets its vertices: trees come out without a crossing."""
    layer_of = {vertex: number for number, layer in enumerate(layers) for vertex in layer}
    found: Layers = [[] for _ in layers]
    seen: set[int] = set()
    for root in roots:
        waiting = [root]
        while waiting:
            vertex = waiting.pop()
            if vertex not in seen:
                seen.add(vertex)
                found[layer_of[vertex]].append(vertex)
                waiting += reversed(onward[vertex])
    return found


class _Ordering:
    """Layers under change, with every vertex's place kept in step."""

    def __init__(
        self, layers: Layers, above: Neighbours, below: Neighbours, middle: Callable[[list[int]], float]
    ) -> None:
        self.layers = [list(layer) for layer in layers]
        self.above, self.below, self.middle = above, below, middle
        self.place = [0] * len(above)
        for layer in self.layers:
            self._renumber(layer)

    def improve(self, sweeps: int) -> tuple[Layers, int]:
        """Sweep until nothing gets better for a while; return the best order and its crossings."""
        self._transpose(swap_ties=False)
        best, fewest, idle = [list(layer) for layer in self.layers], self._crossings(), 0
        for sweep in range(sweeps):
            if not fewest or idle >= _PATIENCE:
                break
            self._sweep(down=sweep % 2 == 0, swap_ties=sweep % 4 >= 2)
            self._transpose(swap_ties=sweep % 4 < 2)
            count, idle = self._crossings(), idle + 1
            if count < fewest:
                best, fewest, idle = [list(layer) for layer in self.layers], count, 0
        return best, fewest

    def _renumber(self, layer: list[int]) -> None:
        for number, vertex in enumerate(layer):
            self.place[vertex] = number

    def _crossings(self) -> int:
        return sum(count_crossings(layer, self.below, self.place) for layer in self.layers[:-1])

    def _sweep(self, *, down: bool, swap_ties: bool) -> None:
        towards = self.above if down else self.below
        for layer in self.layers if down else reversed(self.layers):
            self._sort(layer, towards, swap_ties)

    def _sort(self, layer: list[int], towards: Neighbours, swap_ties: bool) -> None:
        """Sort by the middle of the neighbours; a vertex without any on that side keeps its place."""
        sign = -1 if swap_ties else 1
        keys = {
            vertex: (self.middle(self._ends(vertex, towards)), sign * number)
            for number, vertex in enumerate(layer)
            if towards[vertex]
        }
        movable = iter(sorted(keys, key=keys.__getitem__))
        layer[:] = [next(movable) if vertex in keys else vertex for vertex in layer]
        self._renumber(layer)

    def _ends(self, vertex: int, towards: Neighbours) -> list[int]:
        place = self.place
        ends = [place[other] for other in towards[vertex]]
        if len(ends) > 1:
            ends.sort()
        return ends

    def _transpose(self, *, swap_ties: bool) -> None:
        dirty = set(range(len(self.layers)))
        for _ in range(_PATIENCE):
            changed = {at for at in sorted(dirty) if self._transpose_layer(self.layers[at], swap_ties)}
            near = {other for at in changed for other in (at - 1, at, at + 1)}
            dirty = near & set(range(len(self.layers)))
            if not changed:
                return

    def _transpose_layer(self, layer: list[int], swap_ties: bool) -> bool:
        """Swap neighbours in the layer where that removes crossings; return whether it did.

        Swapping those that make no difference leads off plateaus, but is no reason to try again.
        """
        ends = {vertex: (self._ends(vertex, self.above), self._ends(vertex, self.below)) for vertex in layer}
        fewer = False
        for number in range(len(layer) - 1):
            left, right = layer[number], layer[number + 1]
            (up, down), (other_up, other_down) = ends[left], ends[right]
            saved = _inversions(up, other_up) if up and other_up else 0
            if down and other_down:
                saved += _inversions(down, other_down)
            if saved > 0 or (swap_ties and not saved):
                layer[number], layer[number + 1] = right, left
                fewer |= saved > 0
        self._renumber(layer)
        return fewer


def _mean(ends: list[int]) -> float:
    return sum(ends) / len(ends)


def _median(ends: list[int]) -> float:
    """The weighted median: between the middle two, nearer to the side where the ends lie closer."""
    middle = len(ends) // 2
    if len(ends) % 2:
        return ends[middle]
    if len(ends) == 2:
        return sum(ends) / 2
    left, right = ends[middle - 1] - ends[0], ends[-1] - ends[middle]
    if not left + right:
        return sum(ends[middle - 1 : middle + 1]) / 2
    return (ends[middle - 1] * right + ends[middle] * left) / (left + right)


def _inversions(left: list[int], right: list[int]) -> int:
    """Crossings with `left` first minus crossings with `right` first; both sorted, neither empty."""
    if left[-1] < right[0]:
        return -len(left) * len(right)
    if right[-1] < left[0]:
        return len(left) * len(right)
    if len(left) > len(right):
        return -_inversions(right, left)
    found, size = 0, len(right)
    for end in left:
        found += bisect_left(right, end) + bisect_right(right, end) - size
    return found
