"""A task that is called while a flow is written becomes a part of it: `t(...)`, `t.map(...)`, `t.bind(...)`.

Source of the vocabulary: Prefect classic, 1.20 to 1.23.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from flowkit.errors import CallError
from flowkit.flow import ambient, manners
from flowkit.flow.mapping import EdgeAnnotation, check_mappable

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow
    from flowkit.flow.task import Task


class Calls:
    """What a call does; `Task` has what is called."""

    __slots__ = ()

    def __call__(
        self,
        *args: Any,
        mapped: bool = False,
        task_args: dict[str, Any] | None = None,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Flow | None = None,
        **kwargs: Any,
    ) -> Any:
        """Add a copy of this task to the flow that is being written, and return it.

        Args:
            *args, **kwargs: arguments of `run`: results of other tasks, collections of them, or values.
            mapped: run once for each element of the arguments; see `map`.
            task_args: attributes of the copy, such as `{"name": "load users"}`.
            upstream_tasks: what must finish first, without giving its result.
            flow: default: that of the surrounding `with Flow(...)`.

        Raises:
            CallError: outside a flow, or with arguments that `run` does not take.
        """
        me: Task = self  # type: ignore[assignment]
        target = ambient.flow_for(me.name, flow)
        bound = me._signature.bind(me.name, args, kwargs)
        if me in target.wiring.inputs:
            me._warn_of_copy(target)
        new = me._copied()
        if manners.classic and new.slug is not None:
            new.slug = f"{new.slug}-copy"
        if task_args:
            new._override(task_args)
        return _connect(new, target, bound, mapped, upstream_tasks)

    def map(
        self,
        *args: Any,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Flow | None = None,
        task_args: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Add a task that runs once for each element of its arguments, in step, to the shortest.

        Wrap an argument in `unmapped` to give it whole to each child, in `flatten` to map over the
        elements of its elements. The elements of a result are counted when it is there.

        Raises:
            CallError: an argument is known not to be a sequence.
        """
        me: Task = self  # type: ignore[assignment]
        for name, value in zip(me._signature.names, args, strict=False):
            if not isinstance(value, Calls | EdgeAnnotation):
                check_mappable(me.name, name, value)
        new: Task = me(
            *args, mapped=True, upstream_tasks=upstream_tasks, flow=flow, task_args=task_args, **kwargs
        )
        new.nout = None
        return new

    def bind(
        self,
        *args: Any,
        mapped: bool = False,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Flow | None = None,
        **kwargs: Any,
    ) -> Self:
        """Add this very task, not a copy, to the flow with these arguments, and return it."""
        me: Task = self  # type: ignore[assignment]
        target = ambient.flow_for(me.name, flow)
        _connect(me, target, me._signature.bind(me.name, args, kwargs), mapped, upstream_tasks)
        around = ambient.current()
        if around.tags:  # after its slug is made, as in Prefect classic
            me.tags = me.tags | around.tags
        return self


def _connect(
    task: Task,
    flow: Flow,
    arguments: Iterable[tuple[str, Any]],
    mapped: bool,
    upstream_tasks: Iterable[Any] | None,
) -> Task:
    if isinstance(upstream_tasks, Calls):
        raise CallError(
            f"`upstream_tasks` of the task `{task.name}` is a list of tasks, not one",
            hints=(f"write `upstream_tasks=[{getattr(upstream_tasks, 'name', 'task')}]`",),
        )
    flow.add_task(task)
    for value in upstream_tasks or ():
        flow.connect(value, task, None, mapped)
    flow.connect_all(task, arguments, mapped)
    return task
