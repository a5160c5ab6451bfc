"""Conditional flows: `case`, `switch`, `ifelse`, `merge`.

Source of the vocabulary: Prefect classic, group 7. Corrected: `case` gates every task that is
created inside and nothing escapes a shut gate; `merge` takes the first input that succeeded, in the
order of its arguments, and `None` is a value.
"""

from __future__ import annotations

from contextvars import Token
from typing import Any

from flowkit.errors import CallError
from flowkit.flow import ambient
from flowkit.flow.ambient import Ambient
from flowkit.flow.edge import Gate
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import EdgeAnnotation
from flowkit.flow.structure import Collection, Value, as_task
from flowkit.flow.task import FunctionTask, Task


def _truth(value: Any) -> bool:
    return bool(value)


_AS_BOOL = FunctionTask(_truth, name="bool")
_AS_BOOL.auto_generated = True


class case:  # noqa: N801 - the vocabulary of Prefect classic
    """`with case(condition, value):` runs the tasks created inside only where the result equals the value.

    Blocks nest: a task runs where all of its gates are open. Parameters and constants are never gated.

    Raises:
        CallError: the value is a task.
    """

    def __init__(self, task: Any, value: Any) -> None:
        if isinstance(value, Task):
            raise CallError("the value of a `case` is known when the flow is written; it cannot be a task")
        self.task = task
        self.value = value
        self._entered: list[Token[Ambient]] = []

    def __enter__(self) -> None:
        around = ambient.current()
        flow = ambient.flow_for(getattr(self.task, "name", "case"))
        gate = Gate(_condition(flow, self.task), self.value)
        self._entered.append(ambient._AMBIENT.set(around._replace(gates=(*around.gates, gate))))

    def __exit__(self, *exc: object) -> None:
        ambient._AMBIENT.reset(self._entered.pop())


def switch(condition: Any, cases: dict[Any, Any], mapped: bool = False) -> None:
    """Run, of these tasks, the one whose value equals the result of the condition; skip the others.

    Args:
        condition: a task.
        cases: what to run for which value; tasks that it depends on are not gated.
        mapped: decide for each element of the condition.
    """
    flow = ambient.flow_for("switch")
    looked_at = _condition(flow, condition, mapped)
    for value, branch in cases.items():
        flow.add_gates(as_task(branch, flow), [Gate(looked_at, value, mapped)])


def ifelse(condition: Any, true_task: Any, false_task: Any, mapped: bool = False) -> None:
    """Run one of two tasks, by the truth of the condition's result; either may be None."""
    flow = ambient.flow_for("ifelse")
    looked_at = _AS_BOOL(_condition(flow, condition, mapped), mapped=mapped)
    for value, branch in ((True, true_task), (False, false_task)):
        if branch is not None:
            flow.add_gates(as_task(branch, flow), [Gate(looked_at, value, mapped)])


def _condition(flow: Flow, condition: Any, mapped: bool = False) -> Task:
    """The task that a gate looks at.

    A gate compares one value. The children of a mapped task have one each, so where a plain gate
    meets a mapped task, or a mapped gate a plain one, a task between them makes the shapes fit.
    """
    task = flow.add_task(as_task(condition, flow))
    is_mapped = any(edge.mapped for edge in flow.wiring.inputs[task])
    if is_mapped == mapped:
        return task
    made: Task = Value()(task, mapped=mapped)
    return made


class Merge(Collection):
    """The first of its inputs that succeeded."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name or "Merge")
        self.auto_generated = False
        self.trigger = "not_all_skipped"
        self.skip_on_upstream_skip = False

    def run(self, **items: Any) -> Any:
        """The first item; the worker leaves out those whose task was skipped."""
        return next(iter(self.ordered(items)), None)


def merge(*tasks: Any, flow: Flow | None = None, mapped: bool = False, **options: Any) -> Task:
    """Join branches: a task that gives the result of the first input that was not skipped.

    It is skipped where all inputs are, and fails where one failed.

    Args:
        mapped: join child by child.
        **options: attributes of the task, such as `name`.
    """
    if options.get("skip_on_upstream_skip"):
        raise CallError("`merge` cannot have `skip_on_upstream_skip=True`: joining what is left is its work")
    target = ambient.flow_for("merge", flow)
    made = Merge().copy(**options)
    made.tags |= ambient.current().tags
    target.add_task(made)
    for number, value in enumerate(tasks, 1):
        given = value if isinstance(value, EdgeAnnotation) else target.as_task(value)
        target.add_edge(given, made, f"task_{number}", mapped)
    return made
