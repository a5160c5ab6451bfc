"""What is written to file descriptors 1 and 2 during a run: whose it is, and where they lead after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow, Task, task
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.engine.executors.base import Executor
from flowkit.engine.whose import Whose
from flowkit.plan.events import RUN
from flowkit.plan.status import RUNNING

SECONDS = 20
LONGEST = 64 * 1024

Lines = list[tuple[str, str, str]]  # of a task, or the flow; the stream; the text


class Outside:
    """Where descriptors 1 and 2 lead from `begin` on: pipes that the test can read.

    The test begins it, as pytest leads them elsewhere between the set-up of a test and the test.
    """

    def __init__(self) -> None:
        self.before: dict[int, int] = {}
        self.readers: dict[int, int] = {}

    def begin(self) -> None:
        if self.before:
            return
        self.before = {number: os.dup(number) for number in (1, 2)}
        for number in self.before:
            self.readers[number], writer = os.pipe()
            os.dup2(writer, number)
            os.close(writer)

    def end(self) -> None:
        for number, kept in self.before.items():
            os.dup2(kept, number)
            os.close(kept)
            os.close(self.readers[number])

    def read(self, number: int = 1) -> bytes:
        """What came; waits until something does."""
        return os.read(self.readers[number], 1 << 20)

    def read_up_to(self, last: bytes, number: int = 1) -> bytes:
        found = b""
        while not found.endswith(last):
            found += self.read(number)
        return found


@pytest.fixture
def outside() -> Iterator[Outside]:
    made = Outside()
    yield made
    made.end()


@pytest.fixture(params=[LocalExecutor, lambda: ThreadExecutor(2)], ids=["inline", "threads"])
def lane(request: pytest.FixtureRequest) -> Executor:
    made: Executor = request.param()
    return made


@pytest.fixture
def lines(carry_out: Any, kept: Any, outside: Outside) -> Callable[..., Lines]:
    """Runs a flow that captures; gives what was read, by task."""

    def run(flow: Flow, executor: Executor, **options: Any) -> Lines:
        outside.begin()
        kept.lines.clear()
        outcome = carry_out(flow, executor, observers=[kept], capture=True, **options)
        return [(outcome.plan.key(*line.call[:2]), line.stream, line.text) for line in kept.lines]

    return run


def flow_of(*functions: Callable[[], Any]) -> Flow:
    """A flow of tasks one after another."""
    with Flow("whole") as flow:
        last: Any = None
        for function in functions:
            last = task(function)(upstream_tasks=[last] if last is not None else [])
    return flow


def echo() -> None:
    subprocess.run(["echo", "from a program"], check=True)


def raw() -> None:
    os.write(2, b"raw\n")


def nothing() -> None:
    pass


# -- whose it is ------------------------------------------------------------------------------


def test_what_a_program_of_the_only_task_writes_is_the_tasks(
    lane: Executor, lines: Callable[..., Lines]
) -> None:
    assert lines(flow_of(echo), lane) == [("echo", "stdout", "from a program")]


def test_tasks_one_after_another_have_their_own(lane: Executor, lines: Callable[..., Lines]) -> None:
    def shout() -> None:
        subprocess.run("echo shouted >&2", shell=True, check=True)

    def say() -> None:
        subprocess.run(["echo", "said"], check=True)

    assert lines(flow_of(shout, say, echo), lane) == [
        ("shout", "stderr", "shouted"),
        ("say", "stdout", "said"),
        ("echo", "stdout", "from a program"),
    ]


def test_what_a_task_has_begun_ends_with_it(lane: Executor, lines: Callable[..., Lines]) -> None:
    def begin() -> None:
        subprocess.run(["printf", "begun"], check=True)

    assert lines(flow_of(begin, echo), lane) == [
        ("begin", "stdout", "begun"),
        ("echo", "stdout", "from a program"),
    ]


def test_what_one_of_two_tasks_writes_is_the_runs(lines: Callable[..., Lines], kept: Any) -> None:
    both = threading.Barrier(2, timeout=SECONDS)

    @task
    def writes() -> None:
        both.wait()
        os.write(1, b"by one of two\n")
        both.wait()

    @task
    def waits() -> None:
        both.wait()
        both.wait()

    with Flow("whole") as flow:
        writes()
        waits()
    assert lines(flow, ThreadExecutor(2)) == [("whole", "stdout", "by one of two")]
    assert kept.lines[0].call == RUN


def test_no_line_is_the_tasks_that_began_after_it_was_written(
    lane: Executor, lines: Callable[..., Lines]
) -> None:
    """Tasks that take no time are not looked at one by one; the wrong one is never named."""

    def of(number: int) -> Task:
        @task(name=f"t{number}")
        def write() -> None:
            os.write(1, f"t{number}\n".encode())

        return write

    with Flow("whole") as flow:
        last: Any = None
        for number in range(200):
            last = of(number)(upstream_tasks=[last] if last is not None else [])
    found = lines(flow, lane)
    assert [text for _, _, text in found] == [f"t{number}" for number in range(200)]
    assert all(who in (text, "whole") for who, _, text in found)


def test_nothing_is_told_apart_while_a_given_up_thread_goes_on(lines: Callable[..., Lines]) -> None:
    over = threading.Event()

    @task(timeout=0.05)
    def hangs() -> None:
        over.wait(SECONDS)

    @task(trigger="all_finished")
    def writes(found: Any) -> None:
        os.write(1, b"by whom?\n")
        over.set()

    with Flow("whole") as flow:
        writes(hangs())
    assert lines(flow, ThreadExecutor(2)) == [("whole", "stdout", "by whom?")]


def test_what_a_nested_run_writes_is_the_tasks_that_runs_it(
    lane: Executor, lines: Callable[..., Lines], carry_out: Any
) -> None:
    def nests() -> None:
        carry_out(flow_of(echo, raw), ThreadExecutor(2), capture=True)

    assert sorted(lines(flow_of(nests), lane)) == [
        ("nests", "stderr", "raw"),
        ("nests", "stdout", "from a program"),
    ]


def test_of_two_runs_at_once_the_first_has_what_cannot_be_told_apart(
    lines: Callable[..., Lines], carry_out: Any
) -> None:
    began, may_end = threading.Event(), threading.Event()

    def waits() -> None:
        began.set()
        may_end.wait(SECONDS)
        os.write(1, b"by the first\n")

    def other() -> None:
        began.wait(SECONDS)
        carry_out(flow_of(echo), capture=True)
        may_end.set()

    thread = threading.Thread(target=other)
    thread.start()
    found = lines(flow_of(waits), LocalExecutor())
    thread.join(SECONDS)
    assert found == [("whole", "stdout", "from a program"), ("whole", "stdout", "by the first")]


def test_what_a_forked_child_writes_and_prints_is_the_tasks(
    lane: Executor, lines: Callable[..., Lines], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forks() -> None:
        child = os.fork()
        if not child:
            os.write(1, b"written\n")
            print("printed", flush=True)
            os._exit(0)
        os.waitpid(child, 0)

    with open(1, "w", closefd=False) as stdout:  # as it is without pytest
        monkeypatch.setattr(sys, "stdout", stdout)
        found = lines(flow_of(forks), lane)
    assert found == [("forks", "stdout", "written"), ("forks", "stdout", "printed")]


def test_what_a_task_that_is_logged_writes_is_printed(
    lane: Executor, lines: Callable[..., Lines], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    @task(log_stdout=True)
    def speaks() -> None:
        print("said")
        echo()

    with Flow("whole") as flow:
        speaks()
    assert sorted(lines(flow, lane)) == [("speaks", "log", "said"), ("speaks", "stdout", "from a program")]


def test_who_may_have_written_is_not_remembered_for_ever(carry_out: Any) -> None:
    """Where something is always still to be read, and tasks come and go."""

    @task
    def quick(number: int) -> None:
        pass

    with Flow("whole") as flow:
        quick.map(range(5000))
    engine = carry_out(flow).engine
    whose = Whose(engine, alone=True)
    for number in range(5000):
        engine.machine.events.append((1, number, 1, RUNNING, 0.0, 0.0, None, None))
        whose.went_away()
        engine.machine.events.clear()
    assert whose.call() == RUN
    assert len(whose._calls) <= 1002


# -- any bytes --------------------------------------------------------------------------------


def test_a_character_may_come_in_pieces_and_what_is_none_is_replaced(
    lane: Executor, lines: Callable[..., Lines]
) -> None:
    def write() -> None:
        for piece in (b"\xc3", b"\xa9 \xff\n", b"\xc3"):
            os.write(1, piece)

    assert lines(flow_of(write), lane) == [("write", "stdout", "é \ufffd"), ("write", "stdout", "\ufffd")]


def test_a_line_of_ten_megabytes_comes_in_pieces(lane: Executor, lines: Callable[..., Lines]) -> None:
    def write() -> None:
        subprocess.run("head -c 10000000 /dev/zero | tr '\\0' x; echo", shell=True, check=True)

    texts = [text for _, _, text in lines(flow_of(write), lane)]
    assert "".join(texts) == "x" * 10_000_000
    assert max(map(len, texts)) <= LONGEST


def test_very_many_lines_keep_their_order(lane: Executor, lines: Callable[..., Lines]) -> None:
    def write() -> None:
        subprocess.run(["seq", "200000"], check=True)

    found = lines(flow_of(write), lane)
    assert [text for _, _, text in found] == [str(number) for number in range(1, 200_001)]
    assert {who for who, _, _ in found} == {"write"}


# -- where it went before ---------------------------------------------------------------------


def test_what_is_let_through_is_as_it_was_written(
    lane: Executor, lines: Callable[..., Lines], outside: Outside
) -> None:
    def write() -> None:
        os.write(1, b"no \xff text, ")
        subprocess.run(["printf", "no end"], check=True)

    lines(flow_of(write), lane, echo=True)
    assert outside.read() == b"no \xff text, no end"


def test_what_is_kept_is_not_let_through(
    lane: Executor, lines: Callable[..., Lines], outside: Outside
) -> None:
    lines(flow_of(echo), lane)
    os.write(1, b"after\n")
    assert outside.read() == b"after\n"


def test_a_program_is_no_terminals_and_writes_where_it_is_led_by_the_stream(
    lane: Executor, lines: Callable[..., Lines]
) -> None:
    def asks() -> None:
        test = "test -t 1 || test -t 2 && echo terminal || echo none"
        subprocess.run(test, shell=True, check=True, stdout=sys.stdout)

    assert lines(flow_of(asks), lane) == [("asks", "stdout", "none")]


# -- the end ----------------------------------------------------------------------------------


def open_descriptors() -> dict[int, tuple[int, int]]:
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        try:
            about = os.fstat(int(path.name))
        except OSError:  # of the listing itself
            continue
        found[int(path.name)] = (about.st_dev, about.st_ino)
    return found


@contextmanager
def unchanged() -> Iterator[None]:
    """Descriptors and threads are the same after the block."""
    before, threads = open_descriptors(), threading.active_count()
    yield
    assert open_descriptors() == before
    assert threading.active_count() == threads


def fails() -> None:
    raise ValueError("no")


def closes() -> None:
    os.close(1)
    os.close(2)


@pytest.mark.parametrize("function", [echo, fails, closes], ids=lambda function: function.__name__)
def test_the_descriptors_are_what_they_were(
    function: Callable[[], None], lane: Executor, lines: Callable[..., Lines], outside: Outside
) -> None:
    lines(flow_of(nothing), lane)  # what is made once
    with unchanged():
        lines(flow_of(function, nothing), lane, echo=True)


def test_a_task_that_closes_them_harms_no_other(
    lane: Executor, lines: Callable[..., Lines], outside: Outside
) -> None:
    def prints() -> None:
        print("printed")

    assert lines(flow_of(closes, prints), lane) == [("prints", "stdout", "printed")]
    os.write(1, b"after\n")
    assert outside.read() == b"after\n"


def test_a_run_does_not_wait_for_a_program_that_goes_on(
    lane: Executor, lines: Callable[..., Lines], outside: Outside, gate: Any
) -> None:
    """What it writes after the run goes to where it would have gone without."""
    threads = set(threading.enumerate())
    started: list[subprocess.Popen[bytes]] = []

    def leaves() -> None:
        command = f"echo early; read -r go < {gate.path}; echo late; echo later >&2"
        started.append(subprocess.Popen(command, shell=True))

    found = lines(flow_of(leaves, nothing), lane)
    assert [text for _, _, text in found] in (["early"], [])  # the run may end before the program begins
    os.write(1, b"the run has ended\n")
    os.write(gate._end, b"\n")
    assert started[0].wait(SECONDS) == 0
    assert outside.read_up_to(b"late\n").endswith(b"late\n")
    assert outside.read_up_to(b"later\n", 2) == b"later\n"
    for thread in set(threading.enumerate()) - threads:
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_a_run_leaves_the_descriptors_alone_where_one_is_closed(
    lane: Executor, lines: Callable[..., Lines], outside: Outside
) -> None:
    outside.begin()
    kept = os.dup(1)
    os.close(1)
    try:
        found = lines(flow_of(raw), lane)
        with pytest.raises(OSError, match="Bad file descriptor"):  # nobody's, as before
            os.fstat(1)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    assert found == []
    assert outside.read(2) == b"raw\n"


# -- scripts ----------------------------------------------------------------------------------

SCRIPT = """
import logging, os, signal, subprocess, sys
{before}
from flowkit import Flow, task
from flowkit.engine.engine import Engine
from flowkit.engine.executors import LocalExecutor
from flowkit.plan.compiler import compile_flow

class Seen:
    lines = []
    begin = end = lambda *_: None
    def see(self, rows, lines):
        self.lines += [line.text for line in lines]

@task
def work():
    {work}

with Flow("whole") as flow:
    work()
print("before")
plan = compile_flow(flow, lane="inline")
engine = Engine(plan, [LocalExecutor()], observers=[Seen()], capture=True, echo=True)
engine.run()
print("after", Seen.lines)
subprocess.run(["echo", "last"])
"""


def script(work: str, folder: Path, before: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    path = folder / "script.py"
    path.write_text(SCRIPT.format(work=work, before=before))
    return subprocess.run(
        [sys.executable, "-u", path],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, **environ},
    )


def test_what_a_script_prints_keeps_its_order_with_what_programs_write(tmp_path: Path) -> None:
    done = script("print('printed'); subprocess.run(['echo', 'from a program'])", tmp_path)
    assert done.stdout.splitlines() == [
        "before",
        "printed",
        "from a program",
        "after ['printed', 'from a program']",
        "last",
    ]


def test_a_record_that_a_handler_of_the_program_prints_is_kept_once(tmp_path: Path) -> None:
    done = script("logging.warning('a record')", tmp_path, "logging.basicConfig(format='shown: %(message)s')")
    assert done.stdout.splitlines() == ["before", "after ['a record']", "last"]
    assert done.stderr.splitlines() == ["shown: a record"]


def test_the_report_of_a_crash_is_not_lost(tmp_path: Path) -> None:
    done = script("import faulthandler; faulthandler._sigsegv()", tmp_path, PYTHONFAULTHANDLER="1")
    assert done.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in done.stderr
    assert "in work" in done.stderr


@pytest.mark.parametrize("times", [1, 2])
def test_after_ctrl_c_the_descriptors_are_what_they_were(times: int, tmp_path: Path) -> None:
    interrupts = (
        f"subprocess.run(['echo', 'begun']); [os.kill(os.getpid(), signal.SIGINT) for _ in range({times})]"
    )
    done = script(interrupts, tmp_path)
    assert done.stdout.splitlines()[:2] == ["before", "begun"]
    assert done.stdout.splitlines()[-2:] == ["after ['begun']", "last"]
