"""Dependencies between tasks: data and state edges, and the gates of conditional blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from flowkit.flow.task import Task


class Edge(NamedTuple):
    """`downstream` needs `upstream`.

    Attributes:
        key: the argument that takes the upstream's result; None for a dependency on its state alone.
        mapped: each child of the downstream takes one element.
        flattened: one level of nesting is taken out of the value first.
    """

    upstream: Task
    downstream: Task
    key: str | None = None
    mapped: bool = False
    flattened: bool = False


class Gate(NamedTuple):
    """A task runs only where the result of `condition` equals `value`.

    Attributes:
        mapped: child *i* of the task looks at child *i* of the condition.
    """

    condition: Task
    value: object
    mapped: bool = False
