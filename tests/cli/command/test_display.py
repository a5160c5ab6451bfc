"""The live display of the real command, under a real shell: Ctrl-Z, signals, sizes of windows, long lines."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_shell import Shell
from command_terminal import CTRL_C, CTRL_Z, Typist, typed

WAITS = """
    import os
    from pathlib import Path
    import flowkit
    from flowkit import flow, task

    def let_go():
        with Path(os.environ["GATE"]).open("rb", buffering=0) as pipe:
            pipe.read(1)

    @task
    def wait():
        let_go()

    @flow
    def waits():
        wait()

    @task(executor="processes")
    def count():
        for number in flowkit.progress(range(8)):
            if number == 0:
                let_go()

    @task
    def measure():
        flowkit.context.progress(0.5, 2)
        let_go()

    @task
    def join(counted, measured):
        pass

    @flow
    def says():
        join(count(), measure())

    @task
    def flood():
        print("x" * 10_000_000)

    @flow
    def floods():
        flood()
"""


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[int]:
    """The end of a pipe at which tasks wait until something is written."""
    os.mkfifo(tmp_path / "gate")
    end = os.open(tmp_path / "gate", os.O_RDWR)
    yield end
    os.write(end, b"." * 100)
    os.close(end)


@pytest.fixture
def person(shell: Shell, gate: int, tmp_path: Path) -> Iterator[Typist]:
    shell.write("flows/waits.py", WAITS)
    made = Typist(shell, GATE=str(tmp_path / "gate"))
    yield made
    made.close()


def test_ctrl_z_gives_the_terminal_back_and_fg_draws_anew(person: Typist, gate: int) -> None:
    person.run("run", "flows/waits.py:waits")
    person.wait_for(r"0/1 · 0:\d\d ")
    assert not person.drawn.shows_cursor
    person.type(CTRL_Z)
    person.wait_for(r"Stopped[^\n]*\n\$")  # before it bash may drop what is typed
    assert "0/1" not in person.screen
    assert person.drawn.shows_cursor
    person.type("echo st''ill here\n")
    person.wait_for(r"^still here$")
    person.type("fg\n")
    person.wait_for(r"0/1 · 0:\d\d ")
    assert re.search(r"^still here$", person.screen, re.MULTILINE), "what the shell wrote is drawn over"
    os.write(gate, b".")
    person.wait_for(r"✓ 1 ok")
    assert "0/1" not in person.screen
    assert person.drawn.shows_cursor


def test_nothing_is_drawn_from_the_background(person: Typist, gate: int) -> None:
    person.run("run", "flows/waits.py:waits")
    person.wait_for(r"0/1 · 0:\d\d ")
    person.type(CTRL_Z)
    person.wait_for(r"Stopped[^\n]*\n\$")  # before it bash may drop what is typed
    person.type("bg\n")
    person.wait_for(r"&\n")
    before = len(person.raw)
    os.write(gate, b".")
    person.wait_for(r"✓ 1 ok")
    assert "\x1b" not in person.raw[before:].replace("\x1b[?25h", "")
    assert person.drawn.shows_cursor


def test_ctrl_z_does_not_stop_what_no_shell_could_let_go_on(shell: Shell, gate: int, tmp_path: Path) -> None:
    """As in a container whose only process it is: the system does not stop it, and it goes on to draw."""
    shell.write("flows/waits.py", WAITS)
    keys = [("0/1", CTRL_Z), ("0/1", CTRL_C)]
    seen = typed(shell, "run", "flows/waits.py:waits", keys=keys, code=130, GATE=str(tmp_path / "gate"))
    assert seen.raw.count("\x1b[?25l") == seen.raw.count("\x1b[?25h")
    assert "interrupted by ctrl-c" in seen.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_run_leaves_the_terminal_whole(person: Typist, number: signal.Signals) -> None:
    person.run("run", "flows/waits.py:waits")
    person.wait_for(r"0/1 · 0:\d\d ")
    person.kill(number)
    person.wait_for(rf"stopped by {number.name}")
    assert "0/1" not in person.screen
    assert person.drawn.shows_cursor


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (40, [r"  \S count     ────── 0%", r"  \S measure   ━╸──── 25%"]),
        (80, [r"  \S count     ────────── 0/8 ", r"  \S measure   ━━╸─────── 0\.5/2 "]),
        (200, [r"  \S count     ─{20} 0/8 ", r"  \S measure   ━{5}─{15} 0\.5/2 "]),
    ],
)
def test_tasks_that_say_how_far_they_are_have_bars_of_their_own(
    person: Typist, gate: int, columns: int, rows: list[str]
) -> None:
    """From a process, and from a thread."""
    person.resize(columns, 24)
    person.run("run", "flows/waits.py:says", "--workers", "2")
    for row in rows:
        person.wait_for(row)
    person.wait_for(r"  · join +waiting for count")
    os.write(gate, b"..")
    person.wait_for(r"✓ 3 ok")
    assert "━" not in person.screen


def test_a_window_may_change_its_size_and_one_picture_stays(person: Typist, gate: int) -> None:
    person.run("run", "flows/waits.py:says", "--workers", "2")
    person.wait_for(r"0\.5/2 ")
    for columns, rows, bar in ((50, 24, r"━╸──── 25%"), (200, 10, r"━{5}─{15} 0"), (80, 24, r"━━╸─{7} 0")):
        person.resize(columns, rows)
        person.wait_for(bar)
        assert person.screen.count("measure ") == 1
    os.write(gate, b"..")
    person.wait_for(r"✓ 3 ok")
    assert "─" not in person.screen


def test_in_a_window_that_is_hardly_there_it_takes_no_more_than_there_is(person: Typist, gate: int) -> None:
    person.resize(20, 4)
    person.run("run", "flows/waits.py:says", "--workers", "2")
    person.wait_for(r"more task")
    assert all(len(line) < 20 for line in person.drawn.visible[-2:])
    os.write(gate, b"..")
    person.wait_for(r"✓ 3 ok")
    assert "more task" not in person.screen


def test_of_a_line_of_ten_million_characters_a_part_is_shown_and_all_is_kept(shell: Shell) -> None:
    shell.write("flows/waits.py", WAITS)
    seen = typed(shell, "run", "flows/waits.py:floods")
    assert seen.text.count("x" * 1000) == 1
    assert seen.text.count("flood │") == 1
    assert len(seen.text) < 20_000
    assert shell("logs", "latest").out.count("x") >= 10_000_000
