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
        if "state_handlers" in options:
            options["state_handlers"] = handlers_of(options["state_handlers"], f"the task `{name}`")
        return replace(self, **options)


def handlers_of(handlers: Iterable[Handler] | None, whose: str) -> tuple[Handler, ...]:
    """State handlers as they are given.

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
    return found


DEFAULT = Hooks()
