"""Placement: where across its layer every vertex stands, so that long edges and chains run straight.

The method of Brandes and Köpf, "Fast and simple horizontal coordinate assignment" (2001): align
each vertex with the median of its neighbours in four ways (up or down, left or right first), pack
each as tightly as it goes, and take the middle. Packing is a longest path over the aligned blocks,
which is free of the flaw that the authors' erratum of 2020 mends. All numbers are whole cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

Layers = Sequence[Sequence[int]]
Neighbours = Sequence[Sequence[int]]
Distance = Callable[[int, int], int]


def placed(
    layers: Layers,
    above: Neighbours,
    below: Neighbours,
    bends: Sequence[bool],
    light: Sequence[bool],
    distance: Distance,
) -> list[int]:
    """Return the x of every vertex's centre.

    Args:
        layers: every vertex once, in order.
        above: for every vertex, its neighbours in the layer above.
        below: for every vertex, its neighbours in the layer below.
        bends: for every vertex, whether it is a bend of a long edge; edges between bends stay straight.
        light: for every vertex, whether it bends the way of no other one.
        distance: the least distance between the centres of two neighbours in a layer, left one first.
    """
    place = [0] * len(above)
    for layer in layers:
        for number, vertex in enumerate(layer):
            place[vertex] = number
    above = [sorted(ends, key=place.__getitem__) for ends in above]
    below = [sorted(ends, key=place.__getitem__) for ends in below]
    refused = _conflicts(layers, above, bends, place)
    upward = _Aligner(layers, _without(light, above), place, refused)
    downward = _Aligner(layers[::-1], _without(light, below), place, refused)
    columns = [
        _packed(layers, aligner.roots(from_right), distance, from_right)
        for aligner in (upward, downward)
        for from_right in (False, True)
    ]
    return _balanced(columns, layers, distance)


def _without(light: Sequence[bool], towards: Neighbours) -> Neighbours:
    """Leave out what is light where there are other neighbours too."""
    return [[end for end in ends if not light[end]] or ends for ends in towards]


def _conflicts(
    layers: Layers, above: Neighbours, bends: Sequence[bool], place: list[int]
) -> set[tuple[int, int]]:
    """Edges that may not be straight because they cross the straight part of a long edge."""
    refused: set[tuple[int, int]] = set()
    for upper, lower in pairwise(layers):
        scanned, low = 0, 0
        for number, vertex in enumerate(lower):
            inner = bends[vertex] and bends[above[vertex][0]]
            if not inner and number < len(lower) - 1:
                continue
            high = place[above[vertex][0]] if inner else len(upper)
            for other in lower[scanned : number + 1]:
                for end in above[other]:
                    if not low <= place[end] <= high and not (bends[end] and bends[other]):
                        refused.add((end, other))
            scanned, low = number + 1, high
    return refused


class _Aligner:
    """Chains every vertex to the median of its neighbours in the layer that was done before."""

    def __init__(
        self, layers: Layers, towards: Neighbours, place: list[int], refused: set[tuple[int, int]]
    ) -> None:
        self.layers, self.towards, self.place, self.refused = layers, towards, place, refused

    def roots(self, from_right: bool) -> list[int]:
        """Return for every vertex the first of its block; vertices of a block share their x."""
        root = list(range(len(self.place)))
        for layer in self.layers:
            taken: int | None = None
            for vertex in reversed(layer) if from_right else layer:
                for end in self._medians(vertex, from_right):
                    if self._free(end, vertex, taken, from_right):
                        root[vertex] = root[end]
                        taken = self.place[end]
                        break
        return root

    def _medians(self, vertex: int, from_right: bool) -> Sequence[int]:
        ends = self.towards[vertex]
        if not ends:
            return ()
        low, high = ends[(len(ends) - 1) // 2], ends[len(ends) // 2]
        return (high, low) if from_right else (low, high)

    def _free(self, end: int, vertex: int, taken: int | None, from_right: bool) -> bool:
        if (end, vertex) in self.refused or (vertex, end) in self.refused:
            return False
        if taken is None:
            return True
        return self.place[end] < taken if from_right else self.place[end] > taken


def _packed(layers: Layers, root: list[int], distance: Distance, from_right: bool) -> list[int]:
    """Place the blocks as far left as they go, then close gaps to their right neighbours (or mirrored)."""
    after: dict[int, dict[int, int]] = {vertex: {} for vertex in dict.fromkeys(root)}
    before: dict[int, dict[int, int]] = {vertex: {} for vertex in after}
    for layer in layers:
        for left, right in pairwise(layer):
            first, second = (root[right], root[left]) if from_right else (root[left], root[right])
            least = max(distance(left, right), after[first].get(second, 0))
            after[first][second] = before[second][first] = least
    order = _topological(before, after)
    column: dict[int, int] = {}
    for block in order:
        column[block] = max((column[other] + least for other, least in before[block].items()), default=0)
    for block in reversed(order):
        if after[block]:
            column[block] = min(column[other] - least for other, least in after[block].items())
    sign = -1 if from_right else 1
    return [sign * column[block] for block in root]


def _topological(before: dict[int, dict[int, int]], after: dict[int, dict[int, int]]) -> list[int]:
    missing = {block: len(others) for block, others in before.items()}
    order = [block for block, count in missing.items() if not count]
    for block in order:
        for other in after[block]:
            missing[other] -= 1
            if not missing[other]:
                order.append(other)
    return order


def _balanced(columns: list[list[int]], layers: Layers, distance: Distance) -> list[int]:
    """The mean of the two middle columns of the four, once they are shifted onto the narrowest."""
    extents = [_extent(column, layers, distance) for column in columns]
    low, high = min(extents, key=lambda extent: extent[1] - extent[0])
    shifts = [high - extent[1] if number % 2 else low - extent[0] for number, extent in enumerate(extents)]
    four = zip(
        *([x + shift for x in column] for column, shift in zip(columns, shifts, strict=True)), strict=True
    )
    return [sum(sorted(column)[1:3]) // 2 for column in four]


def _extent(column: list[int], layers: Layers, distance: Distance) -> tuple[int, int]:
    left = min(column[layer[0]] - distance(layer[0], layer[0]) // 2 for layer in layers)
    right = max(column[layer[-1]] + distance(layer[-1], layer[-1]) // 2 for layer in layers)
    return left, right
