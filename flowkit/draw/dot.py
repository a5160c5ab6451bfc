"""DOT: a drawing in the language of Graphviz, for those who have it."""

from __future__ import annotations

from flowkit.draw.drawing import Direction, Drawing, Node
from flowkit.draw.labels import printable


def render(drawing: Drawing, direction: Direction = "down") -> str:
    """Return the digraph, without a newline at the end; mapped tasks are framed twice, parameters dashed.

    Args:
        drawing: what to draw; its name becomes the digraph's.
        direction: where arrows point.
    """
    number = {node.key: at for at, node in enumerate(drawing.nodes)}
    lines = [f"digraph {_quoted(drawing.name)} {{"]
    lines.append(f"    rankdir={'TB' if direction == 'down' else 'LR'};")
    lines.append('    node [shape=box, style="rounded"];')
    lines += [f"    n{number[node.key]} [{_attributes(node)}];" for node in drawing.nodes]
    for edge in drawing.merged_edges():
        label = f" [label={_label(edge.label)}]" if edge.label else ""
        lines.append(f"    n{number[edge.source]} -> n{number[edge.target]}{label};")
    return "\n".join([*lines, "}"])


def _attributes(node: Node) -> str:
    label = f"label={_label(node.label)}"
    if node.kind == "parameter":
        return f'{label}, style="rounded,dashed"'
    return f"{label}, peripheries=2" if node.mapped else label


def _label(text: str) -> str:
    """Quote a label, in which Graphviz would read `&lt;` as another character."""
    return _quoted(text.replace("&", "&amp;"))


def _quoted(text: str) -> str:
    """Quote a string so that it is shown as it is: printable, no escape sequence, no end of the string."""
    safe = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{safe}"'
