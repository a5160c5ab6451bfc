"""SVG: a drawing as a picture that scales, by itself or inside a page.

The text is safe to put into HTML as it stands: whatever names hold, they stay text. Classes and
variables begin with `fk-`. A group of class `fk-node` carries its node's key in `data-key`; lines, arrow
heads and labels carry the numbers of the nodes that they belong to in `data-ends`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from flowkit.draw.drawing import Direction, Drawing, Edge, Node
from flowkit.draw.ends import ends_of
from flowkit.draw.labels import printable
from flowkit.draw.mark import NO_MARKS, Mark, Marks, is_critical_edge
from flowkit.draw.measure import shortened, text_width
from flowkit.draw.scene import Box, Line, Point, Scene, Size, path_of, scene_of
from flowkit.draw.theme import Theme, rules, variables, written_out

_MARGIN = 24
_SIZE, _SMALL = 14, 11.5
_LONGEST = 300  # pixels of a label
_PADDING = 16
_HEIGHT, _HEIGHT_WITH_NOTE = 36, 52
_HEAD, _HALF = 8, 4.5  # length and half the breadth of an arrow head
_CARD = 4  # by how much the card below a mapped task's stands out
_DIMENSIONS = re.compile(r' width="(\d+)" height="(\d+)"')
_TITLE, _CAPTION, _LEGEND = 34, 20, 40


def render(
    drawing: Drawing,
    direction: Direction = "down",
    *,
    marks: Marks = NO_MARKS,
    caption: str = "",
    theme: Theme = "auto",
    bare: bool = False,
) -> str:
    """Return the picture as an `<svg>` element, without a newline at the end.

    Args:
        drawing: what to draw.
        direction: where arrows point.
        marks: what became of nodes in a run, by key; a sign, a word and a colour show it.
        caption: a line below the flow's name.
        theme: `auto` follows the viewer's system, by variables of CSS; the others have fixed colours.
        bare: only the graph, without title, caption, legend and ground, to stand in a page that has them
            and the rules of theme.py.
    """
    return _Picture(drawing, direction, marks, caption, theme, bare).text()


def size_of(picture: str) -> tuple[int, int]:
    """Width and height of a picture that `render` has made, in pixels."""
    found = _DIMENSIONS.search(picture)
    assert found is not None
    return int(found[1]), int(found[2])


def scene(drawing: Drawing, direction: Direction = "down", marks: Marks = NO_MARKS) -> Scene:
    """Where everything stands in the picture, but for its margins."""
    sizes = {node.key: _size(node, marks.get(node.key)) for node in drawing.nodes}
    labels = {edge.label: edge.label for edge in drawing.merged_edges()}
    widths = {label: int(text_width(_short(label), _SMALL)) + 16 for label in labels}
    return scene_of(drawing, sizes, widths, direction)


def _short(text: str) -> str:
    return shortened(printable(text), _SIZE, _LONGEST)


def _note(mark: Mark) -> str:
    return shortened(printable(mark.line), _SMALL, _LONGEST)


def _size(node: Node, mark: Mark | None) -> Size:
    label = text_width(_short(node.label), _SIZE)
    note = text_width(_note(mark), _SMALL) if mark is not None else 0
    width = int(max(label, note)) + 2 * _PADDING
    return max(width, 64) | 1, _HEIGHT if mark is None else _HEIGHT_WITH_NOTE


class _Picture:
    """One picture under way."""

    def __init__(
        self, drawing: Drawing, direction: Direction, marks: Marks, caption: str, theme: Theme, bare: bool
    ) -> None:
        self.drawing, self.direction, self.marks = drawing, direction, marks
        self.caption, self.theme, self.bare = printable(caption), theme, bare
        self.title = printable(drawing.name)
        self.scene = scene(drawing, direction, marks)
        self.number = {node.key: at for at, node in enumerate(drawing.nodes)}
        given = {node.key for node in drawing.nodes if node.kind == "parameter"}
        self.ends = ends_of(self.scene.lines, given, direction)
        self.legend = [] if bare else list(_legend(drawing, marks))

    def text(self) -> str:
        top = 0 if self.bare else _TITLE + (_CAPTION if self.caption else 0)
        bottom = _LEGEND if self.legend else 0
        width = max(self.scene.width, self._least_width()) + 2 * _MARGIN
        height = self.scene.height + top + bottom + 2 * _MARGIN
        left = (width - self.scene.width) // 2
        return "".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" class="fk-graph" viewBox="0 0 {width} {height}"'
                f' width="{width}" height="{height}" role="img" aria-label="{_attribute(self._spoken())}">',
                "" if self.bare else f"<style>{self._style()}</style>",
                "" if self.bare else f'<rect class="fk-ground" width="{width}" height="{height}"/>',
                "" if self.bare else self._head(),
                f'<g transform="translate({left} {_MARGIN + top})">',
                *map(self._line, self._lines_in_order()),
                *self._heads(),
                *self._labels(),
                *map(self._node, self.drawing.nodes, self._boxes_in_order()),
                "</g>",
                self._legend_at(height - _MARGIN - 8),
                "</svg>",
            ]
        )

    def _spoken(self) -> str:
        return f"graph of {self.title}: {len(self.drawing.nodes)} nodes, {len(self.drawing.edges)} edges"

    def _style(self) -> str:
        if self.theme == "auto":
            return escape(variables() + rules(), quote=False)
        return escape(written_out(rules(), self.theme), quote=False)

    def _least_width(self) -> int:
        if self.bare:
            return 0
        legend = sum(_entry_width(name) for _, name in self.legend)
        heading = max(text_width(self.title, 18), text_width(self.caption, 12))
        return int(max(legend, min(heading, 900)))

    def _head(self) -> str:
        title = f'<text class="fk-title" x="{_MARGIN}" y="{_MARGIN + 14}">{_text(self.title)}</text>'
        if not self.caption:
            return title
        y = _MARGIN + 14 + _CAPTION
        return f'{title}<text class="fk-caption" x="{_MARGIN}" y="{y}">{_text(self.caption)}</text>'

    # -- lines --------------------------------------------------------------------------------

    def _lines_in_order(self) -> list[Line]:
        """Those of the critical path last, above the others."""
        return sorted(self.scene.lines, key=lambda line: is_critical_edge(line.edge, self.marks))

    def _line(self, line: Line) -> str:
        *points, _ = line.points
        x, y = self.ends[line.edge]
        end = (x, y - _HEAD + 1) if self.direction == "down" else (x - _HEAD + 1, y)
        kind = " fk-critical" if is_critical_edge(line.edge, self.marks) else ""
        source = self.drawing.nodes[self.number[line.edge.source]]
        kind = " fk-given" if source.kind == "parameter" else kind
        ends = f"{self.number[line.edge.source]} {self.number[line.edge.target]}"
        path = path_of([*points, end], self.direction)
        return f'<path class="fk-line{kind}" data-ends="{ends}" d="{path}"/>'

    def _heads(self) -> Iterator[str]:
        """One for every place where lines end, however many they are."""
        places: dict[tuple[str, Point], list[Line]] = {}
        for line in self.scene.lines:
            places.setdefault((line.edge.target, self.ends[line.edge]), []).append(line)
        for (key, (x, y)), lines in places.items():
            far = f"l-{_HALF} -{_HEAD}h{2 * _HALF:g}z"
            if self.direction == "right":
                far = f"l-{_HEAD} -{_HALF}v{2 * _HALF:g}z"
            critical = any(is_critical_edge(line.edge, self.marks) for line in lines)
            classes = "fk-head fk-critical" if critical else "fk-head"
            yield f'<path class="{classes}" data-ends="{self.number[key]}" d="M{x} {y}{far}"/>'

    def _labels(self) -> Iterator[str]:
        """One for all edges that share it."""
        shared: dict[tuple[int, int], list[Edge]] = {}
        for line in self.scene.lines:
            if line.label_at is not None:
                shared.setdefault(line.label_at, []).append(line.edge)
        for (x, y), edges in shared.items():
            text = _short(edges[0].label)
            width = int(text_width(text, _SMALL)) + 14
            ends = " ".join(str(self.number[end]) for edge in edges for end in (edge.source, edge.target))
            yield (
                f'<g class="fk-label" data-ends="{ends}"><rect x="{x - width / 2:g}" y="{y - 9}"'
                f' width="{width}" height="18" rx="9"/><text x="{x}" y="{y + 4}">{_text(text)}</text></g>'
            )

    # -- nodes --------------------------------------------------------------------------------

    def _boxes_in_order(self) -> list[Box]:
        boxes = {box.key: box for box in self.scene.boxes}
        return [boxes[node.key] for node in self.drawing.nodes]

    def _node(self, node: Node, box: Box) -> str:
        mark = self.marks.get(node.key)
        label = _short(node.label)
        middle, y = box.x + box.width / 2, box.y + box.height / 2
        texts = [f'<text x="{middle:g}" y="{y + 5 if mark is None else y - 3:g}">{_text(label)}</text>']
        if mark is not None:
            note = _text(_note(mark))
            texts.append(f'<text class="fk-note" x="{middle:g}" y="{y + 15:g}">{note}</text>')
        return "".join(
            [
                f'<g class="{_classes(node, mark)}" data-key="{_attribute(printable(node.key))}">',
                f"<title>{_text(_told(node, mark))}</title>",
                *_frame(node, box),
                *texts,
                "</g>",
            ]
        )

    # -- legend -------------------------------------------------------------------------------

    def _legend_at(self, y: int) -> str:
        if not self.legend:
            return ""
        parts = ['<g class="fk-legend">']
        x = _MARGIN
        for sign, name in self.legend:
            parts.append(f'<g transform="translate({x} {y})">{sign}<text x="30" y="4">{name}</text></g>')
            x += _entry_width(name)
        return "".join([*parts, "</g>"])


def _entry_width(name: str) -> int:
    return 30 + int(text_width(name, 12)) + 22


def _legend(drawing: Drawing, marks: Marks) -> Iterator[tuple[str, str]]:
    """A sign and its meaning for what occurs and does not explain itself."""
    if any(node.kind == "parameter" for node in drawing.nodes):
        yield _sample("fk-parameter", '<rect y="-6" width="22" height="12" rx="6"/>'), "parameter"
    if any(node.mapped and node.kind == "task" for node in drawing.nodes):
        cards = (
            '<rect x="3" y="-4" width="20" height="11" rx="3"/><rect y="-7" width="20" height="11" rx="3"/>'
        )
        yield _sample("", cards), "mapped: runs once for each element"
    if any(mark.is_critical for mark in marks.values()):
        yield '<path class="fk-line fk-critical" d="M0 0H22"/>', "critical path"


def _sample(kind: str, shapes: str) -> str:
    return f'<g class="fk-node {kind}">{shapes}</g>'


def _classes(node: Node, mark: Mark | None) -> str:
    classes = ["fk-node", "fk-parameter" if node.kind == "parameter" else ""]
    if mark is not None:
        classes += [f"fk-{mark.tone}", "fk-critical" if mark.is_critical else ""]
    return " ".join(filter(None, classes))


def _frame(node: Node, box: Box) -> Iterator[str]:
    radius = box.height // 2 if node.kind == "parameter" else 9
    size = f'width="{box.width}" height="{box.height}" rx="{radius}"'
    if node.mapped and node.kind == "task":
        yield f'<rect x="{box.x + _CARD}" y="{box.y + _CARD}" {size}/>'
    yield f'<rect x="{box.x}" y="{box.y}" {size}/>'


def _told(node: Node, mark: Mark | None) -> str:
    """What is said of a node where it is pointed at."""
    lines = [printable(node.label), "parameter" if node.kind == "parameter" else ""]
    lines += ["mapped" if node.mapped else ""]
    if mark is not None:
        lines += [printable(mark.line), "on the critical path" if mark.is_critical else ""]
    return "\n".join(filter(None, lines))


def _text(text: str) -> str:
    return escape(text, quote=False)


def _attribute(text: str) -> str:
    return escape(text)
