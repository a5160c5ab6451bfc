"""What is called around the attempts of a task, and how they are shown: what few tasks ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from flowkit.errors import CallError

Handler = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Hooks:
    """The options of a task that concern how it is followed; most tasks share the default.

    Source of the vocabulary: Prefect classic, 1.15 to 1.17.

    Attributes:
        state_handlers: each is given the task, the old and the new state at every change, and may return
            another state.
        log_stdout: whether what it prints is logged too, a line a record.
        task_run_name: a template, or a function of its arguments, for what a run of it is called.
    """

    state_handlers: tuple[Handler, ...] = ()
    log_stdout: bool = False
    task_run_name: str | Callable[..., str] | None = None

    def but(self, name: str, **options: Any) -> Hooks:
        """The same with other options, of the task of that name.

        Raises:
            CallError: handlers that are not a list of functions.
        """
        on_failure = options.pop("on_failure", None)
        handlers = options.get("state_handlers", self.state_handlers)
        options["state_handlers"] = handlers_of(handlers, f"the task `{name}`", on_failure)
        return replace(self, **options)


@dataclass(frozen=True, slots=True)
class OnFailure:
    """A state handler that calls `function(task or flow, state)` where the new state is a failure."""

    function: Callable[[Any, Any], Any]

    def __call__(self, whose: Any, old: Any, new: Any) -> Any:
        if new.is_failed():
            self.function(whose, new)
        return new


def handlers_of(
    handlers: Iterable[Handler] | None, whose: str, on_failure: Callable[[Any, Any], Any] | None = None
) -> tuple[Handler, ...]:
    """State handlers as they are given, and after them the one that `on_failure` stands for.

    Raises:
        CallError: not a list of functions.
    """
    if callable(handlers):
        raise CallError(
            f"`state_handlers` of {whose} is a list of functions, not one",
            hints=(f"write `state_handlers=[{getattr(handlers, '__name__', 'handler')}]`",),
        )
    found = tuple(handlers or ())
    for handler in found:
        if not callable(handler):
            raise CallError(f"`state_handlers` of {whose} has `{handler!r}`, which is no function")
    if on_failure is None:
        return found
    if not callable(on_failure):
        raise CallError(f"`on_failure` of {whose} is a function, not `{on_failure!r}`")
    return (*found, OnFailure(on_failure))


DEFAULT = Hooks()
