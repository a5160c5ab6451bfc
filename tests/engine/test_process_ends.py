"""How worker processes end: by themselves, by force, and what that costs."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from flowkit import Flow, context, task
from flowkit.engine.executors import ProcessExecutor

HOW: dict[str, tuple[Callable[[], Any], str]] = {
    "segfault": (lambda: ctypes.string_at(0), "SIGSEGV"),
    "abort": (os.abort, "SIGABRT"),
    "exit 0": (lambda: os._exit(0), "exit code 0"),
    "exit 3": (lambda: os._exit(3), "exit code 3"),
    "killed": (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL, possibly out of memory"),
}


@task
def die(how: str) -> None:
    HOW[how][0]()


@task
def number(value: int) -> int:
    return value


@task
def whole(values: list[int]) -> int:
    return len(values)


@task
def die_at(value: int, at: int) -> int:
    if value == at:
        os._exit(7)
    return value


@task(max_retries=5, retry_delay=0)
def die_often(times: int) -> int:
    if context.task_run_count <= times:
        os._exit(1)
    return int(context.task_run_count)


@pytest.mark.parametrize("how", HOW)
def test_a_worker_that_dies_is_a_named_failure_of_its_task_alone(how: str, carry_out: Any) -> None:
    with Flow("dies") as flow:
        dying = die(how)
        others = [number(value) for value in range(20)]
    states = carry_out(flow, ProcessExecutor(2)).state.result
    assert type(states[dying].result).__name__ == "WorkerDiedError"
    assert str(states[dying].result) == f"its worker died ({HOW[how][1]}), attempt 1/1"
    assert [states[other].result for other in others] == list(range(20))


def test_a_worker_that_dies_is_tried_again_like_any_failure(carry_out: Any) -> None:
    with Flow("again") as flow:
        made = die_often(2)
    assert carry_out(flow, ProcessExecutor(2)).state.result[made].result == 3


def test_the_third_death_gives_a_task_up(carry_out: Any, kept: Any) -> None:
    with Flow("thrice") as flow:
        made = die_often(9)
    state = carry_out(flow, ProcessExecutor(2), observers=[kept]).state.result[made]
    assert state.is_failed()
    assert "attempt 3/6; `die_often` has ended 3 workers and is given up" in str(state.result)
    assert len({row[2] for row in kept.rows}) == 3


def test_a_death_in_the_middle_of_many_costs_one_attempt(carry_out: Any, kept: Any) -> None:
    with Flow("many") as flow:
        made = die_at.map(list(range(600)), at=[333] * 600)
    outcome = carry_out(flow, ProcessExecutor(2), observers=[kept])
    states = outcome.state.result[made].map_states
    assert [index for index, state in enumerate(states) if not state.is_successful()] == [333]
    assert "exit code 7" in str(states[333].result)
    begun = [row[:3] for row in kept.rows if row[3] == 2 and row[1] >= 0]
    assert len(begun) == len(set(begun)) == 600


def test_the_last_words_of_a_crash_reach_the_log_of_its_call(carry_out: Any, kept: Any) -> None:
    with Flow("words") as flow:
        dying, other = die("segfault"), number(1)
    outcome = carry_out(flow, ProcessExecutor(1), observers=[kept], capture=True)
    node = outcome.plan.tasks.index(dying)
    assert outcome.state.result[other].result == 1
    said = [line.text for line in kept.lines if line.call[0] == node and line.stream == "stderr"]
    assert any("Segmentation fault" in text for text in said)
    assert any(" in <lambda>" in text for text in said)


# -- by force ---------------------------------------------------------------------------------


def spin() -> None:
    """A loop in C, which runs no handler of Python's."""
    sum(range(10**12))


def spin_deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
    spin()


STUCK = {"in c": spin, "deaf": spin_deaf, "asleep": lambda: time.sleep(1000)}


@task(timeout=1)  # of which the start of a first worker has a part
def stuck(how: str, place: str) -> None:
    Path(place, how).write_text(str(os.getpid()))
    STUCK[how]()


@pytest.mark.parametrize("how", STUCK)
def test_a_time_limit_ends_the_process_whatever_it_does(how: str, carry_out: Any, tmp_path: Path) -> None:
    with Flow("stuck") as flow:
        made, other = stuck(how, str(tmp_path)), number(1)
    started = time.monotonic()
    outcome = carry_out(flow, ProcessExecutor(1))
    assert time.monotonic() - started < 4
    states = outcome.state.result
    assert type(states[made]).__name__ == "TimedOut"
    assert states[other].result == 1
    assert outcome.left_behind == ()
    assert not psutil.pid_exists(int((tmp_path / how).read_text()))


@task(timeout=1)
def tidy(place: str) -> None:
    try:
        time.sleep(1000)
    finally:
        Path(place, "tidied").touch()


def test_what_is_stopped_can_tidy_up(carry_out: Any, tmp_path: Path) -> None:
    with Flow("tidy") as flow:
        tidy(str(tmp_path))
    carry_out(flow, ProcessExecutor(1))
    assert (tmp_path / "tidied").exists()


def daemonized(place: str) -> None:
    """Start a process that has left its session and its parent."""
    if not os.fork():
        os.setsid()
        if not os.fork():
            Path(place, "daemon").write_text(str(os.getpid()))
            time.sleep(1000)
        os._exit(0)
    os.wait()
    while not (Path(place, "daemon").exists() and Path(place, "daemon").read_text()):
        time.sleep(0.001)


@task(timeout=0.5)
def family(place: str) -> None:
    daemonized(place)
    started = subprocess.Popen("echo $$ > shell; sleep 100 | cat", shell=True, cwd=place)
    subprocess.Popen([sys.executable, "-c", DETACHED], cwd=place, start_new_session=True).wait()
    started.wait()


DETACHED = "import os; open('detached', 'w').write(str(os.getpid())); import time; time.sleep(1000)"


def test_what_a_task_has_started_ends_with_it(carry_out: Any, tmp_path: Path) -> None:
    with Flow("family") as flow:
        made = family(str(tmp_path))
    outcome = carry_out(flow, ProcessExecutor(1))
    assert type(outcome.state.result[made]).__name__ == "TimedOut"
    pids = [int((tmp_path / name).read_text()) for name in ("daemon", "shell", "detached")]
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_a_run_that_is_stopped_leaves_nothing_behind(carry_out: Any, tmp_path: Path) -> None:
    with Flow("stopped") as flow:
        made = [stuck.copy(timeout=None)(how, str(tmp_path)) for how in STUCK]
    started = time.monotonic()
    outcome = carry_out(flow, ProcessExecutor(3), timeout=1.0)
    assert time.monotonic() - started < 2.5
    assert outcome.left_behind == ()
    assert {type(outcome.state.result[each]).__name__ for each in made} == {"Cancelled"}
    pids = [int((tmp_path / how).read_text()) for how in STUCK]
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


@task
def leave_one(place: str) -> int:
    daemonized(place)
    return 1


def test_what_a_task_leaves_running_ends_with_the_run_and_that_is_said(
    carry_out: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("flowkit"), "propagate", True)
    with Flow("left") as flow:
        made = leave_one(str(tmp_path))
    assert carry_out(flow, ProcessExecutor(1)).state.result[made].result == 1
    assert "have left processes running, 1, which were ended with the run" in caplog.text
    assert not psutil.pid_exists(int((tmp_path / "daemon").read_text()))


@task
def who() -> int:
    return os.getpid()


@task
def end_server() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(1000)


def test_a_fork_server_that_ends_costs_what_its_workers_did_and_is_replaced(carry_out: Any) -> None:
    with Flow("server") as flow:
        made = end_server()
        after = who()
        after.trigger = "all_finished"
        after.set_upstream(made)
    states = carry_out(flow, ProcessExecutor(1)).state.result
    assert "its worker died (with its fork server)" in str(states[made].result)
    assert states[after].result > 0


# -- memory -----------------------------------------------------------------------------------

MIB = 1 << 20


@task(memory="100MB")
def take(mebibytes: int) -> int:
    return len(bytearray(b"x" * mebibytes * MIB))


def test_the_memory_of_an_attempt_is_measured_anew_for_each(carry_out: Any, kept: Any) -> None:
    with Flow("measured") as flow:
        much = take(40)
        little = take(1, upstream_tasks=[much])
    outcome = carry_out(flow, ProcessExecutor(1), observers=[kept])
    assert outcome.state.result[little].result == MIB
    nodes = {made: node for node, made in enumerate(outcome.plan.tasks)}
    taken = {row[0]: row[7].memory for row in kept.rows if row[3] == 3 or row[7] is not None}
    assert taken[nodes[much]] > 80 * MIB > taken[nodes[little]] > MIB


def test_more_memory_than_a_task_may_take_is_refused(carry_out: Any, kept: Any) -> None:
    with Flow("refused") as flow:
        made, other = take(400), take(1)
    outcome = carry_out(flow, ProcessExecutor(1), observers=[kept])
    states = outcome.state.result
    assert isinstance(states[made].result, MemoryError)
    assert states[other].result == MIB
    failure = outcome.engine.details[outcome.plan.tasks.index(made), -1].failure
    assert failure.hint == "it may take 100 MiB besides what its process had: `memory=` of the task"
