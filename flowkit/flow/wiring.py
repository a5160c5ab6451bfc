"""The graph of a flow as it is written: columns by task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from flowkit.flow.edge import Edge, Gate
from flowkit.flow.task import Task

_FEW = 8  # edges of a task that are a tuple and looked through; more are a list with an index


def _mark(edge: Edge) -> Any:
    """What two edges of a task cannot share: the key, or without one the upstream and how it is mapped."""
    return edge.key if edge.key is not None else (edge.upstream, edge.mapped, edge.flattened)


class Wiring:
    """The graph of a flow as it is written: columns by task, in the order in which tasks were added."""

    __slots__ = ("_outputs", "_places", "constants", "gates", "inputs", "slug_counts", "slugs", "taken")

    def __init__(self) -> None:
        self.inputs: dict[Task, Sequence[Edge]] = {}
        self.constants: dict[Task, dict[str, Any]] = defaultdict(dict)
        self.gates: dict[Task, tuple[Gate, ...]] = {}
        self.slugs: dict[Task, str] = {}
        self.taken: set[str] = set()
        self.slug_counts: dict[str, int] = {}
        self._places: dict[Task, dict[Any, int]] = {}
        self._outputs: dict[Task, list[Edge]] | None = None

    def outputs(self) -> dict[Task, list[Edge]]:
        """The edges that start at each task that has some; made again after a change."""
        if self._outputs is None:
            self._outputs = {}
            for edges in self.inputs.values():
                for edge in edges:
                    self._outputs.setdefault(edge.upstream, []).append(edge)
        return self._outputs

    def extend(self, task: Task, edges: list[Edge]) -> None:
        """Add edges whose keys the task does not have yet."""
        self._outputs = None
        before = self.inputs[task]
        if len(before) + len(edges) <= _FEW:
            self.inputs[task] = (*before, *edges)
            return
        for edge in edges:
            self.put(edge)

    def put(self, edge: Edge) -> None:
        """Add an edge, in the place of one with the same key, or between the same tasks without one."""
        self._outputs = None
        edges, mark = self.inputs[edge.downstream], _mark(edge)
        if isinstance(edges, list):
            places = self._places[edge.downstream]
            place = places.setdefault(mark, len(edges))
            edges[place : place + 1] = [edge]
            return
        for place, old in enumerate(edges):
            if _mark(old) == mark:
                self.inputs[edge.downstream] = (*edges[:place], edge, *edges[place + 1 :])
                return
        if len(edges) < _FEW:
            self.inputs[edge.downstream] = (*edges, edge)
        else:
            self.inputs[edge.downstream] = [*edges, edge]
            self._places[edge.downstream] = {_mark(old): place for place, old in enumerate((*edges, edge))}

    def copy(self) -> Wiring:
        """Independent containers of the same tasks."""
        new = Wiring()
        for task, edges in self.inputs.items():
            new.inputs[task] = list(edges) if isinstance(edges, list) else edges
        new._places = {task: dict(places) for task, places in self._places.items()}
        new.constants.update({task: dict(values) for task, values in self.constants.items()})
        new.gates = dict(self.gates)
        new.slugs = dict(self.slugs)
        new.taken = set(self.taken)
        new.slug_counts = dict(self.slug_counts)
        return new
