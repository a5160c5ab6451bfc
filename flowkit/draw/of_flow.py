"""The drawing of a flow: its tasks and parameters, without the tasks that only carry values about."""

from __future__ import annotations

from flowkit.draw.drawing import Drawing, Edge, Node
from flowkit.flow.flow import Flow
from flowkit.flow.graph import in_order
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task


def drawing_of(flow: Flow, keys: dict[Task, str]) -> Drawing:
    """Draw a flow whose graph is built.

    Args:
        keys: what each task is called.

    Raises:
        DefinitionError: a cycle.
    """
    wiring = flow.wiring
    order = in_order(flow)
    shown = [task for task in order if not task.is_carrier]
    nodes = tuple(
        Node(
            keys[task],
            keys[task],
            mapped=any(edge.mapped for edge in wiring.inputs[task]),
            kind="parameter" if isinstance(task, Parameter) else "task",
        )
        for task in shown
    )
    sources = _shown_sources(flow, order)
    edges: dict[tuple[str, str, str], Edge] = {}
    for task in shown:
        labelled = {
            source: repr(gate.value)[:40]
            for gate in flow.gates_of(task)
            for source in _through(gate.condition, sources)
        }
        for source in [*_direct(flow, task, sources), *labelled]:
            label = labelled.get(source, "")
            edges[keys[source], keys[task], label] = Edge(keys[source], keys[task], label)
    return Drawing(flow.name, nodes, tuple(edges.values()))


def _direct(flow: Flow, task: Task, sources: dict[Task, list[Task]]) -> list[Task]:
    found: dict[Task, None] = {}
    for edge in flow.wiring.inputs[task]:
        found.update(dict.fromkeys(_through(edge.upstream, sources)))
    return list(found)


def _through(task: Task, sources: dict[Task, list[Task]]) -> list[Task]:
    """The task itself where it is drawn, else the drawn tasks whose values it carries."""
    return sources[task] if task.is_carrier else [task]


def _shown_sources(flow: Flow, order: tuple[Task, ...]) -> dict[Task, list[Task]]:
    """For each task that only carries values, the drawn tasks that those come from."""
    sources: dict[Task, list[Task]] = {}
    for task in order:
        if task.is_carrier:
            sources[task] = _direct(flow, task, sources)
    return sources
