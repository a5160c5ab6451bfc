"""Group 18 of classic's rules, context and logging, as whole flows."""

from __future__ import annotations

import logging
import pickle
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest


def told(*keys: str) -> Any:
    """A task that returns what the context has under these keys."""
    import prefect
    from prefect import task

    @task
    def tell():
        return tuple(prefect.context.get(key) for key in keys)

    return tell


def test_the_context_is_changed_for_a_while() -> None:
    """18.1: by `with`, nested, with dots; it is of this thread, and cannot be pickled."""
    import prefect

    seen: list[Any] = []
    with prefect.context(k=1, nested={"a": {"b": 2}}):
        assert (prefect.context.k, prefect.context["k"], prefect.context.nested["a"]["b"]) == (1, 1, 2)
        with prefect.context(k=5):
            assert prefect.context.k == 5
        assert prefect.context.k == 1
        thread = threading.Thread(target=lambda: seen.append(prefect.context.get("k")))
        thread.start()
        thread.join()
    assert "k" not in prefect.context
    assert seen == [None]
    with pytest.raises(TypeError):
        pickle.dumps(prefect.context)


def test_what_surrounds_a_run_is_seen_by_its_tasks() -> None:
    """18.1: the context of the caller, over which what the run is given goes."""
    import prefect
    from prefect import Flow

    with Flow("f") as flow:
        seen = told("a", "b")()
    with prefect.context(a=1, b=2):
        assert flow.run(context={"b": 3}).result[seen].result == (1, 3)


def test_a_task_knows_its_run() -> None:
    """18.2: the names of the flow, the task and their runs, and the days around it."""
    import prefect
    from prefect import Flow, Parameter, task

    @task(tags=["t"])
    def tell(x):
        context = prefect.context
        return {key: context[key] for key in context if key != "config"}, context.config is not None

    with Flow("nightly") as flow:
        seen = tell(Parameter("p"))
    context, has_config = flow.run(p=5).result[seen].result
    expected = """caches checkpointing date flow_id flow_name flow_run_id flow_run_name logger map_index
        parameters scheduled_start_time task_full_name task_id task_name task_run_count task_run_id task_slug
        task_tags today today_nodash tomorrow tomorrow_nodash yesterday yesterday_nodash"""
    assert set(expected.split()) <= set(context)
    assert has_config
    assert (context["flow_name"], context["task_name"]) == ("nightly", "tell")
    assert (context["task_slug"], context["task_run_count"]) == ("tell-t-1", 1)
    assert (context["parameters"], set(context["task_tags"])) == ({"p": 5}, {"t"})
    assert context["today"].replace("-", "") == context["today_nodash"]
    assert context["yesterday"] < context["today"] < context["tomorrow"]


def test_a_run_may_be_of_another_day() -> None:
    """18.3: `date` in the context moves today, yesterday and tomorrow."""
    from prefect import Flow

    with Flow("f") as flow:
        seen = told("today", "yesterday", "tomorrow_nodash")()
    state = flow.run(context={"date": "2020-03-01"})
    assert state.result[seen].result == ("2020-03-01", "2020-02-29", "20200302")


def test_a_day_that_cannot_be_read_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """18.3: the flow runs all the same."""
    from prefect import Flow

    with Flow("f") as flow:
        seen = told("date", "task_name")()
    state = flow.run(context={"date": "no day"})
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 1
    assert "date" in warned[0].getMessage()
    assert state.result[seen].result == ("no day", "tell")


def test_tasks_have_loggers(caplog: pytest.LogCaptureFixture) -> None:
    """18.4: `context.logger`, `self.logger` and `get_logger` are children of one."""
    import prefect
    from prefect import Flow, Task, task
    from prefect.utilities.logging import get_logger

    caplog.set_level(logging.INFO)

    @task
    def by_context():
        prefect.context.logger.info("said by context")
        return prefect.context.logger.name

    class ByItself(Task):
        def run(self):
            self.logger.info("said by itself")
            return self.logger.name

    with Flow("f") as flow:
        first, second = by_context(), ByItself()()
    state = flow.run()
    root = get_logger().name
    assert get_logger("mine").name == f"{root}.mine"
    assert [state.result[t].result for t in (first, second)] == [f"{root}.by_context", f"{root}.ByItself"]
    assert {"said by context", "said by itself"} <= set(caplog.messages)


def test_moments_are_pendulums_where_that_is(monkeypatch) -> None:
    """18.2: `date` and `scheduled_start_time` can be gone on from, as classic's could."""
    import prefect
    from prefect import Flow, task

    class Moment:
        def __init__(self, moment):
            self.moment = moment

        def in_timezone(self, name):
            assert name == "UTC"
            return self

    monkeypatch.setitem(sys.modules, "pendulum", SimpleNamespace(instance=Moment))

    @task
    def moments():
        return prefect.context.date, prefect.context.get("scheduled_start_time"), prefect.context["today"]

    with Flow("f") as flow:
        told = moments()
    date, start, today = flow.run().result[told].result
    assert [type(date), type(start), type(today)] == [Moment, Moment, str]
    assert date.moment.strftime("%Y-%m-%d") == today
