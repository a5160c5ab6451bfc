"""Runs that tasks start, at the command line: shown with their parent, stopped with it, found by `resume`."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pytest
from command_shell import Shell

FLOWS = """
    import os, threading, time
    from pathlib import Path
    from flowkit import Flow, Parameter, task, context
    from flowkit.tasks.prefect import create_flow_run, get_task_run_result, wait_for_flow_run

    @task
    def rows(number):
        print("loading", number, context.get("colour"))
        if Path("slow").exists():
            os.write(2, b"asleep\\n")
            time.sleep(60)
        return list(range(number))

    with Flow("load") as load:
        rows(Parameter("number", default=2))

    @task
    def total(numbers):
        print("sum", sum(numbers), context.get("colour"))

    with Flow("report") as report:
        child = create_flow_run(flow_name="load", parameters={"number": 4}, context={"colour": "red"})
        ended = wait_for_flow_run(child, raise_final_state=True)
        total(get_task_run_result(child, "rows-1", upstream_tasks=[ended]))

    with Flow("careless") as careless:
        create_flow_run(flow_name="load")
"""


@pytest.fixture
def flows(shell: Shell) -> Shell:
    shell.write("flows/flows.py", FLOWS)
    return shell


def runs_of(shell: Shell) -> dict[str, dict[str, object]]:
    """The latest run of each flow."""
    return {run["flow"]: run for run in reversed(json.loads(shell("runs", "--json").out))}


def stopped(shell: Shell, flow: str, by: signal.Signals) -> tuple[int, str, float]:
    """Exit code, stderr, and the seconds from the signal to the end, of a run whose child sleeps."""
    heard = ""
    with shell.start("run", flow) as process:
        assert process.stderr is not None
        # What is shown as done is on disk: the run knows its child then, also after a crash.
        while not ("asleep" in heard and re.search("OK +create_flow_run", heard)):
            line = process.stderr.readline()
            assert line, heard
            heard += line
        at = time.monotonic()
        process.send_signal(by)
        rest = process.communicate(timeout=30)[1]
        return process.returncode, heard + rest, time.monotonic() - at


def test_a_child_run_is_shown_with_its_parent(flows: Shell) -> None:
    said = flows("run", "report", "--context", "colour=blue")
    assert "loading 4 red" in said.printed
    assert "sum 6 blue" in said.printed
    listed = flows("runs").out.splitlines()
    assert listed[1].endswith("1 ok; child of run 1")
    assert "child of" not in listed[2]
    assert any(
        line.split() == ["child", "of", "run", "1"] for line in flows("runs", "show", "2").out.splitlines()
    )
    assert "child runs  2 (load, ok)" in flows("runs", "show", "1").out
    found = runs_of(flows)
    assert (found["load"]["parent"], found["report"]["parent"]) == (1, None)


def test_what_a_child_prints_is_in_its_log_and_in_that_of_who_started_it(flows: Shell) -> None:
    flows("run", "report")
    assert "rows | loading 4 red" in flows("logs", "2").out
    assert "create_flow_run | loading 4 red" in flows("logs", "1").out


def test_ctrl_c_ends_the_parent_and_its_child(flows: Shell) -> None:
    Path(flows.folder, "slow").touch()
    code, err, took = stopped(flows, "report", signal.SIGINT)
    assert code == 130
    assert took < 5
    found = runs_of(flows)
    assert found["load"]["status"] == found["report"]["status"] == "interrupted"
    assert "`flowkit resume 2` goes on with it" in err


def test_a_parent_whose_tasks_are_done_waits_for_its_child_and_is_interrupted_in_that(flows: Shell) -> None:
    flows("run", "careless")
    assert {run["status"] for run in runs_of(flows).values()} == {"ok"}
    Path(flows.folder, "slow").touch()
    code, _, took = stopped(flows, "careless", signal.SIGTERM)
    assert code == 143
    assert took < 5
    found = runs_of(flows)
    assert found["load"]["status"] == found["careless"]["status"] == "interrupted"


def test_a_crash_leaves_both_as_crashed_and_resume_goes_on_with_each(flows: Shell) -> None:
    Path(flows.folder, "slow").touch()
    stopped(flows, "report", signal.SIGKILL)
    found = runs_of(flows)
    assert found["load"]["status"] == found["report"]["status"] == "crashed"
    Path(flows.folder, "slow").unlink()

    said = flows("resume", "1", code=1)
    assert "`flowkit resume 2`" in said.err, "the child is looked up, not started once more"
    assert len(json.loads(flows("runs", "--json").out)) == 2
    assert "loading 4 red" in flows("resume", "2").printed, "with the context that it was given"
    assert "sum 6 None" in flows("resume", "1").printed
    assert {run["status"] for run in runs_of(flows).values()} == {"ok"}


def test_an_unknown_flow_fails_the_task_and_says_what_there_is(flows: Shell) -> None:
    flows.write(
        "flows/lost.py",
        """
        from flowkit import Flow
        from flowkit.tasks.prefect import create_flow_run

        with Flow("lost") as flow:
            create_flow_run(flow_name="repord")
        """,
    )
    said = flows("run", "lost", code=1)
    assert "no flow is called `repord`" in said.err
    assert "did you mean `report`" in said.err
    assert "flowkit register" in said.err
