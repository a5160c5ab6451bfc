"""Annotations of a task's arguments: how a value is spread over the children of a mapped task.

The rules are those of Prefect classic, group 6: widths are the shortest of the mapped arguments,
`unmapped` passes a value whole, `flatten` takes out one level of nesting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowkit.errors import CallError


class EdgeAnnotation:
    """Base of what can be wrapped around an argument of a task call."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class unmapped(EdgeAnnotation):  # noqa: N801 - the vocabulary of Prefect classic
    """Give the whole value to every child of a mapped call."""


class mapped(EdgeAnnotation):  # noqa: N801
    """Spread this argument over children, also in a plain call."""


class flatten(EdgeAnnotation):  # noqa: N801
    """Take out one level of nesting before the value is mapped over or passed on."""


def unwrap(value: Any, by_default: bool) -> tuple[Any, bool, bool]:
    """Return the bare value, whether it is mapped, and whether it is flattened.

    An annotation outranks `by_default`; `unmapped(flatten(x))` and `flatten(unmapped(x))` are the same, and
    `flatten(flatten(x))` takes out one level, as in Prefect classic.
    """
    is_mapped, is_flattened = by_default, False
    while isinstance(value, EdgeAnnotation):
        if isinstance(value, flatten):
            is_flattened = True
        else:
            is_mapped = isinstance(value, mapped)
        value = value.value
    return value, is_mapped, is_flattened


def refuse_dict(task_name: str, argument: str, value: Any) -> None:
    """Refuse a constant dict, whose elements are ambiguous.

    Raises:
        CallError: it is one.
    """
    if isinstance(value, dict):
        hint = "map over `list(value.items())`, `list(value)` or `list(value.values())`"
        raise _unmappable(task_name, argument, value, hint)


def check_mappable(task_name: str, argument: str, value: Any) -> None:
    """Refuse constants that have no elements in an order.

    Raises:
        CallError: a set, a generator, a number, None, or a dict.
    """
    refuse_dict(task_name, argument, value)
    if not (isinstance(value, Sequence) or (hasattr(value, "__getitem__") and hasattr(value, "__len__"))):
        hint = "pass a list, or wrap the argument in `unmapped(...)` to give it whole to every child"
        raise _unmappable(task_name, argument, value, hint)


def _unmappable(task_name: str, argument: str, value: Any, hint: str) -> CallError:
    return CallError(
        f"the task `{task_name}` cannot be mapped over `{argument}`: "
        f"`{type(value).__name__}` is not a sequence",
        hints=(hint,),
    )
