"""When a task runs, given how its upstreams ended.

Source of the rules: Prefect classic, group 9. A built-in trigger is a pure function of three counts,
so that it does not matter in which order upstreams end.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flowkit.errors import DefinitionError

RUN, FAIL, SKIP, ASK = 1, 0, -1, 2


@dataclass(frozen=True, slots=True)
class Trigger:
    """A built-in trigger; also callable with `{Edge: State}`, as a custom one is.

    Attributes:
        name: its public name.
        at_least, at_most: the bounds of `some_successful` and `some_failed`; below 1 a share.
    """

    name: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def __name__(self) -> str:
        """Its name, as a function has one."""
        return self.name

    def judge(self, total: int, bad: int, skipped: int) -> int:
        """RUN, FAIL, SKIP, or ASK somebody, for so many upstreams of which so many are bad and skipped."""
        return _JUDGES[self.name](self, total, bad, skipped)

    def __call__(self, upstream_states: Mapping[Any, Any]) -> bool:
        """Whether the task would run with these upstream states."""
        states: list[Any] = []
        for state in upstream_states.values():
            states += state.map_states if state.is_mapped() else [state]
        bad = sum(state.is_failed() for state in states)
        skipped = sum(state.is_skipped() for state in states)
        return self.judge(len(states), bad, skipped) == RUN

    def __str__(self) -> str:
        if self.at_least is None and self.at_most is None:
            return self.name
        return f"{self.name}(at_least={self.at_least}, at_most={self.at_most})"


def _all_successful(_: Trigger, total: int, bad: int, skipped: int) -> int:
    return RUN if not bad else FAIL


def _all_failed(_: Trigger, total: int, bad: int, skipped: int) -> int:
    return RUN if bad == total else FAIL


def _any_successful(_: Trigger, total: int, bad: int, skipped: int) -> int:
    return RUN if not total or bad < total else FAIL


def _any_failed(_: Trigger, total: int, bad: int, skipped: int) -> int:
    return RUN if not total or bad else FAIL


def _all_finished(_: Trigger, total: int, bad: int, skipped: int) -> int:
    return RUN


def _manual_only(_: Trigger, total: int, bad: int, skipped: int) -> int:
    return ASK


def _not_all_skipped(_: Trigger, total: int, bad: int, skipped: int) -> int:
    if skipped == total:
        return SKIP
    return RUN if not bad else FAIL


def _some_successful(trigger: Trigger, total: int, bad: int, skipped: int) -> int:
    return trigger_within(trigger, total, total - bad)


def _some_failed(trigger: Trigger, total: int, bad: int, skipped: int) -> int:
    return trigger_within(trigger, total, bad)


def trigger_within(trigger: Trigger, total: int, count: int) -> int:
    """RUN where the count lies within the bounds; a bound below 1 is a share of the total."""
    if not total:
        return RUN
    low, high = (
        bound * total if bound is not None and 0 < bound < 1 else bound
        for bound in (trigger.at_least, trigger.at_most)
    )
    return RUN if (low is None or count >= low) and (high is None or count <= high) else FAIL


_JUDGES: dict[str, Callable[[Trigger, int, int, int], int]] = {
    "all_successful": _all_successful,
    "all_failed": _all_failed,
    "any_successful": _any_successful,
    "any_failed": _any_failed,
    "all_finished": _all_finished,
    "manual_only": _manual_only,
    "not_all_skipped": _not_all_skipped,
    "some_successful": _some_successful,
    "some_failed": _some_failed,
}

all_successful = Trigger("all_successful")
all_failed = Trigger("all_failed")
any_successful = Trigger("any_successful")
any_failed = Trigger("any_failed")
all_finished = always_run = Trigger("all_finished")
not_all_skipped = Trigger("not_all_skipped")
manual_only = Trigger("manual_only")


def some_successful(at_least: float | None = None, at_most: float | None = None) -> Trigger:
    """Run where the number of successful upstreams lies within the bounds, both included."""
    return Trigger("some_successful", at_least, at_most)


def some_failed(at_least: float | None = None, at_most: float | None = None) -> Trigger:
    """Run where the number of failed upstreams lies within the bounds, both included."""
    return Trigger("some_failed", at_least, at_most)


_NAMED = {name: Trigger(name) for name in _JUDGES if not name.startswith("some_")} | {
    "always_run": always_run
}


def named(trigger: str | Callable[..., Any], task: str) -> Trigger | Callable[..., Any]:
    """The trigger that a task's option means: by its name, or itself.

    Raises:
        DefinitionError: an unknown name, or something that cannot be called.
    """
    if callable(trigger):
        return trigger
    found = _NAMED.get(trigger) if isinstance(trigger, str) else None
    if found is None:
        near = difflib.get_close_matches(str(trigger), _NAMED, 1)
        raise DefinitionError(
            f"the task `{task}` has the unknown trigger `{trigger}`",
            hints=(f"did you mean `{near[0]}`?",) if near else (f"known: {', '.join(sorted(_NAMED))}",),
        )
    return found
