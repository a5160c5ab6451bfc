"""Mermaid: a drawing as the text of a flowchart, for Markdown pages that draw it.

Nodes are named by number, so no key can be taken for a word of the language; in labels everything
but letters, digits and harmless signs is written as a character reference.
"""

from __future__ import annotations

from flowkit.draw.drawing import Direction, Drawing, Node
from flowkit.draw.labels import printable

_HARMLESS = frozenset(" _.,-()=:")


def render(drawing: Drawing, direction: Direction = "down") -> str:
    """Return the flowchart, without a newline at the end; mapped tasks are framed twice, parameters round.

    Args:
        drawing: what to draw.
        direction: where arrows point.
    """
    number = {node.key: at for at, node in enumerate(drawing.nodes)}
    lines = [f"flowchart {'TD' if direction == 'down' else 'LR'}"]
    lines += [f"    n{number[node.key]}{_shape(node)}" for node in drawing.nodes]
    for edge in drawing.merged_edges():
        label = f'|"{_escaped(edge.label)}"|' if edge.label else ""
        lines.append(f"    n{number[edge.source]} -->{label} n{number[edge.target]}")
    return "\n".join(lines)


def _shape(node: Node) -> str:
    label = f'"{_escaped(node.label) or " "}"'
    if node.kind == "parameter":
        return f"([{label}])"
    return f"[[{label}]]" if node.mapped else f"[{label}]"


def _escaped(text: str) -> str:
    return "".join(
        character
        if character.isalnum() or character in _HARMLESS or not character.isascii()
        else f"#{ord(character)};"
        for character in printable(text)
    )
