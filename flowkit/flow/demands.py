"""What a task demands of where and when it runs: what few tasks say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from flowkit.errors import CallError, DefinitionError


@dataclass(frozen=True, slots=True)
class Demands:
    """The options of a task that concern its place among others; most tasks share the default.

    Attributes:
        executor: the lane; None: the one of the run.
        limits: pairs of a name and how many calls may name it at once.
        priority: what is higher goes first among what is ready.
        cpus: how many processors an attempt keeps busy, for packing; None: it is not packed.
        memory: bytes that an attempt takes, for packing; None: it is not packed. In processes it may take
            no more, and how much it takes is measured.
    """

    executor: str | None = None
    limits: tuple[tuple[str, int], ...] = ()
    priority: int = 0
    cpus: float | None = None
    memory: int | None = None

    def but(self, name: str, **options: Any) -> Demands:
        """The same with other options, of the task of that name; tasks with equal ones share them.

        Raises:
            CallError: a value of another type.
            DefinitionError: a value that cannot be.
        """
        for option, checked in _CHECKED.items():
            if option in options:
                options[option] = checked(f"`{option}` of the task `{name}`", options[option])
        return _shared(replace(self, **options))


@lru_cache(maxsize=1024)
def _shared(demands: Demands) -> Demands:
    return demands


def _executor(whose: str, executor: str | None) -> str | None:
    if executor is not None and not isinstance(executor, str):
        raise CallError(f"{whose} is the name of a lane, such as `threads`, not `{executor!r}`")
    return executor


def _limits(whose: str, limits: Mapping[str, int] | None) -> tuple[tuple[str, int], ...]:
    if limits is None:
        return ()
    if not isinstance(limits, Mapping):
        raise CallError(
            f"{whose} are names with numbers, not `{type(limits).__name__}`",
            hints=('write `limits={"db": 2}`',),
        )
    for limit, most in limits.items():
        if not isinstance(limit, str) or not limit:
            raise CallError(f"{whose} have names, not `{limit!r}`")
        if isinstance(most, bool) or not isinstance(most, int):
            raise CallError(f"the limit `{limit}` in {whose} is a whole number, not `{most!r}`")
        if most < 1:
            raise DefinitionError(
                f"the limit `{limit}` in {whose} is {most}, so it could never run",
                hints=("a limit is a number of calls at once, 1 or more",),
            )
    return tuple(sorted(limits.items()))


def _priority(whose: str, priority: int | None) -> int:
    if priority is None:
        return 0
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise CallError(f"{whose} is a whole number, where the higher goes first, not `{priority!r}`")
    return priority


def _cpus(whose: str, cpus: float | None) -> float | None:
    if cpus is None:
        return None
    if isinstance(cpus, bool) or not isinstance(cpus, int | float):
        raise CallError(f"{whose} is a number of processors, not `{cpus!r}`")
    if not 0 < cpus < math.inf:
        raise DefinitionError(f"{whose} is a number of processors above 0, not `{cpus!r}`")
    return cpus


def _memory(whose: str, memory: int | str | None) -> int | None:
    if memory is None:
        return None
    found: int | None
    if isinstance(memory, str):
        from flowkit.flow.sizes import bytes_of

        found = bytes_of(memory)
    elif isinstance(memory, bool) or not isinstance(memory, int):
        raise CallError(f"{whose} is a number of bytes, or a text such as `2 GiB`, not `{memory!r}`")
    else:
        found = memory
    if found is None:
        raise DefinitionError(
            f"{whose} is no size: `{memory}`", hints=("write `500M`, `2 GiB` or a number of bytes",)
        )
    if found < 1:
        raise DefinitionError(f"{whose} is a number of bytes above 0, not `{memory}`")
    return found


_CHECKED: dict[str, Callable[[str, Any], Any]] = {
    "executor": _executor,
    "limits": _limits,
    "priority": _priority,
    "cpus": _cpus,
    "memory": _memory,
}
DEFAULT = Demands()
