"""Scene: a drawing as boxes and lines in pixels, from the layout that text has too.

Every line leaves the middle of its source's side, keeps to its bends and arrives in the middle of its
target's side, so that lines to one target share an arrow head. Between two layers it swings from
one place to the other along a curve that all lines there have in common: two of them cross where
their ends are the other way round, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flowkit.draw.drawing import Direction, Drawing, Edge
from flowkit.draw.layout import Layering, Layout, layering, place

Size = tuple[int, int]
Point = tuple[int, int]

_LABEL_HEIGHT = 20
_SHORTEST, _LONGEST = 50, 400  # pixels between two layers
_SWING = 0.15  # of the longest way across that a line between them has
_GAP_DOWN, _GAP_RIGHT = 28, 18
_PART_GAP = 40
_ASPECT = 1.7  # width to height, towards which parts are put side by side


@dataclass(frozen=True, slots=True)
class Box:
    """A node's place: the top left corner, and its size."""

    key: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Line:
    """An edge's way.

    Args:
        points: where it leaves, the ends of its straight parts, where it arrives.
        label_at: the middle of its label, if it has one.
    """

    edge: Edge
    points: tuple[Point, ...]
    label_at: Point | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything in its place, from (0, 0) to (width, height)."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    direction: Direction


def scene_of(
    drawing: Drawing,
    sizes: Mapping[str, Size],
    label_widths: Mapping[str, int],
    direction: Direction = "down",
) -> Scene:
    """Lay a drawing out.

    Args:
        sizes: width and height of every node, by key.
        label_widths: the width of every label that an edge has.
        direction: where edges go.
    """
    parts = [_Part(part, sizes, label_widths, direction).scene() for part in drawing.components()]
    return _shelved(parts, direction)


class _Part:
    """One connected part. `along` runs with the edges, `across` is the x of the layout."""

    def __init__(
        self, part: Drawing, sizes: Mapping[str, Size], labels: Mapping[str, int], direction: Direction
    ) -> None:
        self.part, self.direction, self.down = part, direction, direction == "down"
        self.cut: Layering = layering(part)
        self.sizes = [sizes[node.key] for node in part.nodes]
        self.labels = {bend: labels[label] for bend, label in self.cut.labels.items()}
        breadths = [self._breadth(vertex) | 1 for vertex in range(len(self.cut.above))]
        self.layout: Layout = place(
            self.cut, breadths, _GAP_DOWN if self.down else _GAP_RIGHT, 14 if self.down else 10
        )
        self.starts, self.depths = self._rows()

    def scene(self) -> Scene:
        boxes = tuple(map(self._box, range(len(self.part.nodes))))
        lines = tuple(
            self._line(edge, path) for edge, path in zip(self.cut.edges, self.cut.paths, strict=True)
        )
        across, along = self.layout.width, self.starts[-1] + self.depths[-1]
        width, height = (across, along) if self.down else (along, across)
        return Scene(width, height, boxes, lines, self.direction)

    def _breadth(self, vertex: int) -> int:
        if self.cut.is_bend(vertex):
            width = self.labels.get(vertex)
            return 1 if width is None else width if self.down else _LABEL_HEIGHT
        return self.sizes[vertex][0 if self.down else 1]

    def _depth(self, vertex: int) -> int:
        if self.cut.is_bend(vertex):
            width = self.labels.get(vertex)
            return 0 if width is None else _LABEL_HEIGHT if self.down else width
        return self.sizes[vertex][1 if self.down else 0]

    def _rows(self) -> tuple[list[int], list[int]]:
        """Where each layer starts, and how deep it is."""
        depths = [max(map(self._depth, layer)) for layer in self.cut.layers]
        starts = [0]
        for number, layer in enumerate(self.cut.layers[:-1]):
            swings = [
                abs(self.layout.vertices[upper].x - self.layout.vertices[lower].x)
                for upper in layer
                for lower in self.cut.below[upper]
            ]
            room = min(max(_SHORTEST, int(_SWING * max(swings, default=0))), _LONGEST)
            starts.append(starts[-1] + depths[number] + room)
        return starts, depths

    def _box(self, vertex: int) -> Box:
        spot = self.layout.vertices[vertex]
        (width, height), middle = self.sizes[vertex], self._middle(spot.layer)
        x, y = (spot.x, middle) if self.down else (middle, spot.x)
        return Box(self.part.nodes[vertex].key, x - width // 2, y - height // 2, width, height)

    def _middle(self, layer: int) -> int:
        return self.starts[layer] + self.depths[layer] // 2

    def _line(self, edge: Edge, path: Sequence[int]) -> Line:
        points: list[Point] = []
        label_at = None
        for vertex in path:
            spot = self.layout.vertices[vertex]
            start = self.starts[spot.layer]
            end = start + self.depths[spot.layer]
            if vertex == path[0]:
                start = self._middle(spot.layer) - self._depth(vertex) // 2 + self._depth(vertex)
            elif vertex == path[-1]:
                end = self._middle(spot.layer) - self._depth(vertex) // 2
            points += (self._at(spot.x, start), self._at(spot.x, end))
            if vertex in self.labels:
                label_at = self._at(spot.x, self._middle(spot.layer))
        return Line(edge, _without_repeats(points, self.down), label_at)

    def _at(self, across: int, along: int) -> Point:
        return (across, along) if self.down else (along, across)


def _without_repeats(points: list[Point], down: bool) -> tuple[Point, ...]:
    """Leave out points on straight parts."""
    axis = 0 if down else 1
    kept = [points[0]]
    for at, point in enumerate(points[1:], 1):
        straight = kept[-1][axis] == point[axis]
        goes_on = at + 1 < len(points) and points[at + 1][axis] == point[axis]
        if point != kept[-1] and not (straight and goes_on):
            kept.append(point)
    return tuple(kept)


def path_of(points: Sequence[Point], direction: Direction) -> str:
    """A line's points as the path of an SVG: straight parts, and curves between them."""
    (x, y), *_ = points
    parts = [f"M{x} {y}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        if direction == "down":
            middle = (y + to_y) / 2
            parts.append(f"V{to_y}" if x == to_x else f"C{x} {middle:g} {to_x} {middle:g} {to_x} {to_y}")
        else:
            middle = (x + to_x) / 2
            parts.append(f"H{to_x}" if y == to_y else f"C{middle:g} {y} {middle:g} {to_y} {to_x} {to_y}")
    return "".join(parts)


def _shelved(parts: list[Scene], direction: Direction) -> Scene:
    """Put parts side by side as far as the whole keeps a good shape, then below each other."""
    area = sum((part.width + _PART_GAP) * (part.height + _PART_GAP) for part in parts)
    room = max([int((area * _ASPECT) ** 0.5), *(part.width for part in parts)])
    boxes: list[Box] = []
    lines: list[Line] = []
    left = top = bottom = right = 0
    for part in parts:
        if left and left + part.width > room:
            left, top = 0, bottom + _PART_GAP
        boxes += [_moved_box(box, left, top) for box in part.boxes]
        lines += [_moved_line(line, left, top) for line in part.lines]
        right, bottom = max(right, left + part.width), max(bottom, top + part.height)
        left += part.width + _PART_GAP
    return Scene(right, bottom, tuple(boxes), tuple(lines), direction)


def _moved_box(box: Box, x: int, y: int) -> Box:
    return Box(box.key, box.x + x, box.y + y, box.width, box.height)


def _moved_line(line: Line, x: int, y: int) -> Line:
    points = tuple((px + x, py + y) for px, py in line.points)
    label_at = (line.label_at[0] + x, line.label_at[1] + y) if line.label_at else None
    return Line(line.edge, points, label_at)
