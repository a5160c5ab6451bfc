"""Changes of a flow that has been written: another one is taken in, or a task by another replaced.

Source of the rules: Prefect classic, 3.9 and 3.10.
Guarantees: where a change is refused, nothing has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowkit.errors import DefinitionError
from flowkit.flow.ambient import Ambient, entered
from flowkit.flow.edge import Edge
from flowkit.flow.parameter import Parameter
from flowkit.flow.structure import Constant
from flowkit.flow.task import Task

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow


def update(
    flow: Flow, other: Flow, merge_parameters: bool, validate: bool, merge_reference_tasks: bool
) -> None:
    """Add the tasks, edges and constants of `other`; see `Flow.update`."""
    changed = flow.copy()
    with entered(Ambient()):
        if merge_parameters:
            ours = {parameter.name: parameter for parameter in changed.parameters()}
            for parameter in other.parameters():
                mine = ours.get(parameter.name)
                if mine is not None and mine is not parameter:
                    replace(changed, mine, parameter, validate=False)
        for task in other.tasks:
            changed.add_task(task)
        for edges in other.wiring.inputs.values():
            for edge in edges:
                changed.add(edge)
        for task, values in other.constants.items():
            if values:
                changed.constants.setdefault(task, {}).update(values)
        for task, gates in other.wiring.gates.items():
            mine_too = changed.gates_of(task)
            changed.wiring.gates[task] = (*mine_too, *(gate for gate in gates if gate not in mine_too))
    if merge_reference_tasks:
        changed.set_reference_tasks(changed.reference_tasks() | other.reference_tasks())
    if validate:
        changed.validate()
    _become(flow, changed)


def replace(flow: Flow, old: Task, new: Any, validate: bool) -> None:
    """Put `new` in the place of `old`; see `Flow.replace`."""
    flow.edges_to(old)  # refuses a task that is not there
    if new is old:
        return
    before, changed = flow.wiring, flow.copy()
    after = changed.wiring = type(before)()
    after.slug_counts = dict(before.slug_counts)
    after.slugs = {task: slug for task, slug in before.slugs.items() if task is not old}
    after.taken = before.taken - {old.slug}
    after.inputs = {task: () for task in before.inputs if task is not old}
    with entered(Ambient()):
        made = changed.as_task(new)
        for task, values in before.constants.items():
            kept = made if task is old else task
            if values and not (task is old and isinstance(made, Constant | Parameter)):
                after.constants.setdefault(kept, {}).update(values)
        for edges in before.inputs.values():
            for edge in edges:
                _add(changed, edge, old, made)
    for task, gates in before.gates.items():
        after.gates[made if task is old else task] = tuple(
            [gate._replace(condition=made) if gate.condition is old else gate for gate in gates]
        )
    changed._references = tuple(dict.fromkeys([made if task is old else task for task in flow._references]))
    if validate:
        changed.validate()
    _become(flow, changed)


def _add(flow: Flow, edge: Edge, old: Task, new: Task) -> None:
    """Add an edge with `new` where it had `old`; an argument that is a plain value now is a constant."""
    upstream = new if edge.upstream is old else edge.upstream
    downstream = new if edge.downstream is old else edge.downstream
    plain = edge.key is not None and not edge.mapped and not edge.flattened
    if upstream is new and isinstance(new, Constant) and plain:
        flow.constants.setdefault(downstream, {})[edge.key or ""] = new.value
    else:
        flow.add(edge._replace(upstream=upstream, downstream=downstream))


def _become(flow: Flow, changed: Flow) -> None:
    if flow.wiring is not changed.wiring:
        flow.__dict__["wiring"] = changed.wiring
    flow._references = changed._references


def check_unassigned(flow: Flow, task: Task, key: str) -> None:
    """Refuse a second value for an argument.

    Raises:
        DefinitionError: it has a value, or the result of a task.
    """
    taken = any(edge.key == key for edge in flow.wiring.inputs.get(task, ()))
    if taken or key in flow.constants.get(task, ()):
        raise DefinitionError(
            f"the argument `{key}` of the task `{task.name}` is given twice in the flow `{flow.name}`",
            hints=("call the task again, or use a `copy()` of it, for another value",),
        )
