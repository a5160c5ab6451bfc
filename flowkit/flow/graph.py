"""The checked graph of a flow: who comes before whom, and the way round where that has no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowkit.errors import DefinitionError

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow
    from flowkit.flow.task import Task


class CycleError(DefinitionError):
    """Tasks that wait for each other; a script that runs such a flow gets a Failed state, as in classic."""


def numbered(flow: Flow) -> tuple[list[Task], list[tuple[int, ...]]]:
    """The tasks in the order in which they were added, and what each waits for, by its place there.

    A task waits for the upstreams of its edges and the conditions of its gates, once each.
    """
    wiring = flow.wiring
    tasks = list(wiring.inputs)
    place = {task: number for number, task in enumerate(tasks)}
    needs = []
    for task, edges in wiring.inputs.items():
        found = [place[edge.upstream] for edge in edges]
        gates = wiring.gates.get(task)
        if gates:
            found += [place[gate.condition] for gate in gates]
        needs.append(tuple(found) if len(found) < 2 else tuple(dict.fromkeys(found)))
    return tasks, needs


def upstreams(flow: Flow) -> dict[Task, list[Task]]:
    """What each task waits for."""
    tasks, needs = numbered(flow)
    return {task: [tasks[number] for number in found] for task, found in zip(tasks, needs, strict=True)}


def order_of(flow: Flow, tasks: list[Task], needs: list[tuple[int, ...]]) -> list[int]:
    """The places of all tasks, each after what it waits for; otherwise as they were added.

    Args:
        tasks, needs: what `numbered` gave.

    Raises:
        CycleError: a cycle, shown as a path.
    """
    waiting = [len(found) for found in needs]
    followers: list[list[int] | None] = [None] * len(needs)
    for number, found in enumerate(needs):
        for upstream in found:
            after = followers[upstream]
            if after is None:
                followers[upstream] = [number]
            else:
                after.append(number)
    ordered = [number for number, count in enumerate(waiting) if not count]
    for number in ordered:  # grows as it is walked
        for follower in followers[number] or ():
            waiting[follower] -= 1
            if not waiting[follower]:
                ordered.append(follower)
    if len(ordered) < len(needs):
        raise _cycle_error(flow, tasks, needs, set(ordered))
    return ordered


def in_order(flow: Flow) -> tuple[Task, ...]:
    """All tasks, each after what it waits for; otherwise in the order in which they were added.

    Raises:
        CycleError: a cycle, shown as a path.
    """
    tasks, needs = numbered(flow)
    return tuple([tasks[number] for number in order_of(flow, tasks, needs)])


def _cycle_error(
    flow: Flow, tasks: list[Task], needs: list[tuple[int, ...]], sorted_out: set[int]
) -> CycleError:
    """Walk upstream among what could not be ordered until a task comes again: that is a cycle."""
    number = next(number for number in range(len(needs)) if number not in sorted_out)
    path: dict[int, None] = {}
    while number not in path:
        path[number] = None
        number = next(upstream for upstream in needs[number] if upstream not in sorted_out)
    walked = list(path)
    cycle = [number, *reversed(walked[walked.index(number) :])]
    shown = [f"`{tasks[member].name}`" for member in cycle]
    if len(shown) > 12:
        shown = [*shown[:6], f"… {len(shown) - 11} more …", *shown[-5:]]
    return CycleError(
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
