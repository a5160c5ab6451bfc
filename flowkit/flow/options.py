"""The options of a task: how each must look, and what it is kept as."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import manners
from flowkit.flow.warning import warn

if TYPE_CHECKING:
    from flowkit.flow.task import Task

Delay = float | timedelta | list[float | timedelta] | Callable[[int], float | timedelta]
Errors = type[BaseException] | tuple[type[BaseException], ...]

# A script written for Prefect classic may use these names for attributes of its own task classes.
NOT_IN_CLASSIC = frozenset(
    {
        "cache",
        "cpus",
        "depends_on",
        "durability",
        "executor",
        "limits",
        "memory",
        "persist",
        "priority",
    }
)


def tags_of(name: str, tags: Iterable[str] | None) -> frozenset[str]:
    """Tags as a set.

    Raises:
        CallError: they are one text.
    """
    if isinstance(tags, str):
        raise CallError(
            f"`tags` of the task `{name}` is a collection of names, not text",
            hints=(f'write `tags=["{tags}"]`',),
        )
    return frozenset(tags or ())


def errors_of(name: str, errors: Errors | Iterable[type[BaseException]] | None) -> Errors | None:
    """The exceptions that are worth another attempt, one or several, as a tuple.

    Raises:
        CallError: something else.
    """
    if errors is None:
        return None
    given = tuple(errors) if isinstance(errors, Iterable) else (errors,)
    for error in given:
        if not (isinstance(error, type) and issubclass(error, BaseException)):
            raise CallError(f"`retry_on` of the task `{name}` takes exception classes, not `{error!r}`")
    return given


def seconds_of(name: str, timeout: float | timedelta | None) -> float | None:
    """A time limit in seconds.

    Raises:
        CallError: neither a number nor a `timedelta`.
        DefinitionError: 0 or less; a script written for Prefect classic has no limit then, as there.
    """
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float | timedelta):
        raise CallError(f"`timeout` of the task `{name}` is a number of seconds or a `timedelta`")
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
    if not seconds > 0:
        if manners.classic:
            return None
        raise DefinitionError(f"`timeout` of the task `{name}` must be more than 0 seconds")
    return seconds


def check_retries(task: Task) -> None:
    """Refuse retries without a delay, and the other way round.

    Raises:
        DefinitionError: with what is missing.
        CallError: a delay of another type.
    """
    name, retries, delay = task.name, task.max_retries, task.retry_delay
    if not isinstance(retries, int) or retries < 0:
        raise DefinitionError(f"`max_retries` of the task `{name}` is a number of retries, 0 or more")
    if retries and delay is None:
        raise DefinitionError(
            f"the task `{name}` has `max_retries` but no `retry_delay`",
            hints=("add `retry_delay=timedelta(seconds=10)`, or 0 to try again at once",),
        )
    if delay is not None and not retries:
        raise DefinitionError(f"the task `{name}` has a `retry_delay` but no `max_retries`")
    if delay is not None and not (
        isinstance(delay, int | float | timedelta | list | tuple) or callable(delay)
    ):
        raise CallError(
            f"`retry_delay` of the task `{name}` is a number of seconds, a `timedelta`, a list of "
            f"those, or a function of the attempt, not `{type(delay).__name__}`"
        )
    if task.retry_on is not None and not retries:
        raise DefinitionError(f"the task `{name}` has a `retry_on` but no `max_retries`")


def warn_of_task_given(cls: type, args: tuple[Any, ...]) -> None:
    """Say that what is given when a task is made does not depend on what runs (Prefect classic, 1.2)."""
    warn(
        f"a task was given to `{cls.__name__}(...)`, which makes a task and does not wait for another: "
        f"make it first, then call it with tasks, as in `{cls.__name__}(...)({args[0].name})`",
    )


def warn_of_early(task: Task, options: Iterable[str]) -> None:
    """Say that `Task.__init__` overwrites what a subclass has set before it (Prefect classic, 1.3)."""
    for option in sorted(options):
        if option not in getattr(task, "__dict__", ()) and not _slot_is_set(task, option):
            continue
        if manners.classic and option in NOT_IN_CLASSIC:
            continue
        task.__dict__.pop(option, None)
        warn(
            f"`{type(task).__name__}` sets the attribute `{option}` before `Task.__init__`, "
            "which overwrites it; give it another name, or give it to `Task.__init__`",
        )


def _slot_is_set(task: Task, name: str) -> bool:
    try:
        object.__getattribute__(task, name)
    except AttributeError:
        return False
    return True
