"""Conditional flows: `case`, `switch`, `ifelse`, `merge`.

Source of the vocabulary, and of the tasks and edges that are made: Prefect classic, group 7. Corrected: a
gate, beside those edges, stands before every task that is created inside a `case`, and nothing escapes a
shut one; `merge` takes the first input that succeeded, in the order of its arguments, and `None` is a value.
"""

from __future__ import annotations

from contextvars import Token
from typing import Any

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import ambient
from flowkit.flow.ambient import Ambient
from flowkit.flow.edge import Gate
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import EdgeAnnotation
from flowkit.flow.skipping import skip
from flowkit.flow.structure import Collection, Constant, as_task
from flowkit.flow.task import FunctionTask, Task


class CompareValue(Task):
    """Succeeds where what it gets equals `value`, else it is skipped, and so is what comes after it."""

    def __init__(self, value: Any, name: str | None = None, **options: Any) -> None:
        super().__init__(name=name or f'CompareValue: "{value}"', **options)
        self.value = value
        self.is_carrier = True

    def run(self, value: Any) -> None:
        """Compare."""
        if not (value is self.value or value == self.value):
            skip(f"The value is not {self.value!r}."[:200])


def _truth(x: Any) -> bool:
    return bool(x)


_AS_BOOL = FunctionTask(_truth, name="as_bool")
_AS_BOOL.is_carrier = True


class case:  # noqa: N801 - the vocabulary of Prefect classic
    """`with case(condition, value):` runs the tasks created inside only where the result equals the value.

    Blocks nest: a task runs where all of its gates are open. Parameters and constants are never gated.
    At the end of a block that is not empty a `CompareValue` becomes the upstream of those tasks in it that
    have none in it.

    Raises:
        CallError: the value is a task.
    """

    def __init__(self, task: Any, value: Any) -> None:
        if isinstance(value, Task):
            raise CallError("the value of a `case` is known when the flow is written; it cannot be a task")
        if isinstance(task, EdgeAnnotation):
            raise CallError(f"`{type(task).__name__}` goes around an argument of a task, nowhere else")
        self.task = task
        self.value = value
        self._flow: Flow | None = None
        self._inside: list[Task] = []
        self._entered: list[tuple[Token[Ambient], CompareValue]] = []

    def __enter__(self) -> None:
        around = ambient.current()
        self._flow = self._flow or around.flow
        compare = CompareValue(self.value, name=f"case({self.value})")
        gates = (*around.gates, Gate(compare, self.value))
        self._entered.append((ambient._AMBIENT.set(around._replace(gates=gates, case=self)), compare))

    def join(self, flow: Flow, *tasks: Task) -> None:
        """Take up tasks that are added to a flow inside the block.

        Raises:
            DefinitionError: it is not the flow of the block, or of the tasks that are in it already.
        """
        if self._flow is not None and flow is not self._flow:
            raise DefinitionError(f"the task `{tasks[0].name}` of another flow is inside a `case` block")
        self._flow = flow
        self._inside += tasks

    def __exit__(self, *exc: object) -> None:
        token, compare = self._entered.pop()
        ambient._AMBIENT.reset(token)
        flow = self._flow
        if flow is None or not self._inside:
            return
        compare.bind(self.task, flow=flow)
        for first in without_upstream(flow, self._inside):
            flow.add_edge(compare, first)


def without_upstream(flow: Flow, tasks: list[Task]) -> list[Task]:
    """Those of the tasks that have no upstream among them."""
    inside, inputs = set(tasks), flow.wiring.inputs
    return [task for task in tasks if inside.isdisjoint(edge.upstream for edge in inputs[task])]


def switch(condition: Any, cases: dict[Any, Any], mapped: bool = False) -> None:
    """Run, of these tasks, the one whose value equals the result of the condition; skip the others.

    Args:
        condition: a task.
        cases: what to run for which value; tasks that it depends on are not gated.
        mapped: decide for each element of the condition.
    """
    flow = ambient.flow_for("switch")
    with ambient.tags("switch"):
        for value, branch in cases.items():
            task = as_task(branch, flow)
            compare = CompareValue(value).bind(condition, mapped=mapped, flow=flow)
            if not isinstance(task, Constant):
                flow.add_gates(task, [Gate(compare, value)])
            flow.add_edge(compare, task, mapped=mapped)


def ifelse(condition: Any, true_task: Any, false_task: Any, mapped: bool = False) -> None:
    """Run one of two tasks, by the truth of the condition's result; either may be None."""
    flow = ambient.flow_for("ifelse")
    branches = {True: true_task, False: false_task}
    cases = {value: branch for value, branch in branches.items() if branch is not None}
    if cases:
        switch(_AS_BOOL(condition, mapped=mapped, flow=flow), cases, mapped)


class Merge(Task):
    """The first of its inputs that succeeded; they are named `task_1`, `task_2`, …"""

    def __init__(self, **options: Any) -> None:
        if options.get("skip_on_upstream_skip"):
            raise CallError(
                "`merge` cannot have `skip_on_upstream_skip=True`: joining what is left is its work"
            )
        defaults: dict[str, Any] = {"trigger": "not_all_skipped", "skip_on_upstream_skip": False}
        super().__init__(**(defaults | options))

    def run(self, **task_results: Any) -> Any:
        """The first item; the worker leaves out those whose task was skipped."""
        return next(iter(Collection.ordered(task_results)), None)


def merge(*tasks: Any, flow: Flow | None = None, mapped: bool = False, **options: Any) -> Task:
    """Join branches: a task that gives the result of the first input that was not skipped.

    It is skipped where all inputs are, and fails where one failed.

    Args:
        mapped: join child by child.
        **options: attributes of the task, such as `name`.
    """
    target = ambient.flow_for("merge", flow)
    named = {f"task_{number}": value for number, value in enumerate(tasks, 1)}
    return Merge(**options).bind(mapped=mapped, flow=target, **named)
