"""Limits, priority, processors and memory as options of tasks: checked where they are said, and shared."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from flowkit import Flow, Task, task
from flowkit.errors import CallError, DefinitionError, FlowkitError
from flowkit.flow import demands
from flowkit.flow.sizes import bytes_of


def test_what_a_task_says_is_read_back_and_copied() -> None:
    made = Task(limits={"db": 2}, priority=-5, cpus=0.5, memory="2 GiB", executor="inline")
    for each in (made, made.copy(), pickle.loads(pickle.dumps(made))):
        assert each.limits == {"db": 2}
        assert (each.priority, each.cpus, each.memory, each.executor) == (-5, 0.5, 2 << 30, "inline")
        assert each.lane == "inline"


def test_what_a_task_does_not_say_is_nothing() -> None:
    made = Task()
    assert (made.limits, made.priority, made.cpus, made.memory, made.lane) == ({}, 0, None, None, None)
    assert made.demands is demands.DEFAULT


def test_tasks_that_demand_the_same_share_it() -> None:
    assert Task(executor="inline").demands is Task(executor="inline").demands
    assert Task(limits={"a": 1, "b": 2}).demands is Task(limits={"b": 2, "a": 1}).demands


def test_a_decorated_task_and_the_arguments_of_a_call_have_them_too() -> None:
    @task(limits={"db": 1}, priority=1)
    def load() -> None: ...

    with Flow("f"):
        called = load(task_args={"limits": {"api": 3}, "memory": 100})
    assert (called.limits, called.priority, called.memory) == ({"api": 3}, 1, 100)
    assert load.limits == {"db": 1}


def test_what_is_read_cannot_change_what_others_share() -> None:
    made, other = Task(limits={"db": 1}), Task(limits={"db": 1})
    made.limits["db"] = 9  # type: ignore[index]
    assert other.limits == {"db": 1}
    made.limits = {"db": 3}
    assert (made.limits, other.limits) == ({"db": 3}, {"db": 1})


@pytest.mark.parametrize(
    ("option", "error", "says"),
    [
        ({"limits": {"db": 0}}, DefinitionError, "the limit `db` in `limits` of the task `t` is 0"),
        ({"limits": {"db": -1}}, DefinitionError, "the limit `db`"),
        ({"limits": {"db": 1.5}}, CallError, "a whole number, not `1.5`"),
        ({"limits": {"db": True}}, CallError, "a whole number"),
        ({"limits": {"": 1}}, CallError, "have names"),
        ({"limits": "db"}, CallError, "names with numbers, not `str`"),
        ({"priority": 1.5}, CallError, "`priority` of the task `t` is a whole number"),
        ({"priority": "high"}, CallError, "`high`|'high'"),
        ({"cpus": 0}, DefinitionError, "above 0"),
        ({"cpus": float("nan")}, DefinitionError, "above 0"),
        ({"cpus": "2"}, CallError, "a number of processors"),
        ({"memory": -1}, DefinitionError, "above 0"),
        ({"memory": "0 B"}, DefinitionError, "above 0"),
        ({"memory": "2 parsecs"}, DefinitionError, "is no size: `2 parsecs`"),
        ({"memory": 1.5}, CallError, "a number of bytes"),
        ({"executor": 3}, CallError, "the name of a lane"),
    ],
)
def test_a_value_that_cannot_be_is_refused_where_it_is_said(
    option: dict[str, Any], error: type[FlowkitError], says: str
) -> None:
    with pytest.raises(error, match=says):
        Task("t", **option)
    with pytest.raises(error, match=says):
        Task("t").copy(**option)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1048576", 1 << 20), ("500M", 500 << 20), ("1.5 GiB", 3 << 29), ("2gb", 2 << 30), ("x", None)],
)
def test_sizes_are_written_as_people_do(text: str, size: int | None) -> None:
    assert bytes_of(text) == size
