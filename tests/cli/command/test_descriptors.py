"""What programs that tasks start write: part of the display, of the events and of the log, with a name."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from command_shell import Shell
from command_terminal import CTRL_C, typed

SHOUTS = """
    import multiprocessing, os, subprocess, threading
    from flowkit import flow, task

    both = threading.Barrier(2, timeout=30)

    @task
    def shout():
        for number in range(3):
            subprocess.run(["echo", f"from child {number}"], check=True)
            threading.Event().wait(0.15)

    @task
    def one():
        both.wait()
        subprocess.run("echo from one of two >&2", shell=True, check=True)
        both.wait()

    @task
    def other():
        both.wait()
        both.wait()

    @task
    def forks():
        child = multiprocessing.get_context("fork").Process(target=print, args=("from a fork",))
        child.start()
        child.join()

    @task
    def goes_on():
        subprocess.run("trap '' INT; echo asleep; exec yes a line of usual length, like this", shell=True)

    @task
    def follows(found):
        pass

    @flow
    def shouts():
        shout()

    @flow
    def two():
        one()
        other()

    @flow
    def fork():
        forks()

    @flow
    def endless():
        follows(goes_on())
"""


@pytest.fixture
def shouting(shell: Shell) -> Shell:
    shell.write("flows/shouts.py", SHOUTS)
    return shell


def outputs(shell: Shell, name: str) -> list[dict[str, Any]]:
    """The events of output of a run: everything on stdout is an event."""
    events = [json.loads(line) for line in shell("run", name, "--json").out.splitlines()]
    return [event for event in events if event["event"] == "task_output"]


def test_what_a_program_writes_is_an_event_of_its_task(shouting: Shell) -> None:
    found = outputs(shouting, "shouts")
    assert [(each["task"], each["attempt"], each["stream"], each["text"]) for each in found] == [
        ("shout", 1, "stdout", f"from child {number}") for number in range(3)
    ]


def test_what_one_of_two_tasks_writes_is_an_event_of_none(shouting: Shell) -> None:
    [found] = outputs(shouting, "two")
    assert (found["task"], found["attempt"], found["stream"]) == (None, 0, "stderr")
    assert found["text"] == "from one of two"


def test_it_is_kept_with_its_task_or_with_the_flow(shouting: Shell) -> None:
    shouting("run", "shouts", "--executor", "inline", "-q")
    assert shouting("logs", "latest", "shout").out.count("shout | from child") == 3
    shouting("run", "two", "-q")
    logged = shouting("logs").out
    assert logged.endswith("  two | from one of two\n")
    assert shouting("logs", "latest", "two").out == logged
    assert shouting("logs", "latest", "one").out == ""
    assert json.loads(shouting("logs", "--json").out)["task"] is None


def test_it_has_a_line_with_the_name_in_front(shouting: Shell) -> None:
    assert shouting("run", "two").printed == ["from one of two"]
    assert "  two | from one of two\n" in shouting("run", "two").err


def test_it_stays_in_the_terminal_above_what_is_live(shouting: Shell) -> None:
    lines = typed(shouting, "run", "shouts").lines
    assert [line for line in lines if "from child" in line] == [
        f"  shout │ from child {number}" for number in range(3)
    ]
    assert sum("shout" in line and "✓" in line for line in lines) == 1


@pytest.mark.parametrize("in_terminal", [True, False])
def test_what_a_forked_child_prints_is_a_line_of_its_task(shouting: Shell, in_terminal: bool) -> None:
    if in_terminal:
        assert "  forks │ from a fork" in typed(shouting, "run", "fork").lines
    else:
        assert shouting("run", "fork").printed == ["from a fork"]
    assert shouting("logs").out.endswith("  forks | from a fork\n")


def test_it_is_in_the_report_of_the_run(shouting: Shell) -> None:
    shouting("run", "two", "--junit", "report.xml", "-q")
    report = (shouting.folder / "report.xml").read_text()
    assert re.search(r"/>\s*<system-out>from one of two</system-out>\s*</testsuite>", report)


@pytest.mark.parametrize("closed", ["1", "2"])
def test_it_is_kept_where_the_command_has_no_such_stream(shouting: Shell, closed: str) -> None:
    shouting.line(f"flowkit run two {closed}>&-")
    assert shouting("logs").out.endswith("  two | from one of two\n")


@pytest.mark.parametrize("executor", ["threads", "inline", "processes"])
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_run_whose_program_writes_for_ever(shouting: Shell, executor: str, times: int) -> None:
    keys = [("asleep", CTRL_C * times)]
    typed(shouting, "run", "endless", "--executor", executor, keys=keys, code=130)
