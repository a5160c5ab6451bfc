"""Ctrl-C and its kin, as a program meets them: real processes, real signals.

A child runs a script and writes a line when it is where the signal shall find it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow, task
from flowkit.engine.executors import ThreadExecutor

PROMPTLY = 2.0  # seconds; the promise is about one, and the machine may be busy

PRELUDE = """
import os, sys, threading, time
import flowkit
from flowkit import Flow, task
from flowkit.executors import LocalExecutor, ThreadExecutor
flowkit.config.logging.level = "CRITICAL"

def say(text):
    os.write(1, (text + "\\n").encode())

@task
def before():
    say("before")

@task
def hang(value=None):
    say("ready")
    threading.Event().wait()

@task(trigger="always_run")
def after(value=None):
    say("after")
"""

THREADS = """
with Flow("hangs") as flow:
    after(hang(before()))
flow.run(executor=ThreadExecutor(2))
say("went on")
"""

INLINE = THREADS.replace("ThreadExecutor(2)", "LocalExecutor()")


class Script:
    """A child that runs a script; what it has said so far is in `said`."""

    def __init__(self, text: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + text],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "HOME": str(folder)},
            text=True,
        )
        self.said: list[str] = []

    def wait_for(self, line: str) -> None:
        """Read on until it says so."""
        assert self.process.stdout is not None
        for found in self.process.stdout:
            self.said.append(found.strip())
            if self.said[-1] == line:
                return
        raise AssertionError(
            f"it ended without saying {line!r}: {self.process.stderr and self.process.stderr.read()}"
        )

    def end(self, within: float = PROMPTLY) -> int:
        """Its exit code; fails where it takes longer."""
        started = time.monotonic()
        out, self.errors = self.process.communicate(timeout=20)
        assert time.monotonic() - started < within
        self.said += out.split()
        return self.process.returncode


@contextmanager
def running(text: str, folder: Path, until: str = "ready") -> Iterator[Script]:
    script = Script(text, folder)
    try:
        script.wait_for(until)
        yield script
    finally:
        script.process.kill()
        script.process.communicate()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["SIGINT", "SIGTERM", "SIGHUP"],
)
@pytest.mark.parametrize("text", [THREADS, INLINE], ids=["threads", "inline"])
def test_a_signal_ends_a_run_that_hangs_within_a_second(
    text: str, number: signal.Signals, code: int, tmp_path: Path
) -> None:
    with running(text, tmp_path) as script:
        script.process.send_signal(number)
        assert script.end() == code
    assert script.said == ["before", "ready"]
    assert "Traceback" not in script.errors.replace("Traceback", "", 1 if number == signal.SIGINT else 0)


def test_ctrl_c_is_a_keyboard_interrupt_that_a_program_may_catch(tmp_path: Path) -> None:
    text = THREADS.replace("flow.run(", "try: flow.run(").replace(
        'say("went on")', 'except KeyboardInterrupt: say("caught")'
    )
    with running(text, tmp_path) as script:
        script.process.send_signal(signal.SIGINT)
        assert script.end() == 0
    assert script.said[-1] == "caught"


def test_an_inline_task_is_interrupted_and_cleans_up(tmp_path: Path) -> None:
    text = """
@task
def careful():
    try:
        say("ready")
        threading.Event().wait()
    finally:
        say("cleaned")
with Flow("careful") as flow:
    after(careful())
flow.run()
"""
    with running(text, tmp_path) as script:
        script.process.send_signal(signal.SIGINT)
        assert script.end() == -signal.SIGINT
    assert script.said == ["ready", "cleaned"]


def test_what_was_done_before_a_signal_is_kept_and_the_rest_is_cancelled(tmp_path: Path) -> None:
    text = """
from flowkit.engine.engine import Engine
from flowkit.plan.compiler import compile_flow
with Flow("hangs") as flow:
    tasks = [before()]
    tasks.append(hang(tasks[0]))
    tasks.append(after(tasks[1]))
outcome = Engine(compile_flow(flow, lane="threads"), [ThreadExecutor(2)]).run()
say(",".join(type(outcome.state.result[each]).__name__ for each in tasks))
say(f"{type(outcome.state).__name__},{outcome.exit_code},{len(outcome.left_behind)}")
"""
    with running(text, tmp_path) as script:
        script.process.send_signal(signal.SIGTERM)
        assert script.end() == 0
    assert script.said[2:] == ["Success,Cancelled,Cancelled", "Cancelled,143,1"]


def test_what_ends_in_the_grace_time_has_succeeded(tmp_path: Path) -> None:
    """The task ends as soon as it sees that nothing starts any more, which is after the signal."""
    text = """
from flowkit.engine.engine import Engine
from flowkit.plan.compiler import compile_flow
stopping = threading.Event()
@task
def last():
    say("ready")
    while not engine.machine.stopping:
        stopping.wait(0.001)
    return "kept"
with Flow("ends") as flow:
    made = last()
    after(made)
engine = Engine(compile_flow(flow, lane="threads"), [ThreadExecutor(1)])
outcome = engine.run()
say(outcome.state.result[made].result)
"""
    with running(text, tmp_path) as script:
        script.process.send_signal(signal.SIGINT)
        assert script.end() == 0
    assert script.said == ["ready", "kept"]


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """The grace time is a minute here, so that only a second signal can end it."""
    text = "import flowkit.engine.engine as engine\nengine.GRACE = 60\n" + THREADS
    with running(text, tmp_path) as script:
        started = time.monotonic()
        script.process.send_signal(signal.SIGINT)
        while script.process.poll() is None and time.monotonic() - started < 20:
            script.process.send_signal(signal.SIGINT)
            try:
                script.process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        assert script.end() != 0
        assert time.monotonic() - started < PROMPTLY
    assert "went on" not in script.said


def test_a_second_signal_ends_a_task_that_python_cannot_interrupt(tmp_path: Path) -> None:
    text = """
import hashlib
@task
def count():
    threading.Timer(0.2, say, ["ready"]).start()  # when the main thread is in the function of C
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
with Flow("counts") as flow:
    after(count())
flow.run()
"""
    with running(text, tmp_path) as script:
        script.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            script.process.wait(0.1)
        script.process.send_signal(signal.SIGINT)
        assert script.end() == 130
    assert "after" not in script.said


def test_a_program_may_go_on_after_a_second_signal(tmp_path: Path) -> None:
    """It has half a second to take the interrupt; what it does then is its own business."""
    text = """
import flowkit.engine.engine as engine
engine.GRACE = 60
with Flow("hangs") as flow:
    hang()
try:
    flow.run(executor=ThreadExecutor(2))
except KeyboardInterrupt:
    say("caught")
threading.Event().wait(0.6)
say("well")
"""
    with running(text, tmp_path) as script:
        for _ in range(2):
            script.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                script.process.wait(0.1)
        script.wait_for("caught")
        assert script.end() == 0
    assert script.said[-1] == "well"


@pytest.mark.parametrize("text", [THREADS, INLINE], ids=["threads", "inline"])
def test_twenty_signals_end_it_once_and_with_an_error(text: str, tmp_path: Path) -> None:
    with running(text, tmp_path) as script:
        for number in [signal.SIGINT, signal.SIGTERM] * 10:
            with contextlib.suppress(subprocess.TimeoutExpired):
                script.process.send_signal(number)
                script.process.wait(0.05)
        assert script.end() not in (0, 70)
    assert "BugError" not in script.errors
    assert "went on" not in script.said


def test_ctrl_c_in_an_inner_run_stops_the_outer_one(tmp_path: Path) -> None:
    text = """
with Flow("inner") as inner:
    hang()
@task
def outer():
    inner.run()
with Flow("outer") as flow:
    after(outer())
flow.run()
"""
    with running(text, tmp_path) as script:
        script.process.send_signal(signal.SIGINT)
        assert script.end() == -signal.SIGINT
    assert "after" not in script.said


@task
def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


def test_the_handlers_of_the_program_are_restored(carry_out: Any) -> None:
    before = handlers.run()
    with Flow("looks") as flow:
        made = handlers()
    during = carry_out(flow).state.result[made].result
    assert all(one != other for one, other in zip(before, during, strict=True))
    assert handlers.run() == before


def test_a_signal_that_the_program_ignores_stays_ignored(carry_out: Any) -> None:
    with Flow("looks") as flow:
        made = handlers()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert carry_out(flow).state.result[made].result[2] is signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_run_outside_of_the_main_thread_leaves_signals_alone(carry_out: Any) -> None:
    with Flow("looks") as flow:
        made = handlers()
    found: list[Any] = []
    run = threading.Thread(
        target=lambda: found.extend(carry_out(flow, ThreadExecutor(1)).state.result[made].result)
    )
    run.start()
    run.join()
    assert found == handlers.run()
