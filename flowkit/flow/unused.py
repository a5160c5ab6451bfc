"""Tasks that were made inside `with Flow(...)` and are not part of it: often a call was forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flowkit.flow.parameter import Parameter
from flowkit.flow.task import FunctionTask, Task
from flowkit.flow.warning import warn

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow

_MOST_NAMED = 10


def warn_of_unused(flow: Flow, made: Iterable[Task]) -> None:
    """Name those of the tasks `made` that are not in the flow, in one warning (Prefect classic, 1.31)."""
    unused = [task.name for task in made if task not in flow.wiring.inputs and not _is_ours(task)]
    if unused:
        names = ", ".join(f"`{name}`" for name in unused[:_MOST_NAMED])
        warn(
            f"made inside `with Flow(...)` but not part of the flow `{flow.name}`: {names}"
            f"{', …' if unused[_MOST_NAMED:] else ''}; a task is when it is called or given to another, "
            "a parameter when it is given to a task"
        )


def _is_ours(task: Task) -> bool:
    """Whether a task is made by the way: for an operator, once, a `case`, a constant."""
    if isinstance(task, Parameter) or type(task) is Task:
        return False
    if not isinstance(task, FunctionTask):
        return type(task).__module__.startswith("flowkit.flow.")
    module: str = getattr(task.run, "__module__", None) or type(task.run).__module__
    return module.startswith("flowkit.")
