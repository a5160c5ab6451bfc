"""No command outlives its attempt, however that ends.

Each command holds a pipe open that all its children inherit. When a test has read that pipe to its end,
nothing of the command runs any more.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow, task
from flowkit.engine.engine import Engine
from flowkit.executors import LocalExecutor, ThreadExecutor
from flowkit.plan.compiler import compile_flow
from flowkit.plan.state import Cancelled, Success, TimedOut
from flowkit.tasks.shell import ShellTask

HANGS = "echo ready >&9; sleep 1000 & sleep 1000"
STUBBORN = f"trap '' TERM; {HANGS}"
CLEANS = f"trap 'echo cleaned >&9; exit 7' TERM; {HANGS} & wait"


class Pipe:
    """What the commands of a test say, and whether one of them still runs.

    Attributes:
        helper: lines that make a shell hold it as descriptor 9.
    """

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self._reader, True)
        # Without a writer of our own it would be at its end before a command begins.
        self._writer: int | None = os.open(path, os.O_WRONLY)
        self.helper = f"exec 9>'{path}'"

    def wait_for_a_word(self) -> str:
        return os.read(self._reader, 100).decode().strip()

    def rest(self) -> list[str]:
        """All that is said, when nobody is left to say anything."""
        self.let_go()
        said = b""
        while some := os.read(self._reader, 1000):
            said += some
        return said.decode().split()

    def let_go(self) -> None:
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None

    def close(self) -> None:
        self.let_go()
        os.close(self._reader)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    made = Pipe(tmp_path / "pipe")
    yield made
    made.close()


@pytest.mark.parametrize("command", [HANGS, STUBBORN])
def test_a_time_limit_ends_a_command_with_all_that_it_started(ended: Any, pipe: Pipe, command: str) -> None:
    state = ended(ShellTask(command, helper_script=pipe.helper, timeout=1.0))
    assert type(state) is TimedOut
    assert pipe.rest() == ["ready"]


def test_each_attempt_that_is_too_late_is_ended(ended: Any, pipe: Pipe) -> None:
    shell = ShellTask(HANGS, helper_script=pipe.helper, timeout=1.0, max_retries=1, retry_delay=0)
    assert type(ended(shell)) is TimedOut
    assert pipe.rest() == ["ready", "ready"]


def test_what_is_left_in_the_background_is_ended_with_the_command(ended: Any, pipe: Pipe) -> None:
    state = ended(ShellTask("sleep 1000 > /dev/null 2>&1 & echo ready >&9", helper_script=pipe.helper))
    assert type(state) is Success
    assert pipe.rest() == ["ready"]


@pytest.mark.parametrize("executor", [LocalExecutor(), ThreadExecutor(2)], ids=["inline", "threads"])
@pytest.mark.parametrize("command", [HANGS, STUBBORN])
def test_the_time_limit_of_the_run_ends_it(pipe: Pipe, executor: Any, command: str) -> None:
    with Flow("limited") as flow:
        made = ShellTask(command, helper_script=pipe.helper)()
    outcome = Engine(compile_flow(flow, lane=executor.name), [executor], timeout=1.0).run()
    assert outcome.timed_out and type(outcome.state.result[made]) is Cancelled
    assert pipe.rest() == ["ready"]


def test_a_time_limit_holds_outside_of_the_main_thread_too(pipe: Pipe) -> None:
    """There no alarm interrupts an inline task; nor is there one for the task around."""

    @task(timeout=1.0)
    def around() -> str | list[str] | None:
        return ShellTask().run(HANGS, helper_script=pipe.helper)

    with Flow("limited") as flow:
        alone = ShellTask(HANGS, helper_script=pipe.helper, timeout=1.0)()
        inside = around()
    state = asyncio.run(flow.arun(executor=LocalExecutor(), history=False))
    assert [type(state.result[made]) for made in (alone, inside)] == [TimedOut, TimedOut]
    assert pipe.rest() == ["ready", "ready"]


@pytest.mark.parametrize("executor", [LocalExecutor(), ThreadExecutor(2)], ids=["inline", "threads"])
@pytest.mark.parametrize("command", [HANGS, STUBBORN])
def test_an_awaited_run_that_is_cancelled_ends_it(pipe: Pipe, executor: Any, command: str) -> None:
    with Flow("cancelled") as flow:
        ShellTask(command, helper_script=pipe.helper)()

    async def cancelled() -> None:
        running = asyncio.ensure_future(flow.arun(executor=executor, history=False))
        await asyncio.to_thread(pipe.wait_for_a_word)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    assert pipe.rest() == []


def test_a_command_of_a_run_within_a_task_ends_with_that_task(pipe: Pipe) -> None:
    with Flow("inner") as inner:
        ShellTask(HANGS, helper_script=pipe.helper)()

    @task(timeout=1.0)
    def outer() -> None:
        inner.run(executor=LocalExecutor(), history=False)

    with Flow("outer") as flow:
        made = outer()
    assert type(flow.run(executor=ThreadExecutor(2), history=False).result[made]) is TimedOut
    assert pipe.rest() == ["ready"]


def test_an_attempt_that_was_given_up_starts_nothing(pipe: Pipe) -> None:
    """Its thread goes on, and comes to the command when nobody waits for it any more."""
    over, tried = threading.Event(), threading.Event()

    @task(timeout=0.1)
    def late() -> None:
        over.wait()
        try:
            ShellTask().run(HANGS, helper_script=pipe.helper)
        finally:
            tried.set()

    with Flow("late") as flow:
        made = late()
    assert type(flow.run(executor=ThreadExecutor(1), history=False).result[made]) is TimedOut
    over.set()
    assert tried.wait(60)
    assert pipe.rest() == []


# -- signals, as a program meets them -----------------------------------------------------------

SCRIPT = """
import sys
import flowkit
from flowkit import Flow
from flowkit.executors import LocalExecutor, ThreadExecutor
from flowkit.tasks.shell import ShellTask
flowkit.config.logging.level = "CRITICAL"
executor, command, helper = sys.argv[1:]
with Flow("hangs") as flow:
    made = ShellTask(command, helper_script=helper)()
flow.run(executor={"inline": LocalExecutor(), "threads": ThreadExecutor(2)}[executor])
"""


@pytest.fixture
def program(tmp_path: Path, pipe: Pipe, lane: str) -> Iterator[Any]:
    """Starts a program that runs a command, and gives it when the command runs."""
    started: list[subprocess.Popen[bytes]] = []

    def start(command: str, prelude: str = "") -> subprocess.Popen[bytes]:
        args = [sys.executable, "-c", prelude + SCRIPT, lane, command, pipe.helper]
        env = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
        started.append(subprocess.Popen(args, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL))
        assert pipe.wait_for_a_word() == "ready"
        return started[0]

    yield start
    for each in started:
        each.kill()
        each.wait()


lanes = pytest.mark.parametrize("lane", ["inline", "threads"])


@lanes
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("command", [HANGS, STUBBORN])
def test_a_signal_ends_it_and_the_program(
    program: Any, pipe: Pipe, number: signal.Signals, code: int, command: str, tmp_path: Path
) -> None:
    process = program(command)
    process.send_signal(number)
    assert process.wait(20) == code
    assert pipe.rest() == []
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@lanes
def test_a_command_may_clean_up_before_it_ends(program: Any, pipe: Pipe) -> None:
    """That it then exits with a code of its own is no failure of the task: the run was interrupted."""
    process = program(CLEANS)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == -signal.SIGINT
    assert pipe.rest() == ["cleaned"]


@lanes
def test_a_second_signal_ends_it_without_patience(program: Any, pipe: Pipe) -> None:
    """The grace time is a minute here, so that only the second signal can end it."""
    prelude = (
        "import flowkit.engine.engine as engine, flowkit.tasks.process_group as group\n"
        "engine.GRACE = group.GRACE = 60\n"
    )
    process = program(STUBBORN, prelude)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    assert process.wait(20) != 0
    assert pipe.rest() == []
