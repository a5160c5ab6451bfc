"""Dependencies that are set on a task itself, and what its signature says of its inputs and output.

Source of the vocabulary: Prefect classic, 1.25 to 1.28.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from flowkit.errors import CallError
from flowkit.flow import ambient
from flowkit.flow.mapping import EdgeAnnotation

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow
    from flowkit.flow.task import Task


class Dependencies:
    """What runs before and after a task, and what it takes and gives."""

    __slots__ = ()

    def set_upstream(
        self, task: Any, flow: Flow | None = None, key: str | None = None, mapped: bool = False
    ) -> Self:
        """Run after `task`; with `key`, take its result as that argument. Returns this task."""
        me = cast("Task", self)
        target = ambient.flow_for(me.name, flow)
        target.add_edge(task, target.add_task(me), key, mapped)
        return self

    def set_downstream(
        self, task: Any, flow: Flow | None = None, key: str | None = None, mapped: bool = False
    ) -> Self:
        """Run before `task`; with `key`, give it this result as that argument. Returns this task."""
        me = cast("Task", self)
        target = ambient.flow_for(me.name, flow)
        target.add_edge(me, target.as_task(task), key, mapped)
        return self

    def set_dependencies(
        self,
        flow: Flow | None = None,
        upstream_tasks: Iterable[Any] | None = None,
        downstream_tasks: Iterable[Any] | None = None,
        keyword_tasks: Mapping[str, Any] | None = None,
        mapped: bool = False,
        validate: bool | None = None,
    ) -> Self:
        """Set upstream, downstream and argument tasks in one call. Returns this task."""
        ambient.flow_for(cast("Task", self).name, flow).set_dependencies(
            self, upstream_tasks, downstream_tasks, keyword_tasks, mapped, bool(validate)
        )
        return self

    def pipe(_self, _task: Any, /, **kwargs: Any) -> Any:  # noqa: N805 - `self` may be an argument of the task
        """Call `_task` with this one as its first argument: `a.pipe(b, y=2)` is `b(a, y=2)`.

        Args:
            _task: a task, its `map`, or an annotation such as `unmapped`, which changes nothing.

        Raises:
            CallError: an argument named `self`.
        """
        if "self" in kwargs:
            raise CallError("`self` cannot be an argument of `pipe`")
        if isinstance(_task, type) and issubclass(_task, EdgeAnnotation):
            return _self
        return _task(_self, **kwargs)

    def inputs(self) -> dict[str, dict[str, Any]]:
        """Of each argument of `run`, its `type`, whether it is `required`, and its `default`, else None."""
        return {
            name: {
                "type": _annotated(parameter.annotation),
                "default": None if parameter.default is parameter.empty else parameter.default,
                "required": parameter.default is parameter.empty,
            }
            for name, parameter in cast("Task", self)._signature.signature.parameters.items()
        }

    def outputs(self) -> Any:
        """What `run` is annotated to return, as it stands there; `Any` where it is not."""
        return _annotated(cast("Task", self)._signature.signature.return_annotation)


def _annotated(annotation: Any) -> Any:
    return Any if annotation is inspect.Parameter.empty else annotation
