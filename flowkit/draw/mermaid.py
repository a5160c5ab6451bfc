"""Mermaid: a drawing as the text of a flowchart, for Markdown pages that draw it.

Nodes are named by number, so no key can be taken for a word of the language; in labels everything
but letters, digits and harmless signs is written as a character reference.
"""

from __future__ import annotations

from collections.abc import Iterator

from flowkit.draw.drawing import Direction, Drawing, Node
from flowkit.draw.labels import printable
from flowkit.draw.mark import NO_MARKS, Mark, Marks, is_critical_edge
from flowkit.draw.theme import colours

_BRACES = str.maketrans("{}", "()")  # in a comment they would begin a directive
_HARMLESS = frozenset(" _.,-()=:")


def render(
    drawing: Drawing, direction: Direction = "down", *, marks: Marks = NO_MARKS, caption: str = ""
) -> str:
    """Return the flowchart, without a newline at the end; mapped tasks are framed twice, parameters round.

    Args:
        drawing: what to draw.
        direction: where arrows point.
        marks: what became of nodes in a run, by key.
        caption: a comment above the nodes.
    """
    number = {node.key: at for at, node in enumerate(drawing.nodes)}
    lines = [f"flowchart {'TD' if direction == 'down' else 'LR'}"]
    lines += [f"    %% {printable(caption).translate(_BRACES)}"] if caption else []
    lines += [f"    n{number[node.key]}{_shape(node, marks.get(node.key))}" for node in drawing.nodes]
    for edge in drawing.merged_edges():
        label = f'|"{_escaped(edge.label)}"|' if edge.label else ""
        arrow = "==>" if is_critical_edge(edge, marks) else "-->"
        lines.append(f"    n{number[edge.source]} {arrow}{label} n{number[edge.target]}")
    return "\n".join([*lines, *_classes(drawing, marks)])


def _classes(drawing: Drawing, marks: Marks) -> Iterator[str]:
    """The colours of the states that occur, and who has them; a thick border is that of the critical path."""
    members: dict[str, list[str]] = {}
    for at, node in enumerate(drawing.nodes):
        mark = marks.get(node.key)
        if mark is not None:
            members.setdefault(mark.tone, []).append(f"n{at}")
            if mark.is_critical:
                members.setdefault("critical", []).append(f"n{at}")
    colour = colours()
    for tone in sorted(members, key="critical".__eq__):
        if tone == "critical":
            yield f"    classDef critical stroke:{colour[tone]},stroke-width:3px"
        else:
            ground, border, text = colour[f"{tone}-card"], colour[tone], colour["text"]
            yield f"    classDef {tone} fill:{ground},stroke:{border},color:{text}"
    for tone, names in members.items():
        yield f"    class {','.join(names)} {tone}"


def _shape(node: Node, mark: Mark | None) -> str:
    note = f"<br>{_escaped(mark.line)}" if mark is not None else ""
    label = f'"{_escaped(node.label) or " "}{note}"'
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
