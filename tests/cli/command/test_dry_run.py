"""`flowkit run --dry-run`: what would run and why, in few words, and nothing happens."""

from __future__ import annotations

import json

import pytest
from command_shell import Shell

FLOW = """
    from pathlib import Path
    from flowkit import Flow, Parameter, case, task

    @task(cache=True)
    def load(day):
        Path("loaded").touch()
        return [1, 2]

    @task(cache=True)
    def double(item):
        return item * 2

    @task(cache=True)
    def total(items):
        return sum(items)

    @task
    def is_large(number):
        return number > 100

    @task
    def alarm():
        print("large")

    with Flow("etl") as etl:
        number = total(double.map(load(Parameter("day", default="mon"))))
        with case(is_large(number), True):
            alarm()
"""


@pytest.fixture
def etl(shell: Shell) -> Shell:
    """A project with a flow whose tasks are cached."""
    shell.write("flows/etl.py", FLOW)
    return shell


def plan(shell: Shell, *arguments: str) -> dict[str, tuple[str, str]]:
    """Action and reason of each task."""
    document = json.loads(shell("run", "etl", "--dry-run", "--json", *arguments).out)
    assert (document["schema"], document["flow"]) == (1, "etl")
    return {row["task"]: (row["action"], row["reason"].partition(", ")[0]) for row in document["plan"]}


def test_before_the_first_run_everything_runs_for_the_first_time(etl: Shell) -> None:
    assert etl("run", "etl", "--dry-run").out == (
        "run    load      first time\n"
        "run    double    first time; once for each element of load\n"
        "run    total     first time\n"
        "run    is_large  first time\n"
        "maybe  alarm     first time; if is_large gives True\n"
    )


def test_nothing_runs_and_no_history_is_made(etl: Shell) -> None:
    etl("run", "etl", "--dry-run")
    assert not (etl.folder / "loaded").exists()
    assert not (etl.folder / ".flowkit" / "history.db").exists()


def test_what_is_cached_says_where_it_was_made(etl: Shell) -> None:
    etl("run", "etl")
    found = plan(etl)
    assert found["load"] == found["total"] == ("cached", "made in run 1")
    assert found["double"] == ("cached", "all 2 children are in the cache")
    assert found["is_large"] == ("run", "no cache")
    assert found["alarm"][0] == "maybe"


def test_each_change_has_its_reason(etl: Shell) -> None:
    etl("run", "etl")
    assert plan(etl, "--day", "tue")["load"] == ("run", "parameter `day` changed")
    assert plan(etl, "--day", "tue")["total"] == ("maybe", "`double` runs first")
    assert plan(etl, "--force", "double")["double"] == ("run", "2 children; forced (`--force`)")
    assert plan(etl, "--no-cache")["load"] == ("run", "the cache is off for this run (`--no-cache`)")
    etl.write("flows/etl.py", FLOW.replace("* 2", "* 3"))
    found = plan(etl)
    assert found["load"][0] == "cached"
    assert found["double"] == (
        "run",
        "2 children; its code changed: `etl.double` changed (flows/etl.py:10)",
    )


def test_a_selection_says_what_is_taken_and_what_is_left_out(etl: Shell) -> None:
    etl("run", "etl")
    assert plan(etl, "--select", "total") == {
        "double": ("taken", "not selected; its result is taken from run 1"),
        "total": ("cached", "made in run 1"),
        "load": ("skip", "not selected"),
        "is_large": ("skip", "not selected"),
        "alarm": ("skip", "not selected"),
    }


def test_of_what_is_taken_it_is_said_what_changed_since_it_was_made(etl: Shell) -> None:
    etl("run", "etl")
    etl.write("flows/etl.py", FLOW.replace("* 2", "* 3"))
    arguments = ("run", "etl", "--select", "total", "--day", "tue")
    assert "taken from run 1; its code changed, parameter `day` changed\n" in etl(*arguments, "--dry-run").out
    said = (
        "note: taken, but not as this run would make it: double from run 1"
        " (its code changed, parameter `day` changed)"
    )
    assert said in etl(*arguments).err.splitlines()
    assert said in etl("resume", "--force", "total").err.splitlines()


def test_what_was_foretold_is_what_happens(etl: Shell) -> None:
    etl("run", "etl")
    etl.write("flows/etl.py", FLOW.replace("return sum(items)", "return sum(items) + 1"))
    foretold = {task: action for task, (action, _) in plan(etl).items()}
    etl("run", "etl")
    for task in ("load", "double", "total", "is_large"):
        cause = json.loads(etl("why", "latest", task, "--json").out)["cause"]
        assert (cause == "found") == (foretold[task] == "cached")
