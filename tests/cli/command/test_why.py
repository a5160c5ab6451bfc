"""`flowkit why`: one sentence that is right, then what bears it out; for people and for programs."""

from __future__ import annotations

import json
import re

import pytest
from command_shell import Shell

HELPERS = """
    SCALE = 2

    def norm(value):
        return value * SCALE
"""

ETL = """
    import helpers
    from flowkit import Flow, Parameter, task

    @task(cache=True)
    def load(day):
        return [1, 2, 3]

    @task(cache=True)
    def clean(row):
        return helpers.norm(row)

    @task
    def report(rows):
        return len(rows)

    @task
    def broken(rows):
        raise ValueError("negative price: -3")

    @task
    def after(rows):
        return rows

    with Flow("etl") as etl:
        cleaned = clean.map(load(Parameter("day", default="mon")))
        report(cleaned)
        after(broken(cleaned))
"""


@pytest.fixture
def etl(shell: Shell) -> Shell:
    """A project in which a flow has run once; one of its tasks fails."""
    shell.write("flows/helpers.py", HELPERS)
    shell.write("flows/etl.py", ETL)
    shell("run", "etl", code=1)
    return shell


def sentence(shell: Shell, task: str, run: str = "latest") -> str:
    """What is said first, without the names of runs, which are made up anew each time."""
    return re.sub(r" \([a-z]+-[a-z]+\)", "", shell("why", run, task).out.splitlines()[0])


def test_a_helper_that_was_edited_is_named_with_its_place(etl: Shell) -> None:
    etl.write("flows/helpers.py", HELPERS.replace("* SCALE", "* SCALE + 1"))
    etl("run", "etl", code=1)
    lines = etl("why", "latest", "clean[1]").out.splitlines()
    assert lines[0] == "clean[1] ran: its code changed: `helpers.norm` changed (flows/helpers.py:4)"
    assert lines[-1].split(maxsplit=1) == ["code", "`helpers.norm` changed (flows/helpers.py:4)"]


def test_each_reason_is_one_sentence(etl: Shell) -> None:
    assert sentence(etl, "load") == "load ran: first time: no earlier run of the flow has it"
    assert sentence(etl, "after") == "after did not run: it needs `broken`, which did not succeed"
    etl("run", "etl", "--day", "tue", "--force", "clean", code=1)
    assert sentence(etl, "load") == "load ran: parameter `day` changed"
    assert sentence(etl, "clean[0]") == "clean[0] ran: forced (`--force`)"
    etl("run", "etl", code=1)
    assert sentence(etl, "load") == "load did not run: found in the cache, made in run 1"
    assert sentence(etl, "clean") == "clean: 0 of its 3 children ran, 3 were found in the cache"
    etl("run", "etl", "--no-cache", code=1)
    assert sentence(etl, "load") == "load ran: the cache is off for this run (`--no-cache`)"
    assert etl("why", "latest", "report").out.startswith(
        "report ran: it has no cache: it runs in every run ("
    )


def test_what_was_not_selected_says_so_and_where_its_result_came_from(etl: Shell) -> None:
    etl("run", "etl", "--select", "report")
    assert sentence(etl, "clean") == "clean did not run: not selected: its result was taken from run 1"
    assert sentence(etl, "load") == "load did not run: not selected"


def test_a_resumed_run_says_what_was_not_run_again(etl: Shell) -> None:
    etl.write("flows/etl.py", ETL.replace('raise ValueError("negative price: -3")', "return rows"))
    etl("resume")
    assert sentence(etl, "report") == "report: done in session 1 of this run, not run again in session 2"
    assert sentence(etl, "broken") == "broken ran: it had failed in session 1"


def test_json_has_the_same_for_programs(etl: Shell) -> None:
    etl.write(
        "flows/helpers.py",
        HELPERS.replace("SCALE = 2", "SCALE = 3  # of another length, as Python looks at seconds and size"),
    )
    etl("run", "etl", code=1)
    found = json.loads(etl("why", "2", "clean[0]", "--json").out)
    assert (found["schema"], found["run"], found["task"], found["cause"]) == (1, 2, "clean[0]", "code")
    assert found["code"] == [
        {"kind": "constant", "name": "helpers.SCALE", "what": "changed", "place": "flows/helpers.py:2"}
    ]
    assert found["compared_with"] == 1
    assert found["same"] == []
    whole = json.loads(etl("why", "2", "clean", "--json").out)
    assert [child["cause"] for child in whole["children"]] == ["code", "code", "code"]


def test_what_is_not_there_is_refused_with_the_nearest(etl: Shell) -> None:
    said = etl("why", "1", "claen", code=2)
    assert (said.sentence, said.hints) == ("run 1 has no task `claen`", ["did you mean `clean`?"])
    assert etl("why", "9", "clean", code=2).sentence == "there is no run `9`"


def test_no_user_code_is_loaded(etl: Shell) -> None:
    etl.write("flows/etl.py", "raise SystemExit('loaded')")
    assert "loaded" not in etl("why", "1", "load").err
