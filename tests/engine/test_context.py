"""What a task can ask about its own run."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowkit import Flow, Parameter, Secret, context, tags, task
from flowkit.engine import context as home
from flowkit.engine.context import _GIVEN, Context
from flowkit.engine.executors import LocalExecutor, ThreadExecutor

KEYS = {
    "caches",
    "checkpointing",
    "config",
    "date",
    "flow_id",
    "flow_name",
    "flow_run_id",
    "flow_run_name",
    "logger",
    "map_index",
    "parameters",
    "scheduled_start_time",
    "secrets",
    "task_full_name",
    "task_id",
    "task_name",
    "task_run_count",
    "task_run_id",
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


def test_what_is_not_asked_for_is_not_looked_up(carry_out: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that asks for its name does not pay for the settings, the secrets and the dates."""

    def asked_for(*_: Any) -> Any:
        raise AssertionError("this was not asked for")

    for name in ("_config", "_dates", "known_secrets"):
        monkeypatch.setattr(home, name, asked_for)

    @task
    def ask() -> Any:
        return (
            context.task_name,
            context["map_index"],
            context.get("colour"),
            "config" in context,
            len(context),
        )

    with Flow("asks") as flow:
        made = ask()
    assert carry_out(flow).state.result[made].result == ("ask", None, None, True, len(KEYS))


def test_outside_of_a_task_nothing_of_a_run_is_there() -> None:
    assert list(context) == ["logger", "secrets", "config"]
    assert "task_name" not in context
    assert context.get("task_name", "none") == "none"
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


# -- what a script puts there ----------------------------------------------------------------


@pytest.fixture
def _unset() -> Iterator[None]:
    token = _GIVEN.set({})
    yield
    _GIVEN.reset(token)


def test_a_block_adds_keys_and_takes_them_back() -> None:
    with context(a=1, b={"c": 2}):
        assert (context.a, context["b"], context.get("z", 3)) == (1, {"c": 2}, 3)
        with context({"a": 2}):
            assert context.a == 2
        assert context.a == 1
    assert "a" not in context


def test_an_assignment_stays(_unset: None) -> None:
    context.colour = "red"
    assert context["colour"] == "red"
    del context.colour
    assert "colour" not in context
    with pytest.raises(AttributeError):
        del context.colour


def test_a_run_has_what_was_there_when_it_began(_unset: None) -> None:
    @task
    def ask() -> Any:
        return context.get("colour"), context.get("size")

    with Flow("asks") as flow:
        inner, wide = ask(), ask.map(upstream_tasks=[[1, 2]])
    context.colour = "red"
    with context(size=3):
        for executor in (None, ThreadExecutor(2)):
            state = flow.run(history=False, executor=executor)
            assert state.result[inner].result == ("red", 3)
            assert state.result[wide].result == [("red", 3)] * 2
        given = flow.run(history=False, context={"size": 4})
    assert given.result[inner].result == ("red", 4)


def test_what_a_task_puts_there_stays_with_it(_unset: None) -> None:
    @task
    def spoil() -> None:
        context.colour = "red"

    @task
    def ask() -> Any:
        return context.get("colour")

    with Flow("spoils") as flow:
        made = ask(upstream_tasks=[spoil()])
    assert flow.run(history=False).result[made].result is None


@pytest.mark.parametrize("given", ["2020-03-01", datetime(2020, 3, 1), datetime(2020, 3, 1, tzinfo=UTC)])
def test_another_date_moves_the_days_around_it(given: Any) -> None:
    with Flow("days") as flow:
        made = look()
    seen = flow.run(history=False, context={"date": given}).result[made].result
    assert seen["date"] == datetime(2020, 3, 1, tzinfo=UTC)
    assert (seen["yesterday"], seen["today"], seen["tomorrow_nodash"]) == (
        "2020-02-29",
        "2020-03-01",
        "20200302",
    )


def test_what_is_no_date_is_said_and_today_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    with Flow("days") as flow:
        made = look()
    with caplog.at_level(logging.WARNING, "flowkit"):
        seen = flow.run(history=False, context={"date": "soon"}).result[made].result
    assert "`date` in the context is no date: `soon`" in caplog.text
    assert seen["today"] == f"{datetime.now(UTC):%Y-%m-%d}"


def test_a_context_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="take what you need out of it"):
        pickle.dumps(context)


def test_secrets_of_the_script_come_before_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOWKIT_SECRET_KEY", "outside")
    monkeypatch.setitem(context.secrets, "KEY", "from the script")
    assert Secret("KEY").get() == "from the script"
    monkeypatch.setitem(context.secrets, "KEY", '{"a": 1}')
    assert Secret("KEY").get() == {"a": 1}
