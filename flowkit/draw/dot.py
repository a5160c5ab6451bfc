"""DOT: a drawing in the language of Graphviz, for those who have it."""

from __future__ import annotations

from collections.abc import Iterator

from flowkit.draw.drawing import Direction, Drawing, Node
from flowkit.draw.labels import printable
from flowkit.draw.mark import NO_MARKS, Mark, Marks, is_critical_edge
from flowkit.draw.theme import colours


def render(
    drawing: Drawing, direction: Direction = "down", *, marks: Marks = NO_MARKS, caption: str = ""
) -> str:
    """Return the digraph, without a newline at the end; mapped tasks are framed twice, parameters dashed.

    Args:
        drawing: what to draw; its name becomes the digraph's.
        direction: where arrows point.
        marks: what became of nodes in a run, by key.
        caption: a line below the picture.
    """
    number = {node.key: at for at, node in enumerate(drawing.nodes)}
    lines = [f"digraph {_quoted(drawing.name)} {{"]
    lines.append(f"    rankdir={'TB' if direction == 'down' else 'LR'};")
    lines.append('    node [shape=box, style="rounded"];')
    lines += [f"    label={_label(caption)};"] if caption else []
    for node in drawing.nodes:
        lines.append(f"    n{number[node.key]} [{', '.join(_attributes(node, marks.get(node.key)))}];")
    for edge in drawing.merged_edges():
        found = [f"label={_label(edge.label)}"] if edge.label else []
        found += [f'color="{colours()["critical"]}"', "penwidth=2"] if is_critical_edge(edge, marks) else []
        attributes = f" [{', '.join(found)}]" if found else ""
        lines.append(f"    n{number[edge.source]} -> n{number[edge.target]}{attributes};")
    return "\n".join([*lines, "}"])


def _attributes(node: Node, mark: Mark | None) -> Iterator[str]:
    yield f"label={_label(node.label, mark.line if mark is not None else '')}"
    if node.kind == "parameter":
        yield 'style="rounded,dashed"'
    elif node.mapped:
        yield "peripheries=2"
    if mark is not None:
        colour = colours()
        border = colour["critical" if mark.is_critical else mark.tone]
        yield f'style="rounded,filled", fillcolor="{colour[f"{mark.tone}-card"]}", color="{border}"'
        if mark.is_critical:
            yield "penwidth=2"


def _label(text: str, note: str = "") -> str:
    """Quote a label, in which Graphviz would read `&lt;` as another character; a note is its second line."""
    quoted = _quoted(text.replace("&", "&amp;"))
    return f"{quoted[:-1]}\\n{_quoted(note)[1:]}" if note else quoted


def _quoted(text: str) -> str:
    """Quote a string so that it is shown as it is: printable, no escape sequence, no end of the string."""
    safe = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{safe}"'
