"""`flowkit cancel`: stops the run that is meant, and nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest
from command_history import UNDER_WAY, WAITING, MadeHistory
from command_shell import Shell

from flowkit.store.run_status import RunStatus


@pytest.fixture
def made(shell: Shell) -> Iterator[MadeHistory]:
    """The history of the shell's project."""
    history = MadeHistory(shell.folder / ".flowkit")
    yield history
    history.close()


@pytest.fixture
def running(shell: Shell) -> Iterator[subprocess.Popen[str]]:
    """A run of another process, whose task has begun."""
    shell.write("flows/waiting.py", WAITING)
    process = shell.start("run", "waiting")
    assert process.stderr is not None
    for said in process.stderr:
        if "begun" in said:
            break
    yield process
    process.kill()
    process.communicate()


def only_run(shell: Shell) -> dict[str, object]:
    [run] = json.loads(shell("runs", "--json").out)
    assert isinstance(run, dict)
    return run


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_run_of_another_process_is_stopped_and_cancelled(
    shell: Shell, running: subprocess.Popen[str], force: list[str]
) -> None:
    said = shell("cancel", "latest", *force)
    assert "is cancelled\n" in said.err
    assert "hint: `flowkit resume 1` goes on with it" in said.err
    assert running.wait(timeout=60) != 0
    assert only_run(shell)["status"] == "cancelled"
    assert "is not running: cancelled" in shell("cancel", "1", code=2).sentence


def test_a_run_that_has_ended_or_crashed_is_not_running(shell: Shell, made: MadeHistory) -> None:
    made.run(), made.crashed()
    assert "is not running: ok" in shell("cancel", "1", code=2).sentence
    assert "is not running: crashed" in shell("cancel", "2", code=2).sentence


@pytest.mark.parametrize(
    "change", ["host='elsewhere'", "boot='an earlier one'", "born='1'", "pid=999999999, born=''"]
)
def test_a_process_that_is_not_surely_the_runs_gets_no_signal(
    shell: Shell, made: MadeHistory, change: str
) -> None:
    """The run's lock is this process's, which would be hit."""
    made.run(None, UNDER_WAY)
    made.connection.execute(f"UPDATE sessions SET {change}")
    assert "cannot be reached from here" in shell("cancel", "1", code=2).sentence
    assert made.rows("SELECT status, reason FROM runs") == [(RunStatus.RUNNING, "")]


def test_a_process_that_does_not_end_is_said_with_the_way_to_kill_it(shell: Shell, made: MadeHistory) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        made.run(None, UNDER_WAY)
        said = shell("cancel", "1", code=1)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "has not ended after 5 seconds" in said.sentence
    assert said.hints == ["`flowkit cancel 1 --force` kills it"]
