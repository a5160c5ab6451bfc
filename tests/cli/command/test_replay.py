"""`flowkit replay`: one task again, with the very inputs it had, and nothing else."""

from __future__ import annotations

import pytest
from command_shell import Shell
from command_terminal import typed

FLOW = """
    from datetime import timedelta
    from pathlib import Path
    from flowkit import Flow, Parameter, task

    @task(persist=False)
    def unkept():
        return 5

    @task
    def load(day):
        Path("loaded").open("a").write("x")
        print("loading", day)
        return [1, 2, 3]

    @task
    def double(item, by=2):
        print("doubling", item)
        return item * by

    @task(max_retries=3, retry_delay=timedelta(0))
    def broken(items, factor):
        print("trying")
        raise ValueError(f"sum is {sum(items) * factor}")

    @task
    def after(x):
        return x

    @task
    def uses(x):
        return x

    with Flow("etl") as etl:
        doubled = double.map(load(Parameter("day", default="mon")))
        after(broken(doubled, 10))
        uses(unkept())
"""


@pytest.fixture
def etl(shell: Shell) -> Shell:
    """A project in which a flow has run once; one of its tasks fails."""
    shell.write("flows/etl.py", FLOW)
    shell("run", "etl", "--day", "tue", code=1)
    return shell


def test_a_task_runs_again_with_its_parameters_and_its_prints(etl: Shell) -> None:
    said = etl("replay", "1", "load")
    assert said.out == "loading tue\n[1, 2, 3]\n"
    assert "load of run 1 (" in said.err and "✓ ok: load after" in said.err


def test_only_that_task_runs_and_nothing_is_recorded(etl: Shell) -> None:
    etl("replay", "1", "double[1]")
    assert (etl.folder / "loaded").read_text() == "x"
    assert etl("runs", "--json").out.count('"run"') == 1


def test_one_child_runs_alone_and_a_mapped_task_with_all(etl: Shell) -> None:
    assert etl("replay", "1", "double[1]").out == "doubling 2\n4\n"
    assert etl("replay", "1", "double").out.splitlines()[-3:] == ["2", "4", "6"]


def test_a_failure_is_shown_as_a_run_shows_it_and_tried_once(etl: Shell) -> None:
    said = etl("replay", "1", "broken", code=1)
    assert said.out == "trying\n"
    assert "error[task-failed]: broken raised ValueError: sum is 120" in said.err
    assert "> 24 |" in said.err


def test_code_that_changed_since_is_run_as_it_is_now_and_said(etl: Shell) -> None:
    etl.write("flows/etl.py", FLOW.replace("sum is", "the sum is").replace("(doubled, 10)", "(doubled, 100)"))
    said = etl("replay", "1", "broken", code=1)
    assert "ValueError: the sum is 1200" in said.err
    assert "note: its code is not what it was: `etl.broken` changed (flows/etl.py:" in said.err


def test_inputs_that_cannot_be_had_are_named(etl: Shell) -> None:
    said = etl("replay", "1", "uses", code=1)
    assert said.sentence.startswith("`uses` cannot be run again: the result of `unkept`: ")


def test_what_did_not_run_is_refused(etl: Shell) -> None:
    said = etl("replay", "1", "after", code=2)
    assert said.sentence.startswith("`after` did not run in run 1 (")
    assert said.hints == ["`flowkit why 1 after` says why"]
    assert etl("replay", "1", "doubel", code=2).hints == ["did you mean `double`?"]
    assert etl("replay", "1", "double[3]", code=2).sentence.startswith("`double` has 3 children")


def test_a_task_that_is_gone_from_the_flow_is_refused(etl: Shell) -> None:
    etl.write("flows/etl.py", FLOW.replace("        uses(unkept())\n", ""))
    said = etl("replay", "1", "uses", code=2)
    assert said.sentence.startswith("the flow `etl` has no task any more that is `uses` of run 1 (")


def test_the_debugger_opens_where_it_raised(etl: Shell) -> None:
    seen = typed(
        etl,
        "replay",
        "1",
        "broken",
        "--pdb",
        keys=[("(Pdb) ", "p factor\r"), ("10\r\n(Pdb) ", "q\r")],
        code=1,
    )
    assert "sum is 120" in seen.text
    assert "Pdb" not in etl("replay", "1", "load", "--pdb").out
