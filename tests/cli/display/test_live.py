"""The live display in a real pseudo-terminal: what stands on the screen, and what is left behind."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import threading
import time

import pytest
from drawn_screen import DrawnScreen

from flowkit.cli.console import Console
from flowkit.cli.display import Title
from flowkit.cli.foresight import foreseeing
from flowkit.cli.output import OutputMode
from flowkit.cli.progress import LiveDisplay
from flowkit.engine.engine import Engine
from flowkit.engine.executors.threads import ThreadExecutor
from flowkit.engine.signals import SKIP
from flowkit.engine.task_threads import start_apart
from flowkit.errors import BugError
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import unmapped
from flowkit.flow.task import task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.durations import Durations

_LONGEST = 20.0  # seconds that a test waits for what should come at once


class Terminal:
    """A pseudo-terminal that understands what is written, and keeps all that ever scrolled by."""

    def __init__(self, columns: int = 100, rows: int = 30) -> None:
        self._main, side = pty.openpty()
        self.drawn = DrawnScreen()
        self.resize(columns, rows)
        self.stream = os.fdopen(side, "w", encoding="utf-8")
        self.raw = ""

    def resize(self, columns, rows):
        self.drawn.resize(columns, rows)
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, pattern):
        """Read until the screen has what is looked for."""
        give_up = time.monotonic() + _LONGEST
        while self.drawn.is_updating or not re.search(pattern, self.screen):
            assert time.monotonic() < give_up, f"no {pattern!r} in:\n{self.screen}"
            self.read(0.1)

    def read(self, timeout=0.0):
        while select.select([self._main], [], [], timeout)[0]:
            text = os.read(self._main, 65536).decode("utf-8", "replace")
            self.raw += text
            self.drawn.take(text)
            timeout = 0.0

    def close(self):
        self.stream.close()
        os.close(self._main)

    @property
    def screen(self):
        return "\n".join(self.drawn.lines)

    @property
    def cursor_shown(self):
        return self.drawn.shows_cursor


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.close()


@pytest.fixture
def console(terminal):
    made = Console(stderr=terminal.stream, environ={"TERM": "xterm"})
    yield made
    made.close()


class Background:
    """A run in a thread of its own, as signals are not wanted here."""

    def __init__(self, flow, console, workers=2, output=OutputMode.LIVE, observer=None):
        display = observer or LiveDisplay(console, Title(flow.name, "brisk-otter", workers), output=output)
        plan = compile_flow(flow, lane="threads")
        self.engine = Engine(plan, [ThreadExecutor(workers)], observers=[display], capture=True)
        self._thread = threading.Thread(target=self._work)
        self.outcome = None
        self._thread.start()

    def _work(self):
        self.outcome = self.engine.run()

    def join(self):
        self._thread.join(_LONGEST)
        return self.outcome


class Gates:
    """Tasks that wait until the test lets them go on."""

    def __init__(self):
        self._events = {}

    def __getitem__(self, name):
        return self._events.setdefault(name, threading.Event())


@pytest.fixture
def gates():
    made = Gates()
    yield made
    for event in made._events.values():
        event.set()


def test_rows_are_live_then_stay_and_the_screen_tells_the_story(terminal, console, gates):
    @task
    def get_data():
        print("344 penguins")
        gates["get"].wait(_LONGEST)

    @task
    def run_model(data):
        gates["run"].wait(_LONGEST)

    with Flow("data_pipeline") as flow:
        run_model(get_data())
    gates["get"], gates["run"]
    run = Background(flow, console)
    terminal.wait_for(r"  \S get_data   (?:\d\.\ds|\d+ms|<1ms)\n  · run_model  waiting for get_data\n")
    assert re.search(r"  ─{20}  0/2 · 0:00   ctrl-c to stop", terminal.screen)
    gates["get"].set()
    terminal.wait_for("1/2")
    gates["run"].set()
    run.join()
    terminal.read()
    assert re.sub(r"(?:\d\.\ds|\d+ms|<1ms)", "0.1s", terminal.screen) == (
        "data_pipeline  run brisk-otter · 2 tasks · 2 workers\n"
        "  get_data │ 344 penguins\n"
        "  ✓ get_data   0.1s\n"
        "  ✓ run_model  0.1s\n"
        "\n"
        "  ✓ 2 ok   0.1s\n"
    )
    assert terminal.cursor_shown


def test_what_has_ended_is_never_both_above_and_live(terminal, console, gates):
    @task
    def wait():
        gates["go"].wait(_LONGEST)

    with Flow("f") as flow:
        for _ in range(8):
            wait()
    gates["go"]
    run = Background(flow, console, workers=8)
    terminal.wait_for("ctrl-c to stop")
    gates["go"].set()
    run.join()
    terminal.read()
    drawings = terminal.raw.split("\x1b[?2026h")
    for drawing in drawings:
        ended = set(re.findall(r"✓ \x1b\[0m(\S+)", drawing))
        live = set(re.findall(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] \x1b\[0m(\S+)", drawing))
        assert not ended & live


def test_a_mapped_task_is_one_row_and_a_failure_is_told_at_once_above(terminal, console, gates):
    @task
    def numbers():
        return list(range(40))

    @task
    def clean(number):
        if number == 1:
            raise ValueError("negative price: -3")
        if number >= 10:
            gates["clean"].wait(_LONGEST)

    @task
    def join(parts):
        pass

    with Flow("f") as flow:
        join(clean.map(numbers()))
    gates["clean"]
    run = Background(flow, console)
    terminal.wait_for(r"clean +━━━━━─{15} 10/40 +2 running · 1 failed")
    assert "error[task-failed]: clean[1] raised ValueError: negative price: -3" in terminal.screen
    assert re.search(r"  · join +waiting for clean", terminal.screen)
    assert re.search(r"━+╸?─+  11/42 · 0:00 · 1 failed", terminal.screen)
    gates["clean"].set()
    run.join()
    terminal.read()
    assert re.search(r"✗ clean +(?:\d\.\ds|\d+ms|<1ms) +39 ok · 1 failed\n", terminal.screen)
    assert re.search(r"⊘ join +not run +needs clean\n", terminal.screen)


def test_when_the_run_will_be_over_is_said_as_soon_as_it_has_gone_on_a_while(terminal, console, gates):
    @task
    def wait():
        gates["go"].wait(_LONGEST)

    with Flow("f") as flow:
        wait()
    gates["go"]
    later = 0.0
    display = LiveDisplay(
        console,
        Title("f"),
        foresees=foreseeing(Durations({"wait": 60.0}, {})),
        clock=lambda: time.monotonic() + later,
    )
    run = Background(flow, console, observer=display)
    terminal.wait_for(r"0/1 · 0:0\d   ctrl-c to stop")
    later = 10.0
    terminal.wait_for(r"0/1 · 0:1\d · eta 0:[45]\d   ctrl-c to stop")
    gates["go"].set()
    run.join()


def test_a_narrow_terminal_is_never_overrun_by_live_lines(console, terminal, gates):
    terminal.resize(40, 12)

    @task
    def a_task_with_a_name_that_is_much_longer_than_the_terminal_is_wide():
        gates["go"].wait(_LONGEST)

    with Flow("f") as flow:
        for _ in range(15):
            a_task_with_a_name_that_is_much_longer_than_the_terminal_is_wide()
    gates["go"]
    run = Background(flow, console, workers=15)
    terminal.wait_for("more tasks at work")
    live = terminal.drawn.visible[1:]
    assert len(live) <= 12
    assert all(len(line) < 40 for line in live)
    gates["go"].set()
    run.join()


def test_a_terminal_that_becomes_narrower_keeps_one_copy_of_the_live_lines(terminal, console, gates):
    @task
    def wait():
        gates["go"].wait(_LONGEST)

    with Flow("f") as flow:
        wait(), wait()
    gates["go"]
    run = Background(flow, console)
    terminal.wait_for("ctrl-c to stop")
    terminal.resize(30, 30)  # the bar, which took 50 columns, takes two rows now
    terminal.wait_for(r"0/2 · 0:\d\d$")
    assert len(re.findall(r"0/2", terminal.screen)) == 1
    assert len(re.findall(r"wait", terminal.screen)) == 2
    terminal.resize(100, 30)
    terminal.wait_for("ctrl-c to stop")
    assert len(re.findall(r"0/2", terminal.screen)) == 1
    gates["go"].set()
    run.join()


@pytest.mark.parametrize("sizes", [[(100, 6)], [(100, 6), (100, 12)], [(30, 8)], [(100, 3), (100, 6)]])
def test_nothing_stays_of_rows_that_scrolled_off_a_smaller_window(terminal, console, gates, sizes):
    @task
    def wait():
        gates["go"].wait(_LONGEST)

    with Flow("f") as flow:
        for _ in range(9):
            wait()
    gates["go"]
    run = Background(flow, console, workers=9)
    terminal.wait_for("wait-9")
    for columns, rows in sizes:
        terminal.resize(columns, rows)
        terminal.wait_for("more task")
    terminal.resize(100, 30)
    terminal.wait_for("wait-9 (.|\n)*ctrl-c to stop")
    assert [len(re.findall(rf"wait-{number} ", terminal.screen)) for number in range(2, 10)] == [1] * 8
    assert terminal.screen.count("0/9") == 1
    assert terminal.screen.count("brisk-otter") == 1, "what was said is drawn over"
    gates["go"].set()
    run.join()


def test_prints_of_threads_that_no_task_owns_go_above_in_whole_lines(terminal, console):
    before = sys.stdout

    @task
    def work():
        thread = threading.Thread(target=lambda: print("from a thread", end=" "))
        start_apart(thread)
        thread.join()

    with Flow("f") as flow:
        work()
    Background(flow, console).join()
    terminal.read()
    assert "\nfrom a thread\n" in terminal.screen
    assert sys.stdout is before


def test_the_terminal_is_itself_again_also_where_the_run_breaks(terminal, console):
    display = LiveDisplay(console, Title("f"))
    before = (sys.stdout, sys.stderr)
    with Flow("f") as flow:
        task(lambda: None, name="t")()
    engine = Engine(compile_flow(flow, lane="threads"), [ThreadExecutor(1)], observers=[])
    display.begin(engine)
    assert sys.stdout is not before[0]
    try:
        raise BugError("broken")
    except BugError:
        console.close()
    terminal.read()
    assert terminal.cursor_shown
    assert (sys.stdout, sys.stderr) == before
    console.close()


def test_a_terminal_that_goes_away_does_not_fail_the_run(terminal, console, gates):
    @task
    def wait():
        gates["go"].wait(_LONGEST)

    with Flow("f") as flow:
        wait()
    gates["go"]
    run = Background(flow, console)
    terminal.wait_for("ctrl-c to stop")
    main, terminal._main = terminal._main, os.open(os.devnull, os.O_RDONLY)
    os.close(main)
    gates["go"].set()
    assert run.join().exit_code == 0


def test_a_large_flow_leaves_no_line_for_each_task(terminal, console):
    with Flow("f") as flow:
        for _ in range(500):
            task(lambda: None, name="noop")()
    Background(flow, console).join()
    terminal.read()
    assert re.fullmatch(
        r"f  run .* · 500 tasks · 2 workers\n\n  ✓ 500 ok   (?:\d\.\ds|\d+ms|<1ms)\n", terminal.screen
    )


def test_what_stays_above_says_how_everything_ended(run, screen):
    tried = []

    @task
    def numbers():
        return [0, 1]

    @task(max_retries=1, retry_delay=0)
    def load():
        tried.append(1)
        if len(tried) == 1:
            raise OSError("connection reset")

    @task
    def leave():
        raise SKIP("nothing new")

    @task
    def child(number, after):
        return number

    with Flow("f") as flow:
        loaded = load()
        child.map(numbers(), unmapped(loaded))
        child(leave(), loaded)
    run(flow, LiveDisplay(screen.console, Title("f")))
    lines = screen.shown.splitlines()
    assert lines[0] == "f  5 tasks"
    assert sorted(lines[1:-2]) == sorted(
        [
            "  ✓ numbers   0.1s",
            "  ↻ load      attempt 2 of 2, after OSError: connection reset",
            "  ✓ load      0.1s",
            "  ✓ child     0.1s     2 ok",
            "  ○ leave     0.1s     nothing new",
            "  ○ child-2   skipped  after leave",
        ]
    )
    assert lines[-2:] == ["", "  ✓ 4 ok · 2 skipped · 1 retried   0.1s"]


def test_verbose_has_a_line_for_each_child(run, screen):
    @task
    def child(number):
        return number

    with Flow("f") as flow:
        child.map([1, 2, 3])
    run(flow, LiveDisplay(screen.console, Title("f"), verbose=True))
    assert re.findall(r"✓ (child\S*)", screen.shown) == ["child[0]", "child[1]", "child[2]", "child"]


def test_verbose_keeps_a_gap_before_why_something_was_cancelled(run, screen):
    @task(max_retries=1, retry_delay=60)
    def flaky():
        raise OSError

    with Flow("f") as flow:
        flaky()
    run(flow, LiveDisplay(screen.console, Title("f"), verbose=True), timeout=0.2)
    assert "  ⊘ flaky     cancelled  It was stopped while waiting for attempt 2 of 2." in screen.shown


def test_an_idle_display_costs_less_than_a_twentieth_of_a_core(terminal, console, gates):
    from flowkit.cli.frame import frame

    with Flow("f") as flow:
        for _ in range(10):
            task(lambda: None, name="noop")()
    engine = Engine(compile_flow(flow, lane="threads"), [ThreadExecutor(1)])
    display = LiveDisplay(console, Title("f"))
    display.begin(engine)
    display.see([(node, -1, 1, 2, 0.0, 0.0, None, None) for node in range(10)], [])
    console.end_live()
    began = time.process_time()
    for tick in range(200):
        frame(engine, display.tally, now=tick / 10, started=0.0, columns=100, rows=30)
    # Ten frames a second; drawing them costs about twice as much again.
    assert (time.process_time() - began) / 200 * 10 < 0.02
