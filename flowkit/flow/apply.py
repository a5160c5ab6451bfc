"""`apply_map`: maps a function that builds tasks, where `Task.map` maps one task.

Source of the rules: Prefect classic, 6.19 and 6.20.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import ambient
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import unwrap
from flowkit.flow.parameter import Parameter
from flowkit.flow.structure import Constant, as_task, containers_with_tasks
from flowkit.flow.task import Task


class _Spread(NamedTuple):
    """How an argument is spread over the children."""

    mapped: bool
    flattened: bool


class Mapping:
    """What the tasks are mapped over that are made while the function of an `apply_map` runs.

    Attributes:
        arguments: the tasks that the function was given; all others are followed child by child.
    """

    def __init__(self) -> None:
        self.arguments: dict[Task, _Spread] = {}

    def adapted(self, edge: Edge) -> Edge:
        """An edge that is made meanwhile, mapped as it has to be.

        Raises:
            DefinitionError: it is mapped already, or starts at a parameter that is not an argument.
        """
        if edge.mapped:
            raise DefinitionError(
                f"the task `{edge.downstream.name}` cannot be mapped inside `apply_map`, which maps it"
            )
        spread = self.arguments.get(edge.upstream)
        if spread is not None:
            return edge._replace(mapped=spread.mapped, flattened=spread.flattened)
        if isinstance(edge.upstream, Parameter):
            raise DefinitionError(
                f"the parameter `{edge.upstream.name}` is used inside `apply_map`, but is no argument of it",
                hints=("give it to the function as an argument, in `unmapped(...)`",),
            )
        return edge if isinstance(edge.upstream, Constant) else edge._replace(mapped=True)


def apply_map(func: Callable[..., Any], *args: Any, flow: Flow | None = None, **kwargs: Any) -> Any:
    """Call `func` once, and map the tasks that it makes over the arguments, in step.

    Args:
        func: makes tasks of its arguments, which are tasks; `case`, `merge` and several results may be in it.
        *args, **kwargs: what to map over; `unmapped` and `flatten` go around them as in `Task.map`.
        flow: default: that of the surrounding `with Flow(...)`.

    Returns:
        What the function returned.

    Raises:
        CallError: an argument that cannot be mapped over.
        DefinitionError: the function maps a task itself.
    """
    name: str = getattr(func, "name", "") or getattr(func, "__name__", type(func).__name__)
    target = ambient.flow_for(name, flow)
    around = ambient.current()
    if around.mapping is not None:
        raise DefinitionError(f"`apply_map` of `{name}` cannot stand inside another `apply_map`")
    mapping = Mapping()
    given = [_given(target, mapping, name, value) for value in args]
    named = {key: _given(target, mapping, name, value) for key, value in kwargs.items()}
    if flow is not None and _takes_flow(func):
        named["flow"] = flow
    before = len(target.tasks)
    with ambient.entered(around._replace(flow=target, mapping=mapping, case=None, resource=None)):
        result = func(*given, **named)
    made = [task for task in itertools.islice(target.tasks, before, None) if _is_mapped(task, mapping)]
    _connect_first(target, made, mapping)
    # Those of blocks inside the function too: to the blocks around it all that was made is one.
    if around.case is not None:
        around.case.join(target, *made)
    if around.resource is not None:
        around.resource.extend(made)
    return result


def _given(flow: Flow, mapping: Mapping, name: str, value: Any) -> Any:
    """What the function is given for an argument: a task, or a constant that every child takes whole."""
    bare, *spread = unwrap(value, True)
    if not isinstance(bare, Task) and not containers_with_tasks(bare):
        if not spread[0]:
            return bare
        if not isinstance(bare, Sequence):
            raise CallError(
                f"`{name}` cannot be mapped over: `{type(bare).__name__}` is not a sequence",
                hints=("pass a list, or wrap the argument in `unmapped(...)`",),
            )
    task = as_task(bare, flow)
    mapping.arguments[task] = _Spread(*spread)
    return task


def _takes_flow(func: Callable[..., Any]) -> bool:
    return isinstance(func, Task) or "flow" in inspect.signature(func).parameters


def _is_mapped(task: Task, mapping: Mapping) -> bool:
    return task not in mapping.arguments and not isinstance(task, Constant | Parameter)


def _connect_first(flow: Flow, made: list[Task], mapping: Mapping) -> None:
    """Let the tasks that depend on no other of those made depend on all arguments."""
    inside, inputs = set(made), flow.wiring.inputs
    for task in made:
        upstreams = {edge.upstream for edge in inputs[task]}
        if inside.isdisjoint(upstreams):
            for argument, spread in mapping.arguments.items():
                if argument not in upstreams:
                    flow.add_edge(argument, task, None, *spread)
