"""`flowkit diff`: what differs between two runs, and nothing that does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from command_shell import Shell

FLOW = """
    from flowkit import Flow, Parameter, task

    LIMIT = 10

    @task
    def load(day):
        return [len(day), LIMIT]

    @task
    def double(item):
        return item * 2

    @task
    def total(items):
        return sum(items)

    with Flow("etl") as etl:
        total(double.map(load(Parameter("day", default="mon"))))
"""


@pytest.fixture
def etl(shell: Shell) -> Shell:
    """A project in which a flow has run."""
    shell.write("flows/etl.py", FLOW)
    shell("run", "etl")
    return shell


def compared(shell: Shell, first: str = "1", second: str = "2") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shell("diff", first, second, "--json").out)
    return found


def test_two_equal_runs_do_not_differ(etl: Shell) -> None:
    etl("run", "etl")
    assert etl("diff", "1", "2").out.splitlines()[1:] == ["nothing differs"]


def test_a_parameter_and_what_follows_from_it_differ(etl: Shell) -> None:
    etl("run", "etl", "--day", "monday")
    found = compared(etl)
    assert found["parameters"] == [{"name": "day", "before": "'mon'", "after": "'monday'"}]
    assert found["results"] == ["load", "double[0]", "total"]
    assert {each["task"] for each in found["inputs"]} == {"load", "double", "total"}
    assert found["code"] == found["states"] == []


def test_code_is_named_with_its_place_and_the_tasks_that_run_it(etl: Shell) -> None:
    etl.write("flows/etl.py", FLOW.replace("LIMIT = 10", "LIMIT = 11"))
    etl("run", "etl")
    [code] = compared(etl)["code"]
    assert (code["name"], code["what"], code["place"], code["tasks"]) == (
        "etl.LIMIT",
        "changed",
        "flows/etl.py:4",
        ["load"],
    )
    assert compared(etl)["results"] == ["load", "double[1]", "total"]


def test_tasks_that_came_went_and_were_renamed_are_said(etl: Shell) -> None:
    changed = FLOW.replace("def total(", "def all_of_it(").replace(
        "total(double.map(", "load('x')\n        all_of_it(double.map("
    )
    etl.write("flows/etl.py", changed)
    etl("run", "etl")
    found = compared(etl)
    assert len(found["tasks"]["added"]) == 1
    assert found["tasks"]["removed"] == []
    assert found["tasks"]["renamed"][-1] == ["total", "all_of_it"]


def test_states_that_changed_are_shown(etl: Shell) -> None:
    etl.write("flows/etl.py", FLOW.replace("return sum(items)", "raise ValueError(items)"))
    etl("run", "etl", code=1)
    assert compared(etl)["states"] == [{"name": "total", "before": "ok", "after": "failed"}]
    assert "total: ok → failed" in etl("diff", "1", "latest").out


def test_runs_of_two_flows_are_not_compared(etl: Shell) -> None:
    etl.write("flows/other.py", FLOW.replace('Flow("etl") as etl', 'Flow("other") as other'))
    etl("run", "other")
    assert etl("diff", "1", "2", code=2).sentence == (
        "run 1 is of `etl`, run 2 of `other`: only runs of one flow can be compared"
    )


def test_what_cannot_be_compared_is_not_said_to_be_equal(etl: Shell) -> None:
    etl("run", "etl", "--no-persist")
    assert etl("diff", "1", "2").out.splitlines()[1:] == [
        "not known  results that are not kept: load, double, total",
        "nothing else differs",
    ]
