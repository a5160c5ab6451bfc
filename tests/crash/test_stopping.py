"""Runs that are asked to stop: what is done is written, what is shown is true, and `resume` goes on."""

from __future__ import annotations

import re
import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing

import pytest
from checker import check_litter, check_nothing_is_left_to_do, check_orphans, recorded
from command_server import REAL
from scene import Said, Scene, Started

from flowkit.plan.status import CANCELLED, SUCCESS
from flowkit.store.run_status import RunStatus

FLOW = """
    import os, threading
    from pathlib import Path
    from campaign_flows import noted
    from flowkit import flow, task

    def go_on():
        return Path("go").exists()

    def never_let_go():
        while True:
            try:
                threading.Event().wait(60)
            except BaseException:
                pass

    @task
    def first():
        with noted():
            print("ready", flush=True)
            return {"first": 1}

    @task
    def second(found):
        with noted():
            if not go_on():
                Path("reached").touch()
                never_let_go() if "STUBBORN" in os.environ else threading.Event().wait(60)
            return found["first"] + 1

    @flow
    def two():
        second(first())
"""
PROMPTLY = 3.0  # seconds; the promise is about half a second, and the machine may be busy
ALL = {"first": {"first": 1}, "second": 2}


@pytest.fixture
def stopping(scene: Scene) -> Scene:
    """A project whose second task waits until it is stopped; later it does not."""
    scene.take_flows()
    scene.write(FLOW)
    return scene


def running_second(
    scene: Scene, *arguments: str, prefix: Sequence[str] = (), stubborn: bool = False
) -> Started:
    environ = {"STUBBORN": "1"} if stubborn else {}
    started = scene.start("run", "flows/flow.py:two", *arguments, prefix=prefix, **environ)
    reached = scene.folder / "reached"
    assert started.wait_until(reached.exists), started.said().err
    # Until the first end was shown, and so committed: what a signal meets is then known.
    assert started.wait_until(lambda: re.search(r"OK +first", started.err.read_text()) is not None)
    return started


def check_interrupted(scene: Scene, said: Said, status: RunStatus) -> None:
    """The run is recorded with what is done, and goes on from there."""
    found = recorded(scene)
    assert found.status is status, said.err
    assert found.values == {"first": ALL["first"]}
    assert "Traceback" not in said.err
    (scene.folder / "go").touch()
    scene.flowkit("resume")
    assert recorded(scene).values == ALL
    assert [each.task for each in scene.told() if each.what == "end"] == ["first", "second"]
    check_nothing_is_left_to_do(scene)
    check_litter(scene)


@pytest.mark.parametrize(
    ("executor", "number", "code"),
    [
        ("threads", signal.SIGINT, 130),
        ("inline", signal.SIGINT, 130),
        ("processes", signal.SIGINT, 130),
        ("coroutines", signal.SIGINT, 130),
        ("threads", signal.SIGTERM, 143),
        ("processes", signal.SIGTERM, 143),
        ("processes", signal.SIGHUP, 129),
        ("inline", signal.SIGHUP, 129),
    ],
)
def test_a_run_that_a_signal_stops_is_recorded_and_can_be_resumed(
    stopping: Scene, executor: str, number: int, code: int
) -> None:
    started = running_second(stopping, "--executor", executor)
    started.signal(number)
    said = started.said()
    assert said.code == code, said.err
    assert "flowkit resume 1" in said.err
    check_orphans(started.command.pid, 2.0)
    check_interrupted(stopping, said, RunStatus.INTERRUPTED)


@pytest.mark.parametrize(
    ("executor", "times"),
    [
        *[("threads", 2), ("threads", 20), ("inline", 20), ("coroutines", 20)],
        *[("processes", 2), ("processes", 20)],
    ],
)
def test_many_signals_at_once_lose_nothing_that_is_done(stopping: Scene, executor: str, times: int) -> None:
    """The second ends it at once, perhaps before its end is written; then the next command says so."""
    started = running_second(stopping, "--executor", executor)
    for _ in range(times):
        started.signal(signal.SIGINT)
    said = started.said()
    assert said.code in (130, -signal.SIGINT), said.err
    check_orphans(started.command.pid, 2.0)
    status = recorded(stopping).status
    assert status in (RunStatus.INTERRUPTED, RunStatus.RUNNING)
    check_interrupted(stopping, said, status)


def asked_twice(started: Started) -> Said:
    """Ctrl-C twice, so far apart that they do not become one."""
    began = time.monotonic()
    started.signal(signal.SIGINT)
    started.wait_until(lambda: time.monotonic() > began + 0.1)
    started.signal(signal.SIGINT)
    return started.said()


@pytest.mark.parametrize("executor", ["threads", "inline", "coroutines", "processes"])
def test_a_second_ctrl_c_is_recorded_as_such_whatever_the_task_does(stopping: Scene, executor: str) -> None:
    started = running_second(stopping, "--executor", executor, stubborn=True)
    said = asked_twice(started)
    assert said.code == 130, said.err
    check_orphans(started.command.pid, 2.0)
    check_interrupted(stopping, said, RunStatus.INTERRUPTED)


@pytest.mark.parametrize("executor", ["threads", "inline", "processes"])
def test_a_second_ctrl_c_does_not_wait_for_others_who_write(stopping: Scene, executor: str) -> None:
    """What cannot be written at once is left to the next command, which sees that the process is gone."""
    started = running_second(stopping, "--executor", executor, stubborn=True)
    with closing(sqlite3.connect(stopping.history, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        said = asked_twice(started)
        assert time.monotonic() - began < PROMPTLY
        other.execute("ROLLBACK")
    assert said.code == 130, said.err
    check_interrupted(stopping, said, RunStatus.RUNNING)


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_reader_that_goes_away_changes_nothing_of_what_is_recorded(stopping: Scene, executor: str) -> None:
    (stopping.folder / "go").touch()
    line = f"{' '.join(REAL)} run flows/flow.py:two --executor {executor} --json | head -1"
    said = stopping.flowkit("-c", line, prefix=("bash", "-o", "pipefail"))
    assert said.out.count("\n") == 1
    found = recorded(stopping)
    assert found.status is RunStatus.SUCCESS
    assert found.values == ALL
    check_nothing_is_left_to_do(stopping)


@pytest.mark.parametrize("executor", ["threads", "processes"])
@pytest.mark.parametrize("form", ["--json", "--verbose"])
def test_ctrl_c_is_recorded_also_where_nobody_reads_what_is_said(
    stopping: Scene, form: str, executor: str
) -> None:
    command = f"{' '.join(REAL)} run flows/flow.py:two --executor {executor} {form}"
    line = f"exec {command} > >(exec true) 2> >(exec true)"
    started = stopping.start("-c", line, prefix=("bash",))
    assert started.wait_until((stopping.folder / "reached").exists), started.said().err
    assert started.wait_until(lambda: recorded(stopping, values=False).successes == {"first": 1})
    started.signal(signal.SIGINT)
    said = started.said()
    assert said.code == 130
    check_orphans(started.command.pid, 2.0)
    check_interrupted(stopping, said, RunStatus.INTERRUPTED)


# One run, with tasks asleep in each lane; those of the processes lane in all ways there are.
EVERYWHERE = """
    import asyncio, signal, subprocess, sys, threading
    from pathlib import Path
    from campaign_flows import noted
    from flowkit import flow, task

    DETACHED = "import time; open('DETACHED', 'w').close(); time.sleep(1000)"

    def asleep(name, sleep):
        with noted():
            if not Path("go").exists():
                Path(name).touch()
                sleep()
        return name

    @task
    def before():
        return "before"

    @task(executor="threads")
    def in_a_thread(_):
        return asleep("THREAD", threading.Event().wait)

    @task
    async def in_a_coroutine(_):
        with noted():
            if not Path("go").exists():
                Path("COROUTINE").touch()
                await asyncio.Event().wait()
        return "COROUTINE"

    @task(executor="processes")
    def in_a_process(_):
        return asleep("PROCESS", threading.Event().wait)

    def spin():
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
        sum(range(10**13))

    @task(executor="processes")
    def in_c(_):
        return asleep("C", spin)

    def wait_for_a_shell():
        subprocess.Popen([sys.executable, "-c", DETACHED], start_new_session=True)
        subprocess.run("touch SHELL; sleep 1000 | cat", shell=True)

    @task(executor="processes")
    def in_a_shell(_):
        return asleep("FAMILY", wait_for_a_shell)

    @task(executor="dask")
    def on_dask(_):
        return asleep("DASK", threading.Event().wait)

    @flow
    def everywhere():
        first = before()
        for sleeper in (in_a_thread, in_a_coroutine, in_a_process, in_c, in_a_shell, on_dask):
            sleeper(first)
"""
ASLEEP = ("THREAD", "COROUTINE", "PROCESS", "C", "SHELL", "DETACHED", "FAMILY", "DASK")
SLEEPERS = {"in_a_thread", "in_a_coroutine", "in_a_process", "in_c", "in_a_shell", "on_dask"}
LIMIT = 2.0  # seconds that a process may outlive its runner
SLACK = 1.0  # seconds that a busy machine may add to the one that is promised


def asleep_everywhere(scene: Scene) -> Started:
    scene.take_flows()
    scene.write(EVERYWHERE)
    started = scene.start("run", "flows/flow.py:everywhere", "--workers", "4")
    places = [scene.folder / name for name in ASLEEP]
    assert started.wait_until(lambda: all(each.exists() for each in places)), started.said().err
    assert started.wait_until(lambda: recorded(scene, values=False).successes == {"before": 1})
    return started


def check_ended_everywhere(scene: Scene, started: Started, said: Said) -> None:
    assert said.code == 130, said.err
    assert "Traceback" not in said.err
    assert "in_a_thread (threads-" in said.err, said.err
    assert "could not be stopped and was left behind" in said.err, said.err
    check_orphans(started.command.pid, LIMIT, scene.mark)
    found = recorded(scene)
    assert found.status is RunStatus.INTERRUPTED
    ends = {each.key: each.status for each in found.attempts}
    assert ends == {"before": SUCCESS, **dict.fromkeys(SLEEPERS, CANCELLED)}
    (scene.folder / "go").touch()
    scene.flowkit("resume")
    assert len(recorded(scene).values) == 1 + len(SLEEPERS)
    check_nothing_is_left_to_do(scene)
    check_litter(scene)


def test_one_ctrl_c_ends_what_is_asleep_in_every_lane_within_a_second(scene: Scene) -> None:
    """By the times of the run itself, and by the clock of who has asked; the thread is left, and named."""
    started = asleep_everywhere(scene)
    asked, began = time.time(), time.monotonic()
    started.signal(signal.SIGINT)
    said = started.said()
    assert time.monotonic() - began < 1.0 + SLACK
    run = recorded(scene).run
    assert run is not None
    assert run.ended is not None
    assert run.ended - asked < 1.0 + SLACK / 2
    check_ended_everywhere(scene, started, said)


def test_a_second_ctrl_c_ends_every_lane_at_once(scene: Scene) -> None:
    started = asleep_everywhere(scene)
    began = time.monotonic()
    said = asked_twice(started)
    assert time.monotonic() - began < 0.1 + SLACK
    check_ended_everywhere(scene, started, said)
