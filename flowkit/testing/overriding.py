"""Other functions, or results, for tasks of a flow while a test runs it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any

from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.project.names import suggestions


@contextmanager
def overriding(flow: Flow, tasks: Mapping[str, Any] | None = None, **named: Any) -> Iterator[None]:
    """In this block tasks of a flow do something else: `with overriding(etl, fetch=[1, 2, 3]):`.

    A function is called in place of the task's own, with the same arguments; one that takes none is called
    without. Anything else is the task's result. All else of the task stays: retries, timeout, trigger.

    Args:
        tasks, **named: by name, or key where several tasks have one name (`clean-2`). Of a mapped task each
            child does the other thing.

    Raises:
        UsageError: the flow has no such task; or it is made from build parameters, so that it has none yet.
    """
    if flow.build_parameters:
        given = ", ".join(f"{name}=…" for name in flow.build_parameters)
        raise UsageError(
            f"the tasks of `{flow.name}` are known only with its build parameters",
            hints=(f"override those of `{flow.name}.build({given})`, and run that",),
        )
    slugs = flow.slugs
    chosen = {}
    for name, other in {**(tasks or {}), **named}.items():
        found = [task for task in flow.tasks if task.name == name or slugs.get(task) == name]
        if not found:
            raise UsageError(
                f"the flow `{flow.name}` has no task `{name}`",
                hints=suggestions(name, sorted({task.name for task in flow.tasks if not task.is_carrier})),
            )
        chosen.update(dict.fromkeys(found, other))
    before = {task: (task.run, "run" in getattr(task, "__dict__", ())) for task in chosen}
    try:
        for task, other in chosen.items():
            task.run = _function(other, task.run)
        yield
    finally:
        for task, (run, is_own) in before.items():
            if is_own or not hasattr(task, "__dict__"):
                task.run = run
            else:
                task.__dict__.pop("run", None)


def _function(other: Any, own: Callable[..., Any]) -> Callable[..., Any]:
    """What is called in place of the task's own function; of the same kind, as that decides where it runs."""
    takes_some = callable(other) and bool(inspect.signature(other).parameters)

    def replaced(*args: Any, **kwargs: Any) -> Any:
        if not callable(other):
            return other
        return other(*args, **kwargs) if takes_some else other()

    async def replaced_coroutine(*args: Any, **kwargs: Any) -> Any:
        value = replaced(*args, **kwargs)
        return await value if inspect.isawaitable(value) else value

    return wraps(own)(replaced_coroutine if inspect.iscoroutinefunction(own) else replaced)
