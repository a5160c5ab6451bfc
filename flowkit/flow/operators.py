"""The tasks that operators of placeholders stand for."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from flowkit.errors import CallError
from flowkit.flow.task import FunctionTask, Task

_MISSING = object()


def _and(x: Any, y: Any) -> Any:
    return x and y


def _or(x: Any, y: Any) -> Any:
    return x or y


def _not(x: Any) -> bool:
    return not x


class _Binary:
    """An operator as a function of `x` and `y` that can be pickled."""

    def __init__(self, compute: Callable[[Any, Any], Any]) -> None:
        self.compute = compute

    def __call__(self, x: Any, y: Any) -> Any:
        return self.compute(x, y)


BINARY: dict[str, FunctionTask] = {
    name: FunctionTask(_Binary(compute), name=name)
    for name, compute in {
        "Add": operator.add,
        "Sub": operator.sub,
        "Mul": operator.mul,
        "Div": operator.truediv,
        "FloorDiv": operator.floordiv,
        "Mod": operator.mod,
        "Pow": operator.pow,
        "GreaterThan": operator.gt,
        "GreaterThanOrEqual": operator.ge,
        "LessThan": operator.lt,
        "LessThanOrEqual": operator.le,
        "Equal": operator.eq,
        "NotEqual": operator.ne,
        "And": _and,
        "Or": _or,
    }.items()
}

_NOT = FunctionTask(_not, name="Not")


def negate(value: Task) -> Task:
    """A task that computes `not value`."""
    made: Task = _NOT(value)
    return made


class GetItem(Task):
    """`task_result[key]`; with `default`, that value where there is no such key."""

    def __init__(self, default: Any = _MISSING, **options: Any) -> None:
        super().__init__(**options)
        self.default = default

    def run(self, task_result: Any, key: Any) -> Any:
        """Look the key up.

        Raises:
            KeyError, IndexError: it is not there, and no default was given.
        """
        if self.default is _MISSING:
            return task_result[key]
        try:
            return task_result[key]
        except (KeyError, IndexError):
            return self.default


_GET_ITEM = GetItem()


def get_item(task: Task, key: Any) -> Task:
    """`task[key]`, named after both."""
    if isinstance(key, slice) and any(isinstance(part, Task) for part in (key.start, key.stop, key.step)):
        raise CallError(
            f"a slice of the task `{task.name}` cannot have tasks in it", hints=("do the slicing in a task",)
        )
    shown = key.name if isinstance(key, Task) else repr(key)
    made = _GET_ITEM(task, key, task_args={"name": f"{task.name}[{shown}]"})
    made.auto_generated = True
    return made  # type: ignore[no-any-return]


class GetAttr(Task):
    """`task_result.a.b`, for a dotted path; with `default`, that value where there is none."""

    def __init__(self, default: Any = _MISSING, **options: Any) -> None:
        super().__init__(**options)
        self.default = default

    def run(self, task_result: Any, attr: str) -> Any:
        """Follow the path.

        Raises:
            AttributeError: it is not there, and no default was given.
        """
        value = task_result
        for name in attr.split("."):
            value = getattr(value, name) if self.default is _MISSING else getattr(value, name, _MISSING)
            if value is _MISSING:
                return self.default
        return value
