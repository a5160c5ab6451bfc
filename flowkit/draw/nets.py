"""Nets: which edges between two layers share a line, and where lines meet the boxes.

A net joins every one of its upper vertices with every one of its lower ones, so a line that forks
and joins inside a net says nothing untrue. Each net has a pin of its own at every vertex it meets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from flowkit.draw.layout import Layering, Layout, Vertex

_PIN_STEP = 2
_SNAP = 2
Room = Callable[[int], tuple[int, int]]


@dataclass(slots=True)
class Net:
    """All edges from `upper` to `lower`, vertices of two neighbouring layers, and the x of their pins."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    tops: dict[int, int] = field(default_factory=dict)
    bottoms: dict[int, int] = field(default_factory=dict)


def nets_between(cut: Layering, layer: int) -> list[Net]:
    """Cover the edges between a layer and the next with few nets, each edge by exactly one.

    Vertices with the same neighbours are taken together; then, as long as edges remain, the group
    with most of them open takes them into one net: few lines, each of many edges. Bends where edges
    part come first, because they have room for one pin only.
    """
    upper = _twins(cut.layers[layer], cut.below)
    lower = _twins(cut.layers[layer + 1], cut.above)
    groups = [*upper, *lower]
    group_of = {vertex: at for at, group in enumerate(groups) for vertex in group}
    ends = [cut.below[group[0]] for group in upper] + [cut.above[group[0]] for group in lower]
    edges = [dict.fromkeys(group_of[end] for end in found) for found in ends]

    def rating(at: int) -> tuple[bool, int, int]:
        count = len(edges[at])
        reach = len(groups[at]) * sum(len(groups[other]) for other in edges[at])
        return count > 1 and any(map(cut.is_bend, groups[at])), count, reach

    nets: list[Net] = []
    while any(edges):
        centre = max(range(len(groups)), key=rating)
        members = tuple(vertex for other in edges[centre] for vertex in groups[other])
        is_upper = centre < len(upper)
        nets.append(Net(groups[centre], members) if is_upper else Net(members, groups[centre]))
        for other in edges[centre]:
            del edges[other][centre]
        edges[centre] = {}
    return nets


def pin_counts(channels: Sequence[Sequence[Net]], size: int) -> list[int]:
    """Return for every vertex how many pins its fuller side has."""
    tops, bottoms = [0] * size, [0] * size
    for net in (net for nets in channels for net in nets):
        for vertex in net.upper:
            tops[vertex] += 1
        for vertex in net.lower:
            bottoms[vertex] += 1
    return [max(pair) for pair in zip(tops, bottoms, strict=True)]


def width_for_pins(pins: int) -> int:
    """Return the least width of a box with so many pins on a side."""
    return _PIN_STEP * max(pins, 1) + 1


def pin(nets: Sequence[Net], picture: Layout, room: Room) -> None:
    """Give every net of a channel its pins, in the order of what they lead to, straight where possible.

    Args:
        nets: all nets between two layers.
        picture: where their vertices are.
        room: the first and last x that a vertex has for pins; bends have one.
    """
    uppers = _Side([net.upper for net in nets], [net.lower for net in nets], picture.vertices, room)
    lowers = _Side([net.lower for net in nets], [net.upper for net in nets], picture.vertices, room)
    for number, upper, lower in _straight_pairs(nets, uppers, lowers):
        low = max(uppers.least(upper, number), lowers.least(lower, number))
        high = min(uppers.most(upper, number), lowers.most(lower, number))
        if low <= high:
            middle = (uppers.pins[upper, number] + lowers.pins[lower, number]) // 2
            uppers.fix(upper, number, min(max(middle, low), high))
            lowers.fix(lower, number, min(max(middle, low), high))
    for number, net in enumerate(nets):
        net.tops = {vertex: uppers.pins[vertex, number] for vertex in net.upper}
        net.bottoms = {vertex: lowers.pins[vertex, number] for vertex in net.lower}


class _Side:
    """The pins on one side of a layer's vertices, by (vertex, net); fixed ones stay where they are."""

    def __init__(
        self,
        near: list[tuple[int, ...]],
        far: list[tuple[int, ...]],
        vertices: Sequence[Vertex],
        room: Room,
    ) -> None:
        self.room = room
        self.pins: dict[tuple[int, int], int] = {}
        self.fixed: set[tuple[int, int]] = set()
        self.nets: dict[int, list[int]] = {}
        towards = [fmean(vertices[vertex].x for vertex in ends) for ends in far]
        for number, ends in enumerate(near):
            for vertex in ends:
                self.nets.setdefault(vertex, []).append(number)
        for vertex, numbers in self.nets.items():
            numbers.sort(key=towards.__getitem__)
            self._spread(vertex, vertices[vertex].x)

    def _spread(self, vertex: int, middle: int) -> None:
        """Space the pins evenly about the middle, an even number of cells apart."""
        numbers, (low, high) = self.nets[vertex], self.room(vertex)
        step = max(_PIN_STEP, min(3 * _PIN_STEP, (high - low) // len(numbers) // 2 * 2))
        left = min(max(middle - step * (len(numbers) - 1) // 2, low), high - step * (len(numbers) - 1))
        for place, number in enumerate(numbers):
            self.pins[vertex, number] = left + step * place

    def least(self, vertex: int, number: int) -> int:
        """Return how far left a pin may move when those beside it that are not fixed make way."""
        numbers = self.nets[vertex]
        place = numbers.index(number)
        for nearer in range(place, -1, -1):
            if (vertex, numbers[nearer]) in self.fixed:
                return self.pins[vertex, numbers[nearer]] + _PIN_STEP * (place - nearer)
        return self.room(vertex)[0] + _PIN_STEP * place

    def most(self, vertex: int, number: int) -> int:
        """Return how far right a pin may move when those beside it that are not fixed make way."""
        numbers = self.nets[vertex]
        place = numbers.index(number)
        for nearer in range(place, len(numbers)):
            if (vertex, numbers[nearer]) in self.fixed:
                return self.pins[vertex, numbers[nearer]] - _PIN_STEP * (nearer - place)
        return self.room(vertex)[1] - _PIN_STEP * (len(numbers) - 1 - place)

    def fix(self, vertex: int, number: int, x: int) -> None:
        """Put a pin where it stays, and move those beside it out of its way."""
        numbers = self.nets[vertex]
        place = numbers.index(number)
        self.pins[vertex, number] = x
        self.fixed.add((vertex, number))
        for other in range(place - 1, -1, -1):
            at = vertex, numbers[other]
            self.pins[at] = min(self.pins[at], self.pins[vertex, numbers[other + 1]] - _PIN_STEP)
        for other in range(place + 1, len(numbers)):
            at = vertex, numbers[other]
            self.pins[at] = max(self.pins[at], self.pins[vertex, numbers[other - 1]] + _PIN_STEP)


def _straight_pairs(nets: Sequence[Net], uppers: _Side, lowers: _Side) -> Iterator[tuple[int, int, int]]:
    """Yield (net, upper, lower) that would look best straight, those nearest to it first.

    An edge with a net of its own runs straight wherever it can; a fork only where it is a step away.
    """
    found = [
        (abs(uppers.pins[upper, number] - lowers.pins[lower, number]), number, upper, lower)
        for number, net in enumerate(nets)
        for upper in net.upper
        for lower in net.lower
    ]
    for away, number, upper, lower in sorted(found):
        alone = len(nets[number].upper) == len(nets[number].lower) == 1
        fixed = (upper, number) in uppers.fixed or (lower, number) in lowers.fixed
        if not fixed and (alone or away <= _SNAP):
            yield number, upper, lower


def _twins(layer: Sequence[int], onward: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Group the vertices of a layer that have the same neighbours onward, if any."""
    groups: dict[frozenset[int], list[int]] = {}
    for vertex in layer:
        if onward[vertex]:
            groups.setdefault(frozenset(onward[vertex]), []).append(vertex)
    return [tuple(group) for group in groups.values()]
