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
    [("threads", 2), ("threads", 20), ("inline", 20), ("processes", 2), ("processes", 20)],
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


@pytest.mark.parametrize("executor", ["threads", "inline", "processes"])
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


def test_a_reader_that_goes_away_changes_nothing_of_what_is_recorded(stopping: Scene) -> None:
    (stopping.folder / "go").touch()
    line = f"{' '.join(REAL)} run flows/flow.py:two --json | head -1"
    said = stopping.flowkit("-c", line, prefix=("bash", "-o", "pipefail"))
    assert said.out.count("\n") == 1
    found = recorded(stopping)
    assert found.status is RunStatus.SUCCESS
    assert found.values == ALL
    check_nothing_is_left_to_do(stopping)


@pytest.mark.parametrize("form", ["--json", "--verbose"])
def test_ctrl_c_is_recorded_also_where_nobody_reads_what_is_said(stopping: Scene, form: str) -> None:
    line = f"exec {' '.join(REAL)} run flows/flow.py:two {form} > >(exec true) 2> >(exec true)"
    started = stopping.start("-c", line, prefix=("bash",))
    assert started.wait_until((stopping.folder / "reached").exists), started.said().err
    assert started.wait_until(lambda: recorded(stopping, values=False).successes == {"first": 1})
    started.signal(signal.SIGINT)
    said = started.said()
    assert said.code == 130
    check_orphans(started.command.pid, 2.0)
    check_interrupted(stopping, said, RunStatus.INTERRUPTED)
