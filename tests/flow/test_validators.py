"""The validators of Prefect classic's `cache_for`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowkit.errors import CallError
from flowkit.flow.validators import (
    CacheFor,
    all_inputs,
    all_parameters,
    duration_only,
    never_use,
    partial_inputs_only,
    partial_parameters_only,
)
from flowkit.plan.state import Cached
from flowkit.results import Result

HOUR = timedelta(hours=1)


def kept(*, expired: bool = False, **more: Any) -> Cached:
    until = datetime.now(UTC) + (-HOUR if expired else HOUR)
    return Cached("kept", 1, cached_result_expiration=until, **more)


def test_never_and_always() -> None:
    assert not never_use(kept(), {}, {})
    assert duration_only(kept(), {"x": 1}, {})
    assert not duration_only(kept(expired=True), {}, {})


def test_inputs_and_parameters_are_compared_also_where_each_is_in_a_result() -> None:
    state = kept(cached_inputs={"x": Result(1), "y": 2}, cached_parameters={"p": 3})
    assert all_inputs(state, {"x": 1, "y": 2}, {})
    assert not all_inputs(state, {"x": 1}, {})
    assert all_parameters(state, {}, {"p": 3})
    assert not all_parameters(state, {}, {"p": 4})
    assert partial_inputs_only(["x"])(state, {"x": 1, "y": 9}, {})
    assert not partial_inputs_only(["y"])(state, {"x": 1, "y": 9}, {})
    assert partial_parameters_only(["p"])(state, {}, {"p": 3, "q": 4})
    assert partial_inputs_only()(state, {}, {})
    assert partial_parameters_only()(state, {}, {})


def test_one_that_has_expired_is_accepted_by_none() -> None:
    state = kept(expired=True, cached_inputs={"x": 1}, cached_parameters={"x": 1})
    for validator in (all_inputs, all_parameters, partial_inputs_only(["x"]), partial_parameters_only(["x"])):
        assert not validator(state, {"x": 1}, {"x": 1})


@pytest.mark.parametrize("kind", [partial_inputs_only, partial_parameters_only])
def test_names_that_can_be_looped_over_once_count_each_time(kind: Any) -> None:
    cache = CacheFor(HOUR, kind(name for name in ["x"]))
    parts = [cache.part({"x": value}, lambda value=value: {"x": value}) for value in (1, 2)]
    assert parts == [{"x": 1}, {"x": 2}]


@pytest.mark.parametrize("kind", [partial_inputs_only, partial_parameters_only])
def test_a_text_is_no_list_of_names(kind: Any) -> None:
    with pytest.raises(CallError, match="takes a list of names, not text") as raised:
        kind("size")
    assert raised.value.hints == (f'write `{kind.__name__}(["size"])`',)


def test_partial_validators_are_values() -> None:
    assert partial_inputs_only(["x"]) == partial_inputs_only(("x",)) != partial_inputs_only(["y"])
    assert partial_inputs_only(["x"]) != partial_parameters_only(["x"])
    assert len({partial_inputs_only(["x"]), partial_inputs_only(["x"])}) == 1


def test_only_a_validator_of_ones_own_is_asked() -> None:
    def mine(*given: Any) -> bool:
        return True

    assert CacheFor(HOUR, mine).asks is mine
    for known in (None, all_inputs, all_parameters, duration_only, never_use, partial_inputs_only(["x"])):
        assert CacheFor(HOUR, known).asks is None
