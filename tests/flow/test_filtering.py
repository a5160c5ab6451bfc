"""`FilterTask` takes out what is no result, however the tasks before it ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from flowkit.engine.signals import SKIP
from flowkit.flow.filtering import FilterTask
from flowkit.flow.flow import Flow
from flowkit.flow.task import task
from flowkit.plan.state import State

Run = Callable[..., State]


@task
def end(how: Any) -> Any:
    if how == "fail":
        raise ValueError(how)
    if how == "skip":
        raise SKIP(how, result=None)
    return how


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, [1, 0, 2]), ({"filter_func": lambda each: each == 2}, [2]), ({"name": "good"}, [1, 0, 2])],
)
def test_what_is_good_stays_in_order(run: Run, options: dict[str, Any], expected: list[Any]) -> None:
    with Flow("f") as flow:
        made = FilterTask(**options)(end.map([1, "fail", 0, None, "skip", 2]))
    assert run(flow).result[made].result == expected
    assert made.name == options.get("name", "FilterTask")


def test_what_stays_can_be_logged(run_inline: Run, caplog: pytest.LogCaptureFixture) -> None:
    with Flow("f") as flow:
        FilterTask(log_func=lambda kept: f"{len(kept)} stay")([1, None])
    with caplog.at_level(logging.INFO, "flowkit"):
        assert run_inline(flow).is_successful()
    assert "1 stay" in caplog.text


def test_a_failed_list_is_a_failure(run: Run) -> None:
    with Flow("f") as flow:
        made = FilterTask()(end("fail"))
    assert run(flow).result[made].is_failed()
