"""The drawing of a run's flow as it was, from the outline that the history keeps: no user code is loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowkit.draw.drawing import Drawing, Edge, Node

_CASE = re.compile(r"case\((.*)\)(?:-\d+)?", re.DOTALL)


def drawing_of_outline(name: str, outline: Mapping[str, Any]) -> Drawing:
    """Draw what a run was made of.

    Args:
        name: of the flow.
        outline: as plan/outline.py has it, read as JSON; one that is empty or lacks columns gives a drawing
            without edges, or without nodes.
    """
    keys = outline.get("keys", [])
    ids = outline.get("ids") or range(len(keys))
    parameters = set(outline.get("parameters", {}).values())
    carriers = set(outline.get("hidden", ())) - parameters
    mapped = set(outline.get("mapped", ()))
    nodes = tuple(
        Node(
            str(keys[number]),
            str(keys[number]),
            mapped=node in mapped,
            kind="parameter" if node in parameters else "task",
        )
        for node, number in enumerate(ids)
        if node not in carriers
    )
    sources = _Sources(outline, carriers)
    edges: dict[tuple[str, str, str], Edge] = {}
    for node, number in enumerate(ids):
        if node not in carriers:
            for source, label in sources.of(node).items():
                edge = Edge(str(keys[ids[source]]), str(keys[number]), label)
                edges[edge.source, edge.target, edge.label] = edge
    return Drawing(name, nodes, tuple(edges.values()))


class _Sources:
    """What nodes get their values from, through those that only carry them."""

    def __init__(self, outline: Mapping[str, Any], carriers: set[int]) -> None:
        self._upstreams = outline.get("upstreams", ())
        self._gates = outline.get("gates", {})
        self._carriers = carriers
        ids = outline.get("ids") or range(len(outline.get("keys", ())))
        self._keys = [str(outline["keys"][number]) for number in ids]

    def of(self, node: int) -> dict[int, str]:
        """The nodes that are drawn above, with the label of the edge: the value that a `case` expects."""
        found = dict.fromkeys(self._drawn(self._upstreams[node] if node < len(self._upstreams) else ()), "")
        for condition, expected, _ in self._gates.get(str(node), ()):
            label = _label(self._keys[condition], expected)
            found.update(dict.fromkeys(self._drawn([condition]), label))
        return found

    def _drawn(self, nodes: Any) -> list[int]:
        found: dict[int, None] = {}
        waiting, seen = list(reversed(nodes)), set[int]()
        while waiting:
            node = waiting.pop()
            if node not in self._carriers:
                found[node] = None
            elif node not in seen:
                seen.add(node)
                waiting += reversed(self._upstreams[node])
        return list(found)


def _label(key: str, expected: Any) -> str:
    """The value that a `case` expects: its own key says so; what else is kept of a text is a digest."""
    named = _CASE.fullmatch(key)
    if named:
        return named[1]
    return "" if expected is None or isinstance(expected, str) else repr(expected)
