"""The tasks that operators of placeholders stand for, under their names in Prefect classic."""

from __future__ import annotations

from typing import Any, Self

from flowkit.errors import CallError
from flowkit.flow.keeping import DEFAULT
from flowkit.flow.task import Task

_MISSING = object()


class Operator(Task):
    """Base of the tasks of operators, which have nothing of their own to be copied."""

    __slots__ = ()

    def _copy_own(self, new: Self) -> None:
        pass


class Add(Operator):
    """`x + y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x + y


class Sub(Operator):
    """`x - y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x - y


class Mul(Operator):
    """`x * y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x * y


class Div(Operator):
    """`x / y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x / y


class FloorDiv(Operator):
    """`x // y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x // y


class Mod(Operator):
    """`x % y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x % y


class Pow(Operator):
    """`x ** y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x**y


class GreaterThan(Operator):
    """`x > y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x > y


class GreaterThanOrEqual(Operator):
    """`x >= y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x >= y


class LessThan(Operator):
    """`x < y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x < y


class LessThanOrEqual(Operator):
    """`x <= y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x <= y


class Equal(Operator):
    """`x == y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x == y


class NotEqual(Operator):
    """`x != y`."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x != y


class And(Operator):
    """`x and y`; both have been computed."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x and y


class Or(Operator):
    """`x or y`; both have been computed."""

    __slots__ = ()

    def run(self, x: Any, y: Any) -> Any:
        """Compute it."""
        return x or y


class Not(Operator):
    """`not x`."""

    __slots__ = ()

    def run(self, x: Any) -> bool:
        """Compute it."""
        return not x


_BINARY = (
    *(Add, Sub, Mul, Div, FloorDiv, Mod, Pow),
    *(GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual, Equal, NotEqual, And, Or),
)
# One of each, which calls copy.
BINARY: dict[str, Task] = {kind.__name__: kind() for kind in _BINARY}
_NOT = Not()


def negate(value: Task) -> Task:
    """A task that computes `not value`."""
    made: Task = _NOT(value)
    return made


class GetItem(Task):
    """`task_result[key]`; with `default`, that value where a mapping has no such key."""

    def __init__(self, default: Any = _MISSING, **options: Any) -> None:
        super().__init__(**options)
        self.default = default

    def run(self, task_result: Any, key: Any) -> Any:
        """Look the key up.

        Raises:
            KeyError: it is not there, and no default was given.
            IndexError: a list is not that long; as in Prefect classic the default does not help there.
        """
        if self.default is _MISSING:
            return task_result[key]
        try:
            return task_result[key]
        except KeyError:
            return self.default


_GET_ITEM = GetItem()


def get_item(task: Task, key: Any) -> Task:
    """`task[key]`, named after both, and kept as the whole is (`checkpoint`, `result`).

    Corrected: it is not written over the whole where that has a `target`.
    """
    if isinstance(key, slice) and any(isinstance(part, Task) for part in (key.start, key.stop, key.step)):
        raise CallError(
            f"a slice of the task `{task.name}` cannot have tasks in it", hints=("do the slicing in a task",)
        )
    shown = key.name if isinstance(key, Task) else repr(key)
    made = _GET_ITEM(task, key, task_args={"name": f"{task.name}[{shown}]"})
    made.is_carrier = True
    if task.keeping is not DEFAULT:
        made.checkpoint = task.checkpoint
        made.result = task.result if task.result is None or task.target is None else task.result.at(None)
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
