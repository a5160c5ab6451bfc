"""Dependencies between tasks: data and state edges, and the gates of conditional blocks."""

from __future__ import annotations

import keyword
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from flowkit.errors import DefinitionError
from flowkit.flow.mapping import EdgeAnnotation, unwrap

if TYPE_CHECKING:
    from flowkit.flow.task import Task


class _Columns(NamedTuple):
    upstream: Task
    downstream: Task
    key: str | None = None
    mapped: bool = False
    flattened: bool = False


class Edge(_Columns):
    """`downstream_task` needs `upstream_task`; two edges are equal where all five are.

    Source of the rules: Prefect classic, 3.6.

    Args:
        upstream_task: a task, or an annotated one, such as `unmapped(task)`; that wins over `mapped`.
        downstream_task: the task that needs it.
        key: the argument that takes the upstream's result; None for a dependency on its state alone.
        mapped: each child of the downstream takes one element.
        flattened: one level of nesting is taken out of the value first.

    Raises:
        DefinitionError: from a task to itself, or a key that no argument can be named.
    """

    __slots__ = ()

    upstream_task = _Columns.upstream
    downstream_task = _Columns.downstream

    def __new__(
        cls,
        upstream_task: Any,
        downstream_task: Task,
        key: str | None = None,
        mapped: bool = False,
        flattened: bool = False,
    ) -> Self:
        """Check what a user gives; `edge_of` makes those that flowkit knows to be right."""
        if isinstance(upstream_task, EdgeAnnotation):
            upstream_task, mapped, levels = unwrap(upstream_task, mapped)
            flattened = flattened or levels > 0
        if upstream_task is downstream_task:
            raise DefinitionError(f"the task `{downstream_task.name}` depends on itself")
        if key is not None:
            check_key(key)
        return tuple.__new__(cls, (upstream_task, downstream_task, key, mapped, flattened))

    @property
    def tasks(self) -> set[Task]:
        """Both ends."""
        return {self.upstream, self.downstream}

    def serialize(self) -> dict[str, Any]:
        """The edge as a document of JSON, by the slugs that its tasks have of their own."""
        from flowkit.flow.serialized import edge_document

        return edge_document(self, {})

    def __repr__(self) -> str:
        ends = " to ".join(str(getattr(end, "name", end)) for end in (self.upstream, self.downstream))
        return f"<Edge(key={self.key}, mapped={self.mapped}, flattened={self.flattened}): {ends}>"


# An edge from the tuple of its five attributes, unchecked.
edge_of = partial(tuple.__new__, Edge)


def check_key(key: object) -> None:
    """Refuse what cannot be the name of an argument.

    Raises:
        DefinitionError: it is no identifier, or a keyword of Python.
    """
    if not isinstance(key, str) or not key.isidentifier() or keyword.iskeyword(key):
        raise DefinitionError(f"`{key}` cannot be the name of an argument")


class Gate(NamedTuple):
    """A task runs only where the result of `condition` equals `value`.

    Attributes:
        mapped: child *i* of the task looks at child *i* of the condition.
    """

    condition: Task
    value: object
    mapped: bool = False
