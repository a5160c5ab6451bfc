"""The checked graph of a flow: who comes before whom, and the way round where that has no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowkit.errors import DefinitionError

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow
    from flowkit.flow.task import Task


def upstreams(flow: Flow) -> dict[Task, list[Task]]:
    """What each task waits for, once each: the upstreams of its edges, and the conditions of its gates."""
    wiring = flow.wiring
    found = {}
    for task, edges in wiring.inputs.items():
        needs = [edge.upstream for edge in edges]
        gates = wiring.gates.get(task)
        if gates:
            needs += [gate.condition for gate in gates]
        found[task] = needs if len(needs) < 2 else list(dict.fromkeys(needs))
    return found


def in_order(flow: Flow, needs: dict[Task, list[Task]] | None = None) -> tuple[Task, ...]:
    """All tasks, each after what it waits for; otherwise in the order in which they were added.

    Args:
        needs: what `upstreams` gave, where it is at hand.

    Raises:
        DefinitionError: a cycle.
    """
    needs = upstreams(flow) if needs is None else needs
    waiting = {task: len(found) for task, found in needs.items()}
    followers: dict[Task, list[Task]] = {task: [] for task in needs}
    for task, found in needs.items():
        for upstream in found:
            followers[upstream].append(task)
    ordered = [task for task, count in waiting.items() if not count]
    for task in ordered:  # grows as it is walked
        for follower in followers[task]:
            waiting[follower] -= 1
            if not waiting[follower]:
                ordered.append(follower)
    if len(ordered) < len(needs):
        raise _cycle_error(flow, needs, set(ordered))
    return tuple(ordered)


def _cycle_error(flow: Flow, needs: dict[Task, list[Task]], sorted_out: set[Task]) -> DefinitionError:
    """Walk upstream among what could not be ordered until a task comes again: that is a cycle."""
    task = next(task for task in needs if task not in sorted_out)
    path: dict[Task, None] = {}
    while task not in path:
        path[task] = None
        task = next(upstream for upstream in needs[task] if upstream not in sorted_out)
    walked = list(path)
    cycle = [task, *reversed(walked[walked.index(task) :])]
    shown = [f"`{member.name}`" for member in cycle]
    if len(shown) > 12:
        shown = [*shown[:6], f"… {len(shown) - 11} more …", *shown[-5:]]
    return DefinitionError(
        f"the flow `{flow.name}` has a cycle: {' → '.join(shown)}",
        hints=("a task cannot wait for its own result; take one of these dependencies out",),
    )


def to_networkx(flow: Flow) -> Any:
    """The graph as a `networkx.MultiDiGraph`: nodes are tasks, edges carry `key`, `mapped`, `flattened`."""
    import networkx

    graph = networkx.MultiDiGraph(name=flow.name)
    for task, slug in flow.slugs.items():
        graph.add_node(task, slug=slug, name=task.name)
    for edge in flow.edges:
        graph.add_edge(
            edge.upstream, edge.downstream, key=edge.key, mapped=edge.mapped, flattened=edge.flattened
        )
    for task, gates in flow.wiring.gates.items():
        for gate in gates:
            graph.add_edge(gate.condition, task, value=gate.value)
    return graph
