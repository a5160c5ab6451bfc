"""What a task asks at the terminal and began to print: seen while it runs, never waited for in vain."""

from __future__ import annotations

import os
import re

import pytest
from command_shell import Shell
from command_terminal import CTRL_C, typed

ASKS = """
    import os, sys
    from flowkit import flow, task

    @task
    def ask():
        print("hello", input("your name? "))

    @task
    def look(number):
        found = number + 1
        breakpoint()
        return found

    @task
    def look_in(number):
        import pdb; pdb.set_trace()
        return number

    @task
    def read():
        print("read", sys.stdin.read())

    @task
    def dots():
        for _ in range(5):
            print(".", end="", flush=True)
        open(os.environ["GATE"]).read(1)

    @task
    def bar():
        for share in (10, 20):
            sys.stderr.write(f"\\r{share}%")
        open(os.environ["GATE"]).read(1)

    @flow
    def asking():
        ask()

    @flow
    def two():
        ask()
        ask()

    @flow
    def looking():
        look(3)

    @flow
    def looking_in():
        look_in(3)

    @flow
    def reading():
        read()

    @flow
    def begun():
        dots()
        bar()
"""


@pytest.fixture(autouse=True)
def asks(shell: Shell) -> None:
    shell.write("flows/asks.py", ASKS)


@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_a_task_may_ask_in_a_terminal(shell: Shell, executor: str) -> None:
    arguments = ["run", "flows/asks.py:asking", "--executor", executor]
    seen = typed(shell, *arguments, keys=[("your name? ", "Ada\n")])
    assert "  ask ? your name? Ada" in seen.lines
    assert "  ask │ hello Ada" in seen.lines
    assert seen.raw.count("\x1b[?25l") == seen.raw.count("\x1b[?25h"), "the cursor is hidden"


def test_two_tasks_that_ask_at_once_do_so_one_after_the_other(shell: Shell) -> None:
    keys = [("name? ", "Ada\n"), ("name? ", "Ada\n")]
    seen = typed(shell, "run", "flows/asks.py:two", "--workers", "2", keys=keys)
    assert seen.lines.count("  ask ? your name? Ada") == 1
    assert seen.lines.count("  ask-2 ? your name? Ada") == 1


def test_the_end_of_what_is_typed_is_an_eof_error(shell: Shell) -> None:
    seen = typed(shell, "run", "flows/asks.py:asking", keys=[("your name? ", "\x04")], code=1)
    assert "ask raised EOFError" in seen.text


@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_a_run_that_is_stopped_waits_for_no_answer(shell: Shell, executor: str) -> None:
    arguments = ["run", "flows/asks.py:asking", "--executor", executor]
    seen = typed(shell, *arguments, keys=[("your name? ", CTRL_C)], code=130)
    assert seen.seconds < 3
    assert "interrupted by ctrl-c" in seen.text


@pytest.mark.parametrize("executor", ["threads", "inline"])
@pytest.mark.parametrize("flow", ["looking", "looking_in"])
def test_a_debugger_in_a_task_shows_its_prompt(shell: Shell, executor: str, flow: str) -> None:
    arguments = ["run", f"flows/asks.py:{flow}", "--executor", executor]
    seen = typed(shell, *arguments, keys=[("(Pdb) ", "p number * 111\n"), ("(Pdb) ", "c\n")])
    assert re.search(r"│ 333$", "\n".join(seen.lines), re.MULTILINE)
    assert "✓ 1 ok" in seen.text


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_debugger_that_nobody_can_use_is_refused(shell: Shell, executor: str) -> None:
    said = shell("run", "flows/asks.py:looking", "--executor", executor, code=1).err
    assert "has no terminal here: `flowkit run … --pdb` opens the debugger" in said
    assert "inputs  number = 3" in said
    assert "bdb" not in said


def test_a_debugger_that_is_called_itself_is_refused_in_another_process(shell: Shell) -> None:
    said = shell("run", "flows/asks.py:looking_in", "--executor", "processes", code=1).err
    assert "has no terminal here: `flowkit run … --pdb` opens the debugger" in said
    assert "inputs  number = 3" in said


def test_a_question_in_another_process_is_refused_with_a_way_out(shell: Shell) -> None:
    seen = typed(shell, "run", "flows/asks.py:asking", "--executor", "processes", code=1)
    assert "EOFError: nobody can be asked here: give the task what it needs as a parameter" in seen.text


def test_what_comes_from_a_pipe_is_read_as_ever(shell: Shell) -> None:
    said = shell.line("echo it all | flowkit run flows/asks.py:asking").err
    assert "ask | your name? hello it all" in said
    assert "read | read it all" in shell.line("echo it all | flowkit run flows/asks.py:reading").err


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_line_that_is_not_whole_is_shown_while_the_task_runs(shell: Shell, executor: str) -> None:
    os.mkfifo(shell.folder / "gate")
    end = os.open(shell.folder / "gate", os.O_RDWR)
    try:
        arguments = ["run", "flows/asks.py:begun", "--executor", executor, "--workers", "2"]
        keys = [("20%", ""), (".....", CTRL_C)]
        seen = typed(shell, *arguments, keys=keys, code=130, GATE=str(shell.folder / "gate"))
    finally:
        os.write(end, b"..")
        os.close(end)
    assert re.search(r"dots +[\d.]+m?s +\.\.\.\.\.", seen.text)
    assert re.search(r"bar +[\d.]+m?s +20%", seen.text), "the parts before are shown too"
