"""What is remembered of a task: its result, and whether that is found again by what it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import PurePath
from typing import Any, Literal

from flowkit.errors import CallError, DefinitionError
from flowkit.flow.validators import CacheFor, never_use
from flowkit.flow.warning import warn

Cache = bool | Literal["inputs"] | timedelta | Callable[[dict[str, Any]], Any] | CacheFor
Durability = Literal["batch", "task"]


@dataclass(frozen=True, slots=True)
class Keeping:
    """The options of a task that concern what is kept; most tasks share the default.

    Attributes:
        cache: False; True: found by code and inputs; `"inputs"`: by inputs alone; a `timedelta`: as True, for
            so long; a function that is given the arguments: by the code and what it returns.
        persist: whether the result is kept, for `resume`.
        durability: `"task"`: nothing follows from it before its end is on disk; None: as the run's.
        depends_on: what the code depends on besides what can be followed: functions, modules, files as
            `Path`, values.
        cache_for, cache_validator, cache_key: how Prefect classic said it (13.1 to 13.4): how long a result
            is good for, the function that accepts it, and the name that tasks share it under.
        checkpoint: whether the result is written to `result`; None: where there is one.
        result: where the result is written, besides the history (see `flowkit.results`).
        target: the place in `result`, a template or a function; what lies there already is the result.
    """

    cache: Cache = False
    persist: bool = True
    durability: Durability | None = None
    depends_on: Iterable[Any] = ()
    cache_for: timedelta | None = None
    cache_validator: Callable[..., Any] | None = None
    cache_key: str | None = None
    checkpoint: bool | None = None
    result: Any = None
    target: str | Callable[..., str] | None = None

    def but(self, name: str, **options: Any) -> Keeping:
        """The same with other options, of the task of that name.

        Raises:
            DefinitionError: a value that cannot be.
        """
        found = replace(self, **options)
        if found.target is not None and found.result is not None and not _PLACE.isdisjoint(options):
            found = replace(found, result=_placed(name, found.result, found.target, "result" in options))
        if not _OF_CLASSIC.isdisjoint(options) and "cache" not in options:
            found = replace(found, cache=found._as_in_classic(name))
        found._check(name)
        return replace(found, depends_on=tuple(found.depends_on))

    def _as_in_classic(self, name: str) -> Cache:
        """The cache that a `cache_for` means."""
        limit = self.cache_for
        if limit is None:
            if self.cache_validator is not None:
                warn(f"the task `{name}` has a `cache_validator` but no `cache_for`, so nothing is cached")
            return False
        if not isinstance(limit, timedelta) or limit <= timedelta():
            raise DefinitionError(f"`cache_for` of the task `{name}` is a `timedelta` above 0")
        if self.cache_validator is never_use:
            return False
        return CacheFor(limit, self.cache_validator, self.cache_key)

    @property
    def good_for(self) -> timedelta | None:
        """How old a result may be that is found again; None: any."""
        cache = self.cache
        if isinstance(cache, CacheFor):
            return cache.limit
        return cache if isinstance(cache, timedelta) else None

    def _check(self, name: str) -> None:
        cache = self.cache
        if not (isinstance(cache, bool | timedelta | CacheFor) or cache == "inputs" or callable(cache)):
            raise DefinitionError(
                f'`cache` of the task `{name}` is True, "inputs", a `timedelta` or a function, '
                f"not `{cache!r}`"
            )
        if isinstance(cache, timedelta) and cache <= timedelta():
            raise DefinitionError(f"`cache` of the task `{name}` is a time above 0")
        if cache and not self.persist:
            raise DefinitionError(f"the task `{name}` has a `cache`, which `persist=False` leaves empty")
        if isinstance(self.depends_on, str | PurePath) or not isinstance(self.depends_on, Iterable):
            raise CallError(
                f"`depends_on` of the task `{name}` is a list, not `{type(self.depends_on).__name__}`",
                hints=(f"write `depends_on=[{self.depends_on!r}]`",),
            )
        if self.target is not None and not (isinstance(self.target, str) or callable(self.target)):
            raise DefinitionError(
                f"`target` of the task `{name}` is a name, a template or a function, not `{self.target!r}`"
            )
        if self.result is not None and not hasattr(self.result, "write"):
            raise DefinitionError(
                f"`result` of the task `{name}` is a place, such as `LocalResult(dir=...)`, "
                f"not `{type(self.result).__name__}`"
            )
        if self.durability not in (None, "batch", "task"):
            raise DefinitionError(
                f'`durability` of the task `{name}` is "batch" or "task", not `{self.durability!r}`'
            )


def _placed(name: str, result: Any, target: str | Callable[..., str], is_given: bool) -> Any:
    """A copy of a result whose place is the target (Prefect classic, 1.14)."""
    if is_given and getattr(result, "location", None) is not None and result.location != target:
        warn(f"the task `{name}` has a `target` and a `result` with a location; the target is taken")
    return result.at(target) if hasattr(result, "at") else result


_PLACE = frozenset({"result", "target"})
_OF_CLASSIC = frozenset({"cache_for", "cache_validator", "cache_key"})
DEFAULT = Keeping()
