"""Ctrl-C, SIGTERM and readers that go away: how a run ends that was not let finish, or not listened to."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest
from command_shell import Shell
from command_terminal import CTRL_C, typed

SLOW = """
    import os, threading
    from flowkit import flow, task

    @task
    def nap(number):
        threading.Timer(0.1, os.write, [2, b"asleep\\n"]).start()
        threading.Event().wait(60)

    @task
    def after(naps):
        pass

    @task
    def leave_a_thread():
        threading.Thread(target=threading.Event().wait).start()
        nap.run(1)

    def say_and_wait():
        threading.main_thread().join()
        os.write(2, b"lingering\\n")
        threading.Event().wait()

    @task
    def linger():
        threading.Thread(target=say_and_wait, daemon=False).start()

    @flow
    def lingers():
        linger()

    @flow
    def leaves():
        leave_a_thread()

    @flow
    def slow():
        after([nap(1), nap(2)])

    @flow
    def single():
        nap(1)
"""
NOISY = """
    from pathlib import Path
    from flowkit import flow, task

    @task
    def shout():
        for number in range(20_000):
            print("line", number)

    @task
    def last(done):
        Path("finished").touch()

    @flow
    def noisy():
        last(shout())
"""


def interrupted(shell: Shell, *arguments: str, by: list[signal.Signals]) -> tuple[int, str, float]:
    """Exit code, stderr, and the seconds from the first signal to the end."""
    heard = ""
    with shell.start("run", *arguments) as process:
        assert process.stderr is not None
        while "asleep" not in heard:
            line = process.stderr.readline()
            assert line, heard
            heard += line
        began = time.monotonic()
        for number in by:
            process.send_signal(number)
        heard += process.stderr.read()
        code = process.wait(10)
        ended = time.monotonic()
    left = subprocess.run(["ps", "-A", "-o", "pgid="], capture_output=True, text=True, check=True).stdout
    assert str(process.pid) not in left.split(), "something of the run is left"
    return code, heard, ended - began


@pytest.mark.parametrize("executor", ["threads", "inline", "processes"])
@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_a_run_within_a_second_or_so(
    shell: Shell, executor: str, by: signal.Signals, code: int
) -> None:
    shell.write("flows/slow.py", SLOW)
    ended, said, seconds = interrupted(shell, "flows/slow.py:slow", "--executor", executor, by=[by])
    assert ended == code
    assert seconds < 3, "half a second of grace, and a machine that others use too"
    assert "CANCEL   after" in said
    assert ("interrupted by ctrl-c" if by is signal.SIGINT else "stopped by SIGTERM") in said
    assert "Traceback" not in said


def test_ctrl_c_does_not_wait_for_threads_that_a_task_has_started(shell: Shell) -> None:
    shell.write("flows/slow.py", SLOW)
    code, said, seconds = interrupted(
        shell, "flows/slow.py:leaves", "--executor", "inline", by=[signal.SIGINT]
    )
    assert code == 130
    assert seconds < 3
    assert "Traceback" not in said


def test_ctrl_c_ends_a_command_that_waits_for_threads_of_a_task_without_a_traceback(shell: Shell) -> None:
    shell.write("flows/slow.py", SLOW)
    seen = typed(shell, "run", "flows/slow.py:lingers", keys=[("lingering", CTRL_C)], code=130)
    assert "1 ok" in seen.text
    assert "Traceback" not in seen.text


def test_a_second_signal_does_not_wait(shell: Shell) -> None:
    shell.write("flows/slow.py", SLOW)
    code, said, seconds = interrupted(shell, "flows/slow.py:slow", by=[signal.SIGINT, signal.SIGINT])
    assert code == 130
    assert seconds < 2
    assert "Traceback" not in said


@pytest.mark.parametrize("executor", ["threads", "inline", "processes"])
def test_ctrl_c_in_a_terminal_ends_the_run_and_leaves_the_terminal_whole(shell: Shell, executor: str) -> None:
    shell.write("flows/slow.py", SLOW)
    seen = typed(
        shell, "run", "flows/slow.py:slow", "--executor", executor, keys=[(" 0.2s", CTRL_C)], code=130
    )
    assert seen.seconds < 3
    assert "interrupted by ctrl-c" in seen.lines[-2]
    assert seen.raw.count("\x1b[?25l") == seen.raw.count("\x1b[?25h"), "the cursor is hidden"
    assert "Traceback" not in seen.text


def test_a_single_inline_task_that_is_stopped_is_said_to_be(shell: Shell) -> None:
    shell.write("flows/slow.py", SLOW)
    code, said, _ = interrupted(shell, "flows/slow.py:single", "--executor", "inline", by=[signal.SIGINT])
    assert code == 130
    assert "interrupted by ctrl-c" in said


def test_a_single_inline_task_past_the_time_limit_exits_124(shell: Shell) -> None:
    shell.write("flows/slow.py", SLOW)
    arguments = ["run", "flows/slow.py:single", "--executor", "inline", "--timeout", "0.2"]
    assert "stopped after its limit of" in shell(*arguments, code=124).err


@pytest.mark.parametrize(
    "line",
    [
        "flowkit run noisy 2>&1 | head -1",
        "flowkit run noisy --json 2>/dev/null | head -1",
        "flowkit run noisy >&-",
        "flowkit run noisy 2>&-",
        "flowkit run noisy <&- >&- 2>&-",
    ],
)
def test_a_reader_that_goes_away_never_fails_a_run(shell: Shell, line: str) -> None:
    shell.write("flows/noisy.py", NOISY)
    shell.line(line)
    assert (shell.folder / "finished").exists()


def test_a_reader_of_data_that_goes_away_sees_no_traceback(shell: Shell) -> None:
    shell.line("(flowkit --help | true); (flowkit config --json | true); flowkit config >&-")


@pytest.mark.parametrize("closed", ["<&-", ">&- 2>&-"])
def test_register_works_with_a_closed_stream(shell: Shell, closed: str) -> None:
    shell.write("flows/noisy.py", NOISY)
    shell.line(f"flowkit register {closed}")
    assert "noisy" in shell("list").out


def test_data_that_cannot_be_written_is_said(shell: Shell) -> None:
    assert "No space left" in shell.line("flowkit config >/dev/full", code=1).sentence


def test_events_that_cannot_be_written_are_said_and_the_flow_still_runs(shell: Shell) -> None:
    shell.write("flows/noisy.py", NOISY)
    assert "No space left" in shell.line("flowkit run noisy --json >/dev/full", code=1).err
    assert (shell.folder / "finished").exists()


def test_an_ascii_terminal_can_show_everything(shell: Shell) -> None:
    shell("run", "--help", env={"PYTHONIOENCODING": "ascii"})
