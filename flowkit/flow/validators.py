"""What Prefect classic's `cache_for` and its validators say of a result that is there already.

A validator is asked whether a cached state may stand for a call. Those of classic are known here as what a
result is found again by, so that nothing has to be compared; one of the user's own is asked.

Source of the vocabulary: Prefect classic, 13.1 to 13.4. Corrected: without a validator a result is found by
the code and the inputs of its task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flowkit.errors import CallError

Validator = Callable[[Any, Mapping[str, Any], Mapping[str, Any]], bool]


def never_use(state: Any, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Never accept a cached state."""
    return False


def duration_only(state: Any, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Accept a cached state for as long as it is good, whatever the inputs."""
    until = getattr(state, "cached_result_expiration", None)
    return until is None or until > datetime.now(UTC)


def all_inputs(state: Any, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Accept one that was made from the same inputs."""
    return duration_only(state, inputs, parameters) and _values(state.cached_inputs) == dict(inputs)


def all_parameters(state: Any, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Accept one that was made in a run with the same parameters."""
    return duration_only(state, inputs, parameters) and _values(state.cached_parameters) == dict(parameters)


@dataclass(frozen=True)
class _Partial:
    validate_on: Iterable[str] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.validate_on, str):
            raise CallError(
                f"`{self.__name__}` takes a list of names, not text",
                hints=(f'write `{self.__name__}(["{self.validate_on}"])`',),
            )
        # Once: what can be looped over a single time would leave nothing to compare the second time.
        names = None if self.validate_on is None else tuple(self.validate_on)
        object.__setattr__(self, "validate_on", names)

    @property
    def __name__(self) -> str:
        return type(self).__qualname__


class partial_inputs_only(_Partial):  # noqa: N801 - the vocabulary of Prefect classic
    """Accept one for which these inputs were the same; None: whatever the inputs."""

    def __call__(self, state: Any, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
        mine, theirs = dict(inputs), _values(state.cached_inputs)
        same = all(mine.get(name) == theirs.get(name) for name in self.validate_on or ())
        return duration_only(state, inputs, parameters) and same


class partial_parameters_only(_Partial):  # noqa: N801 - the vocabulary of Prefect classic
    """Accept one from a run in which these parameters were the same; None: whatever they were."""

    def __call__(self, state: Any, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
        mine, theirs = dict(parameters), _values(state.cached_parameters)
        same = all(mine.get(name) == theirs.get(name) for name in self.validate_on or ())
        return duration_only(state, inputs, parameters) and same


@dataclass(frozen=True)
class CacheFor:
    """The `cache` that a `cache_for` means.

    Attributes:
        limit: how long a result is good for.
        validator: None: the inputs must be the same.
        key: the name that tasks share their results under; None: the code of the task.
    """

    limit: timedelta
    validator: Validator | None = None
    key: str | None = None

    def part(self, arguments: Mapping[str, Any], parameters: Callable[[], Mapping[str, Any]]) -> Any:
        """What a result is found by, besides the code.

        Args:
            parameters: gives those of the run.
        """
        validator = self.validator
        if validator is None or validator is all_inputs:
            return dict(arguments)
        if validator is all_parameters:
            return dict(parameters())
        if isinstance(validator, partial_inputs_only):
            return {name: arguments.get(name) for name in validator.validate_on or ()}
        if isinstance(validator, partial_parameters_only):
            given = parameters()
            return {name: given.get(name) for name in validator.validate_on or ()}
        return None

    @property
    def asks(self) -> Validator | None:
        """The user's own validator, who is asked of what is found; None where there is none."""
        known = (all_inputs, all_parameters, duration_only, never_use)
        is_ours = (
            self.validator is None
            or self.validator in known
            or isinstance(self.validator, partial_inputs_only | partial_parameters_only)
        )
        return None if is_ours else self.validator


def _values(kept: Mapping[str, Any] | None) -> dict[str, Any]:
    """Values, also where each is in a `Result`, as classic had them."""
    return {name: getattr(each, "value", each) for name, each in (kept or {}).items()}
