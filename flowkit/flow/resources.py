"""Resource managers: what is set up before the tasks of a block, and cleaned up after them whatever happens.

Source of the vocabulary, and of the tasks and edges that are made: Prefect classic, group 8.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextvars import Token
from inspect import iscoroutinefunction
from typing import Any

from flowkit.flow import ambient
from flowkit.flow.ambient import Ambient
from flowkit.flow.flow import Flow
from flowkit.flow.skipping import skip
from flowkit.flow.task import Task


class ResourceTask(Task):
    """Base of the tasks of a resource manager.

    Their results live in the process that made them and are not kept, so that a resumed run makes them anew.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"persist": False} | options))


class ResourceInitTask(ResourceTask):
    """Makes the resource manager: calls its class."""

    def __init__(self, resource_class: Callable[..., Any], **options: Any) -> None:
        self.run = resource_class
        super().__init__(**options)


class ResourceSetupTask(ResourceTask):
    """Calls `setup` of the resource manager, and gives what that returns; runs again in a resumed run."""

    def run(self, mgr: Any) -> Any:
        """Set up."""
        return mgr.setup()


class ResourceCleanupTask(ResourceTask):
    """Calls `cleanup` of the resource manager with what `setup` returned; runs again in a resumed run."""

    def run(self, mgr: Any, resource: Any = None) -> None:
        """Clean up."""
        mgr.cleanup(resource)


class ResourceSetupCoroutine(ResourceSetupTask):
    """The same where `setup` is an `async def`: on the loop that the tasks use the resource on."""

    async def run(self, mgr: Any) -> Any:
        """Set up."""
        return await mgr.setup()


class ResourceCleanupCoroutine(ResourceCleanupTask):
    """The same where `cleanup` is an `async def`."""

    async def run(self, mgr: Any, resource: Any = None) -> None:  # type: ignore[override]
        """Clean up."""
        await mgr.cleanup(resource)


def resource_cleanup_trigger(upstream_states: Mapping[Any, Any]) -> bool:
    """Run whatever happened inside the block, but be skipped where there is nothing to clean up.

    Source: Prefect classic, 8.2.
    """
    for edge, state in upstream_states.items():
        if edge.key in ("mgr", "resource") and (state.is_failed() or state.is_skipped()):
            skip("The resource was not set up.")
    return True


class ResourceContext:
    """One use of a resource manager in a flow: `with` it are the tasks that need the resource.

    Attributes:
        init_task, setup_task, cleanup_task: its tasks; `setup_task` may be None.
    """

    def __init__(self, init_task: Task, setup_task: Task | None, cleanup_task: Task, flow: Flow) -> None:
        self.init_task = init_task
        self.setup_task = setup_task
        self.cleanup_task = cleanup_task
        self._flow = flow
        self._inside: list[Task] = []
        self._entered: list[Token[Ambient]] = []

    def __enter__(self) -> Task | None:
        around = ambient.current()
        self._entered.append(ambient._AMBIENT.set(around._replace(resource=self._inside)))
        return self.setup_task

    def __exit__(self, *exc: object) -> None:
        ambient._AMBIENT.reset(self._entered.pop())
        inputs = self._flow.wiring.inputs
        inside = {*self._inside, self.setup_task}
        upstreams = {task: {edge.upstream for edge in inputs[task]} for task in self._inside}
        followed = set().union(*upstreams.values())
        for task in self._inside:
            if self.setup_task is not None and inside.isdisjoint(upstreams[task]):
                self._flow.add_edge(self.setup_task, task)
            if task not in followed:
                self._flow.add_edge(task, self.cleanup_task)


class ResourceManager:
    """A class with `setup` and `cleanup` (`setup` is optional), whose instances look after a resource.

    Called inside a flow it adds the tasks that make the instance, set up and clean up, and gives a
    `ResourceContext`.

    Args:
        resource_class: the class; its `__init__` takes the arguments of the call.
        name: of the tasks, with `.setup` and `.cleanup`; default: that of the class.
        init_task_kwargs, setup_task_kwargs, cleanup_task_kwargs: options of each task.
    """

    def __init__(
        self,
        resource_class: Callable[..., Any],
        name: str | None = None,
        init_task_kwargs: dict[str, Any] | None = None,
        setup_task_kwargs: dict[str, Any] | None = None,
        cleanup_task_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.resource_class = resource_class
        own_name: str = getattr(resource_class, "__name__", type(resource_class).__name__)
        self.name = name or own_name
        self.init_task_kwargs = {"name": self.name} | (init_task_kwargs or {})
        unkept = {"checkpoint": False}
        self.setup_task_kwargs = {"name": f"{self.name}.setup"} | unkept | (setup_task_kwargs or {})
        at_the_end = {"trigger": resource_cleanup_trigger, "skip_on_upstream_skip": False}
        self.cleanup_task_kwargs = (
            {"name": f"{self.name}.cleanup"} | unkept | at_the_end | (cleanup_task_kwargs or {})
        )
        functools.update_wrapper(self, resource_class, updated=())

    def __call__(self, *args: Any, flow: Flow | None = None, **kwargs: Any) -> ResourceContext:
        """Add the tasks to the flow, with these arguments of the class.

        Raises:
            CallError: outside a flow, or arguments that the class does not take.
        """
        target = ambient.flow_for(self.name, flow)
        init = ResourceInitTask(self.resource_class, **self.init_task_kwargs)
        init.bind(*args, flow=target, **kwargs)
        setup = None
        if hasattr(self.resource_class, "setup"):
            is_async = iscoroutinefunction(self.resource_class.setup)
            setting_up = ResourceSetupCoroutine if is_async else ResourceSetupTask
            setup = setting_up(**self.setup_task_kwargs).bind(mgr=init, flow=target)
        given = {"mgr": init} if setup is None else {"mgr": init, "resource": setup}
        is_async = iscoroutinefunction(getattr(self.resource_class, "cleanup", None))
        cleaning_up = ResourceCleanupCoroutine if is_async else ResourceCleanupTask
        cleanup = cleaning_up(**self.cleanup_task_kwargs).bind(flow=target, **given)
        return ResourceContext(init, setup, cleanup, target)


def resource_manager(
    resource_class: Callable[..., Any] | None = None,
    /,
    **options: Any,
) -> Any:
    """Make a `ResourceManager` of a class: `@resource_manager`, or with its options in parentheses."""
    if resource_class is None:
        return functools.partial(resource_manager, **options)
    return ResourceManager(resource_class, **options)
