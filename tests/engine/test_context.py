"""What a task can ask about its own run."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowkit import Flow, Parameter, context, tags, task
from flowkit.engine.context import Context
from flowkit.engine.executors import LocalExecutor, ThreadExecutor

KEYS = {
    "date",
    "flow_name",
    "flow_run_id",
    "flow_run_name",
    "logger",
    "map_index",
    "parameters",
    "scheduled_start_time",
    "task_full_name",
    "task_name",
    "task_run_count",
    "task_slug",
    "task_tags",
    "today",
    "today_nodash",
    "tomorrow",
    "tomorrow_nodash",
    "yesterday",
    "yesterday_nodash",
}


@task
def look(value: Any = None) -> dict[str, Any]:
    return {key: context[key] for key in context}


@pytest.mark.parametrize("executor", [LocalExecutor(), ThreadExecutor(2)], ids=str)
def test_a_task_sees_the_keys_of_classic(executor: Any, carry_out: Any) -> None:
    with Flow("etl") as flow, tags("blue"):
        given = Parameter("size", default=3)
        made = look(given)
    outcome = carry_out(flow, executor, parameters={"size": 4}, run_id="the-run")
    seen = outcome.state.result[made].result
    assert set(seen) == KEYS
    assert seen["flow_name"] == "etl"
    assert seen["flow_run_id"] == "the-run"
    assert seen["parameters"] == {"size": 4}
    assert (seen["task_name"], seen["task_full_name"]) == ("look", "look")
    assert seen["task_tags"] == {"blue"}
    assert seen["task_run_count"] == 1
    assert seen["map_index"] is None
    assert seen["logger"].name == "flowkit.look"


def test_a_child_sees_its_index_and_its_name(carry_out: Any) -> None:
    with Flow("mapped") as flow:
        made = look.map([7, 8])
    seen = carry_out(flow, ThreadExecutor(2)).state.result[made].result
    assert [(each["map_index"], each["task_full_name"]) for each in seen] == [(0, "look[0]"), (1, "look[1]")]


def test_an_attempt_sees_its_number(carry_out: Any) -> None:
    @task(max_retries=3, retry_delay=0)
    def count() -> int:
        if context.task_run_count < 3:
            raise ValueError("not yet")
        return int(context.task_run_count)

    with Flow("counts") as flow:
        made = count()
    assert carry_out(flow).state.result[made].result == 3


def test_the_days_around_the_start_are_given_in_both_forms(carry_out: Any) -> None:
    with Flow("days") as flow:
        made = look()
    outcome = carry_out(flow)
    seen, start = outcome.state.result[made].result, outcome.engine.started_at
    assert isinstance(seen["date"], datetime)
    assert seen["date"].tzinfo is UTC
    for name, offset in {"yesterday": -1, "today": 0, "tomorrow": 1}.items():
        day = start + timedelta(days=offset)
        assert seen[name] == f"{day:%Y-%m-%d}"
        assert seen[f"{name}_nodash"] == f"{day:%Y%m%d}"


def test_the_parameters_that_a_task_sees_are_its_own(carry_out: Any) -> None:
    @task
    def spoil() -> None:
        context.parameters["size"] = 0

    with Flow("spoils") as flow:
        size = Parameter("size", default=3)
        made = look(size, upstream_tasks=[spoil()])
    outcome = carry_out(flow, parameters={"size": 3})
    assert outcome.state.result[made].result["parameters"] == {"size": 3}


def test_the_logger_of_a_task_reaches_the_program(carry_out: Any, caplog: pytest.LogCaptureFixture) -> None:
    @task
    def say() -> None:
        context.logger.warning("mind the gap")

    with Flow("says") as flow:
        say()
    with caplog.at_level(logging.WARNING, "flowkit"):
        carry_out(flow)
    assert ("flowkit.say", logging.WARNING, "mind the gap") in caplog.record_tuples


def test_outside_of_a_task_there_is_nothing() -> None:
    assert list(context) == []
    assert "task_name" not in context
    assert context.get("task_name", "none") == "none"
    assert repr(context) == "<Context []>"
    with pytest.raises(AttributeError, match=r"`flowkit\.context\.task_name` is not known outside of a task"):
        _ = context.task_name
    with pytest.raises(KeyError):
        context["task_name"]


def test_an_unknown_key_is_named(carry_out: Any) -> None:
    @task
    def ask() -> Any:
        return context.colour

    with Flow("asks") as flow:
        made = ask()
    assert "`flowkit.context.colour` is not known in this task" in carry_out(flow).state.result[made].message


def test_protocols_of_python_do_not_look_for_keys() -> None:
    with pytest.raises(AttributeError, match="__deepcopy__"):
        _ = Context().__deepcopy__
