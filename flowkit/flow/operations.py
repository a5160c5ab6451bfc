"""The operators of a task's placeholder: each builds a task that computes the value later.

Source of the rules: Prefect classic, group 2. `==` and `!=` stay identity; `|` is an order, not a
logical or.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flowkit.flow import ambient

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow
    from flowkit.flow.task import Task


def _operate(name: str, left: Any, right: Any) -> Task:
    from flowkit.flow import operators

    made: Task = operators.BINARY[name](left, right)
    return made


class Operations:
    """What can be written with a placeholder."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Task:
        from flowkit.flow import operators

        return operators.get_item(cast("Task", self), key)

    def __add__(self, other: Any) -> Task:
        return _operate("Add", self, other)

    def __radd__(self, other: Any) -> Task:
        return _operate("Add", other, self)

    def __sub__(self, other: Any) -> Task:
        return _operate("Sub", self, other)

    def __rsub__(self, other: Any) -> Task:
        return _operate("Sub", other, self)

    def __mul__(self, other: Any) -> Task:
        return _operate("Mul", self, other)

    def __rmul__(self, other: Any) -> Task:
        return _operate("Mul", other, self)

    def __truediv__(self, other: Any) -> Task:
        return _operate("Div", self, other)

    def __rtruediv__(self, other: Any) -> Task:
        return _operate("Div", other, self)

    def __floordiv__(self, other: Any) -> Task:
        return _operate("FloorDiv", self, other)

    def __rfloordiv__(self, other: Any) -> Task:
        return _operate("FloorDiv", other, self)

    def __mod__(self, other: Any) -> Task:
        return _operate("Mod", self, other)

    def __rmod__(self, other: Any) -> Task:
        return _operate("Mod", other, self)

    def __pow__(self, other: Any) -> Task:
        return _operate("Pow", self, other)

    def __rpow__(self, other: Any) -> Task:
        return _operate("Pow", other, self)

    def __gt__(self, other: Any) -> Task:
        return _operate("GreaterThan", self, other)

    def __ge__(self, other: Any) -> Task:
        return _operate("GreaterThanOrEqual", self, other)

    def __lt__(self, other: Any) -> Task:
        return _operate("LessThan", self, other)

    def __le__(self, other: Any) -> Task:
        return _operate("LessThanOrEqual", self, other)

    def __and__(self, other: Any) -> Task:
        return _operate("And", self, other)

    def __rand__(self, other: Any) -> Task:
        return _operate("And", other, self)

    def is_equal(self, other: Any) -> Task:
        """A task that computes `self == other`."""
        return _operate("Equal", self, other)

    def is_not_equal(self, other: Any) -> Task:
        """A task that computes `self != other`."""
        return _operate("NotEqual", self, other)

    def or_(self, other: Any) -> Task:
        """A task that computes `self or other`."""
        return _operate("Or", self, other)

    def not_(self) -> Task:
        """A task that computes `not self`."""
        from flowkit.flow import operators

        return operators.negate(cast("Task", self))

    def __or__(self, other: Any) -> Any:
        """`a | b`: b runs after a, without its result. Returns b as it was given."""
        return self._in_order(self, other)

    def __ror__(self, other: Any) -> Any:
        return self._in_order(other, self)

    def _in_order(self, first: Any, second: Any) -> Any:
        flow: Flow = ambient.flow_for(cast("Task", self).name)
        earlier = flow.as_task(first)
        flow.add_edge(earlier, flow.as_task(second))
        return second
