"""Text: a drawing in box-drawing characters, or, where that is too wide, a line for each task.

Boxes stand in layers, arrows point away from what comes first. A line that joins or forks belongs
to edges with all its sources and targets in common; lines that only cross are drawn `─│─`. Mapped
tasks have a double frame, parameters a dashed one, what lies on a run's critical path a heavy one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowkit.draw import lanes
from flowkit.draw.canvas import Canvas
from flowkit.draw.channel import Wire, routed
from flowkit.draw.drawing import Direction, Drawing, Node
from flowkit.draw.labels import cells, fit, printable
from flowkit.draw.layout import layering, place
from flowkit.draw.mark import NO_MARKS, Mark, Marks
from flowkit.draw.nets import Net, nets_between, pin, pin_counts, width_for_pins

_MOST_NODES = 100
_LONGEST_LABEL = 40
_GAP = 3


@dataclass(frozen=True, slots=True)
class _Frame:
    """The characters of a box: corners from the top left clockwise, sides, and the pins of arrows."""

    corners: str
    top: str
    side: str
    pin_down: str
    pin_right: str


_ROUNDED = _Frame("╭╮╯╰", "─", "│", "┬", "├")
_DOUBLE = _Frame("╔╗╝╚", "═", "║", "╤", "╟")
_HEAVY = _Frame("┏┓┛┗", "━", "┃", "┯", "┠")
_DASHED = _Frame("╭╮╯╰", "╌", "╎", "┬", "├")
_PLAIN_ASCII = _Frame("..''", "-", "|", "+", "+")
_DOUBLE_ASCII = _Frame("####", "=", "#", "+", "+")
_HEAVY_ASCII = _Frame("****", "*", "*", "+", "+")
_DASHED_ASCII = _Frame("..''", "~", ":", "+", "+")


def render(
    drawing: Drawing,
    *,
    width: int = 100,
    ascii_only: bool = False,
    direction: Direction = "down",
    marks: Marks = NO_MARKS,
    caption: str = "",
) -> str:
    """Return the drawing as lines of text, each at most `width` cells, without a newline at the end.

    Args:
        drawing: what to draw.
        width: of the terminal, in cells; at least 20.
        ascii_only: use no character outside ASCII but those of labels.
        direction: where arrows point.
        marks: what became of nodes in a run, by key.
        caption: a line above the picture, with an empty one.

    Returns:
        boxes and arrows, parts that nothing joins beside each other as far as they fit; a line for each
        task (`lanes`) when a part is wider than the terminal or there are more than 100 nodes.
    """
    if not drawing.nodes:
        return fit(f"{printable(drawing.name)} has no tasks", width, "..." if ascii_only else "…")
    head = [fit(printable(caption), width, "..." if ascii_only else "…"), ""] if caption else []
    parts = []
    if len(drawing.nodes) <= _MOST_NODES:
        parts = [_Picture(part, ascii_only, direction, marks).rows() for part in drawing.components()]
    if not parts or max(map(_width, parts)) > width:
        return "\n".join([*head, lanes.render(drawing, width=width, ascii_only=ascii_only, marks=marks)])
    return "\n".join([*head, *_shelved(parts, width), *_legend(drawing, ascii_only, width, marks)])


class _Picture:
    """One connected part. `along` runs with the arrows, `across` is the x of the layout."""

    def __init__(self, part: Drawing, ascii_only: bool, direction: Direction, marks: Marks) -> None:
        self.part, self.ascii_only, self.down, self.marks = part, ascii_only, direction == "down", marks
        self.cut = layering(part)
        self.ellipsis = "..." if ascii_only else "…"
        self.labels = [self._lines(node) for node in part.nodes]
        self.edge_labels = {
            bend: fit(printable(label), _LONGEST_LABEL // 2, self.ellipsis)
            for bend, label in self.cut.labels.items()
        }
        self.channels = [nets_between(self.cut, layer) for layer in range(len(self.cut.layers) - 1)]
        self.pins = pin_counts(self.channels, len(self.cut.above))
        breadths = [self._breadth(vertex) | 1 for vertex in range(len(self.cut.above))]
        self.layout = place(self.cut, breadths, _GAP if self.down else 1)
        self.canvas = Canvas(ascii_only=ascii_only)

    def _lines(self, node: Node) -> list[str]:
        """What stands in a box: the name and, of a run, what became of it."""
        mark = self.marks.get(node.key)
        lines = [node.label] if mark is None else [node.label, mark.ascii if self.ascii_only else mark.line]
        return [fit(printable(line), _LONGEST_LABEL, self.ellipsis) for line in lines]

    def rows(self) -> list[str]:
        along = 0
        for layer in range(len(self.cut.layers)):
            depth = self._depth(layer)
            self._draw_layer(layer, along, depth)
            along += depth
            if layer < len(self.channels):
                along += self._draw_channel(layer, along)
        return self.canvas.rows()

    def _breadth(self, vertex: int) -> int:
        """The room across that a vertex takes: the label's width down, a line or its pins right."""
        if self.cut.is_bend(vertex):
            return cells(self.edge_labels.get(vertex, "")) if self.down else 1
        if self.down:
            return max(self._label_width(vertex) + 4, width_for_pins(self.pins[vertex]) + 2)
        return max(width_for_pins(self.pins[vertex]), 2 + len(self.labels[vertex]))

    def _label_width(self, vertex: int) -> int:
        return max(map(cells, self.labels[vertex]))

    def _depth(self, layer: int) -> int:
        """The room along that a layer takes."""
        nodes = [vertex for vertex in self.cut.layers[layer] if not self.cut.is_bend(vertex)]
        if self.down:
            return 2 + max(len(self.labels[vertex]) for vertex in nodes) if nodes else 1
        texts = [
            cells(self.edge_labels[vertex]) + 2
            for vertex in self.cut.layers[layer]
            if vertex in self.edge_labels
        ]
        return max([1, *texts, *(self._label_width(vertex) + 4 for vertex in nodes)])

    def _draw_layer(self, layer: int, along: int, depth: int) -> None:
        for vertex in self.cut.layers[layer]:
            spot = self.layout.vertices[vertex]
            if not self.cut.is_bend(vertex):
                self._draw_box(vertex, along, depth)
                continue
            self._along(-1, spot.x, along, along + depth - 1)
            label = self.edge_labels.get(vertex, "")
            if self.down:
                self.canvas.write(along + depth // 2, spot.x - cells(label) // 2, label)
            else:
                self.canvas.write(spot.x, along + (depth - cells(label)) // 2, label)

    def _draw_box(self, vertex: int, along: int, depth: int) -> None:
        frame = self._frame(vertex)
        first, breadth = self._box(vertex)
        top, left = (along, first) if self.down else (first, along)
        height, width = (depth, breadth) if self.down else (breadth, depth)
        corners = frame.corners
        self.canvas.write(top, left, corners[0] + frame.top * (width - 2) + corners[1])
        self.canvas.write(top + height - 1, left, corners[3] + frame.top * (width - 2) + corners[2])
        for row in range(top + 1, top + height - 1):
            self.canvas.write(row, left, frame.side + " " * (width - 2) + frame.side)
        lines = self.labels[vertex]
        first_row = top + (height - len(lines)) // 2
        for row, line in enumerate(lines, first_row):
            self.canvas.write(row, left + (width - cells(line)) // 2, line)

    def _frame(self, vertex: int) -> _Frame:
        node = self.part.nodes[vertex]
        return _frame(node, self.marks.get(node.key), self.ascii_only)

    def _box(self, vertex: int) -> tuple[int, int]:
        """The first x of a box and its breadth, which may be a cell less than the layout's odd one."""
        spot = self.layout.vertices[vertex]
        return spot.x - spot.width // 2, self._breadth(vertex)

    def _pin_room(self, vertex: int) -> tuple[int, int]:
        if self.cut.is_bend(vertex):
            x = self.layout.vertices[vertex].x
            return x, x
        first, breadth = self._box(vertex)
        return first + 1, first + breadth - 2

    def _draw_channel(self, layer: int, along: int) -> int:
        """Draw the lines from a layer to the next and return the room along that they take."""
        nets = self.channels[layer]
        pin(nets, self.layout, self._pin_room)
        wires, tracks = routed(nets, shared=not self.ascii_only)
        has_arrows = any(not self.cut.is_bend(vertex) for net in nets for vertex in net.lower)
        end = along + self._channel_length(tracks, has_arrows)
        for wire in wires:
            self._draw_wire(wire, along, end)
        for net in nets:
            self._draw_ends(net, along, end)
        return end - along

    def _channel_length(self, tracks: int, has_arrows: bool) -> int:
        if self.down:
            return tracks + has_arrows
        return 2 * tracks + 2 if has_arrows else 2 * tracks + (tracks > 0)

    def _track(self, wire: Wire, along: int) -> int:
        return along + wire.track if self.down else along + 1 + 2 * wire.track

    def _draw_wire(self, wire: Wire, along: int, end: int) -> None:
        """Draw a wire from inside the layer before the channel to inside the layer after it."""
        if wire.is_straight:
            self._along(wire.owner, wire.tops[0], along - 1, end)
            return
        track = self._track(wire, along)
        self._across(wire.owner, track, *wire.span)
        for column in wire.tops:
            self._along(wire.owner, column, along - 1, track)
        for column in wire.bottoms:
            self._along(wire.owner, column, track, end)
        if wire.upper is not None and wire.joint is not None:
            self._along(wire.owner, wire.joint, self._track(wire.upper, along), track)

    def _draw_ends(self, net: Net, along: int, end: int) -> None:
        arrow = ("v" if self.down else ">") if self.ascii_only else ("▼" if self.down else "▶")
        for vertex, across in net.tops.items():
            if not self.cut.is_bend(vertex):
                frame = self._frame(vertex)
                self._write(along - 1, across, frame.pin_down if self.down else frame.pin_right)
        for vertex, across in net.bottoms.items():
            if not self.cut.is_bend(vertex):
                self._write(end - 1, across, arrow)

    def _along(self, owner: int, across: int, start: int, end: int) -> None:
        if self.down:
            self.canvas.vertical(owner, across, start, end)
        else:
            self.canvas.horizontal(owner, across, start, end)

    def _across(self, owner: int, along: int, start: int, end: int) -> None:
        if self.down:
            self.canvas.horizontal(owner, along, start, end)
        else:
            self.canvas.vertical(owner, along, start, end)

    def _write(self, along: int, across: int, text: str) -> None:
        if self.down:
            self.canvas.write(along, across, text)
        else:
            self.canvas.write(across, along, text)


def _frame(node: Node, mark: Mark | None, ascii_only: bool) -> _Frame:
    if mark is not None and mark.is_critical:
        return _HEAVY_ASCII if ascii_only else _HEAVY
    if node.kind == "parameter":
        return _DASHED_ASCII if ascii_only else _DASHED
    if node.mapped:
        return _DOUBLE_ASCII if ascii_only else _DOUBLE
    return _PLAIN_ASCII if ascii_only else _ROUNDED


_MEANINGS = {
    _DASHED: "parameter",
    _DASHED_ASCII: "parameter",
    _DOUBLE: "mapped: runs once for each element",
    _DOUBLE_ASCII: "mapped: runs once for each element",
    _HEAVY: "critical path: what the end of the run waited for",
    _HEAVY_ASCII: "critical path: what the end of the run waited for",
}


def _legend(drawing: Drawing, ascii_only: bool, width: int, marks: Marks) -> list[str]:
    """Explain the frames that occur beside the plain one, below an empty line."""
    frames = (_frame(node, marks.get(node.key), ascii_only) for node in drawing.nodes)
    meanings = {frame: _MEANINGS[frame] for frame in frames if frame in _MEANINGS}
    entries = [
        f"{frame.corners[0]}{frame.top}{frame.corners[1]} {meaning}" for frame, meaning in meanings.items()
    ]
    line = "   ".join(entries)
    ellipsis = "..." if ascii_only else "…"
    lines = [line] if cells(line) <= width else [fit(entry, width, ellipsis) for entry in entries]
    return ["", *lines] if entries else []


def _width(rows: Sequence[str]) -> int:
    return max(map(cells, rows), default=0)


def _shelved(parts: Sequence[list[str]], width: int) -> list[str]:
    """Put parts side by side as far as they fit, then below each other."""
    shelves: list[list[list[str]]] = []
    used = width
    for part in parts:
        used += _GAP + _width(part)
        if used > width:
            shelves.append([])
            used = _width(part)
        shelves[-1].append(part)
    lines: list[str] = []
    for shelf in shelves:
        lines += [*([""] if lines else []), *_beside(shelf)]
    return lines


def _beside(parts: Sequence[list[str]]) -> list[str]:
    lines = [""] * max(map(len, parts))
    left = 0
    for part in parts:
        for number, row in enumerate(part):
            lines[number] += " " * (left - cells(lines[number])) + row
        left += _width(part) + _GAP
    return lines
