"""`flowkit logs`: what tasks printed and logged, of the past and while they do."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
from command_history import UNDER_WAY, MadeHistory, line
from command_shell import Shell, normalised

from flowkit.store import owners
from flowkit.store.run_status import RunStatus


@pytest.fixture
def made(shell: Shell) -> Iterator[MadeHistory]:
    """The history of the shell's project, with a run that has printed."""
    history = MadeHistory(shell.folder / ".flowkit")
    history.run(
        lines=[
            line("one"),
            line("two", attempt=2),
            line("three", node=1, child=0),
            line("beware", node=1, level=30),
        ]
    )
    yield history
    history.close()


def test_lines_come_with_time_task_and_level(shell: Shell, made: MadeHistory) -> None:
    assert normalised(shell("logs").out) == (
        "HH:MM:SS  load | one\n"
        "HH:MM:SS  load | two\n"
        "HH:MM:SS  clean[0] | three\n"
        "HH:MM:SS  clean | WARNING beware\n"
    )


def test_that_nothing_was_printed_is_said_and_no_data(shell: Shell, made: MadeHistory) -> None:
    said = shell("logs", "latest", "load", "--level", "error", "--attempt", "2")
    assert said.out == ""
    assert said.err == (
        "note: `load` has printed and logged nothing of the level error or above in attempt 2\n"
    )
    assert "nothing" not in shell("logs").err


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (["load"], ["one", "two"]),
        (["load", "--attempt", "2"], ["two"]),
        (["clean[0]"], ["three"]),
        (["--level", "info"], ["beware"]),
        (["report"], []),
    ],
)
def test_lines_are_chosen_by_task_child_attempt_and_level(
    shell: Shell, made: MadeHistory, options: list[str], texts: list[str]
) -> None:
    said = shell("logs", "1", *options, "--json").out
    assert [json.loads(each)["text"] for each in said.splitlines()] == texts


def test_a_task_that_is_not_there_is_said_with_the_nearest(shell: Shell, made: MadeHistory) -> None:
    said = shell("logs", "1", "claen", code=2)
    assert said.sentence == "run 1 has no task `claen`"
    assert said.hints == ["did you mean `clean`?"]


def test_a_program_gets_a_line_as_it_was_and_a_terminal_one_that_is_safe(
    shell: Shell, made: MadeHistory
) -> None:
    made.run(lines=[line("\x1b[2Jgone\x00")])
    assert json.loads(shell("logs", "2", "--json").out)["text"] == "\x1b[2Jgone\x00"
    assert "\x1b" not in shell("logs", "2").out


def test_following_ends_with_the_run_and_misses_nothing(shell: Shell, made: MadeHistory) -> None:
    journal = made.begun("etl", ["load"], {})
    journal.append([], {}, [], [line("first")])
    follower = shell.start("logs", "latest", "--follow", PYTHONUNBUFFERED="1")
    assert follower.stdout is not None
    assert follower.stdout.readline().endswith("load | first\n")
    journal.append([], {}, [], [line("second")])
    assert follower.stdout.readline().endswith("load | second\n")
    journal.append([], {}, [], [line("last")])
    journal.end(RunStatus.SUCCESS, "", 0, {})
    owners.release(made.folder, journal.run)
    out, err = follower.communicate(timeout=60)
    assert (out.split(" | ")[-1], err, follower.returncode) == ("last\n", "", 0)


def test_following_ends_when_the_process_is_gone(shell: Shell, made: MadeHistory) -> None:
    run = made.run(None, UNDER_WAY, lines=[line("first")])
    follower = shell.start("logs", str(run), "-f")
    assert follower.stdout is not None
    assert follower.stdout.readline().endswith("load | first\n")
    owners.release(made.folder, run)
    assert follower.wait(timeout=60) == 0
    follower.communicate()


def test_ctrl_c_ends_following_with_130(shell: Shell, made: MadeHistory) -> None:
    made.run(None, UNDER_WAY, lines=[line("first")])
    follower = shell.start("logs", "-f")
    assert follower.stdout is not None
    follower.stdout.readline()
    follower.send_signal(signal.SIGINT)
    _, err = follower.communicate(timeout=60)
    assert (follower.returncode, err) == (130, "")
