"""What a picture shows: boxes, arrows and their labels, nothing of how flows are written.

A `Drawing` is checked when it is made, so every picture may rely on it: keys are unique, edges
join known nodes, and following the edges never leads back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

Direction = Literal["down", "right"]


@dataclass(frozen=True, slots=True)
class Node:
    """A task or a parameter.

    Args:
        key: unique in its drawing; never shown.
        label: what is shown; any text, pictures escape it.
        mapped: runs once for each element of its input.
        kind: a parameter is drawn differently from a task.
    """

    key: str
    label: str
    mapped: bool = False
    kind: Literal["task", "parameter"] = "task"


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow between two nodes' keys; `label` is the value that a `case` expects, or empty."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A directed acyclic graph to be drawn.

    Args:
        name: of the flow.
        nodes: in the order in which they were written; pictures keep it where they are free.
        edges: two between the same nodes must differ in their label.

    Raises:
        ValueError: two nodes of one key, an edge twice, an edge to an unknown key, or a cycle.
    """

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        keys = {node.key for node in self.nodes}
        _refuse_twice("node", (node.key for node in self.nodes))
        _refuse_twice("edge", ((edge.source, edge.target, edge.label) for edge in self.edges))
        for edge in self.edges:
            for key in (edge.source, edge.target):
                if key not in keys:
                    raise ValueError(f"an edge of drawing `{self.name}` names the unknown node `{key}`")
        _refuse_cycle(self.edges)

    def merged_edges(self) -> tuple[Edge, ...]:
        """Return one edge for every pair of joined nodes, the labels of parallel ones joined by a comma."""
        labels: dict[tuple[str, str], list[str]] = {}
        for edge in self.edges:
            labels.setdefault((edge.source, edge.target), []).append(edge.label)
        return tuple(Edge(*pair, ", ".join(filter(None, found))) for pair, found in labels.items())

    def components(self) -> tuple[Drawing, ...]:
        """Return the connected parts, each a drawing, in the order of their first nodes."""
        part = self._part_of_node()
        nodes: dict[int, list[Node]] = {}
        for node in self.nodes:
            nodes.setdefault(part[node.key], []).append(node)
        edges: dict[int, list[Edge]] = {number: [] for number in nodes}
        for edge in self.edges:
            edges[part[edge.source]].append(edge)
        return tuple(Drawing(self.name, tuple(nodes[number]), tuple(edges[number])) for number in nodes)

    def _part_of_node(self) -> dict[str, int]:
        neighbours: dict[str, list[str]] = {node.key: [] for node in self.nodes}
        for edge in self.edges:
            neighbours[edge.source].append(edge.target)
            neighbours[edge.target].append(edge.source)
        part: dict[str, int] = {}
        for number, node in enumerate(self.nodes):
            waiting = [node.key]
            while waiting:
                key = waiting.pop()
                if key not in part:
                    part[key] = number
                    waiting += neighbours[key]
        return part


def _refuse_twice(what: str, names: Iterable[object]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"{what} `{name}` is given {times} times")


def _refuse_cycle(edges: Sequence[Edge]) -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for edge in edges:
        sorter.add(edge.target, edge.source)
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(f"the edges form a cycle: `{' -> '.join(error.args[1])}`") from None
