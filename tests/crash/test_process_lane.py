"""Tasks in processes, and runners that end, are stopped or find little: nothing of theirs outlives them.

The workers of a temporary Dask cluster come from the same fork server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from checker import check_litter, check_orphans, recorded
from lane_processes import fork_servers, keepers, runs, workers
from scene import Scene, Started

from flowkit.store.run_status import RunStatus

FLOW = """
    import os, signal, subprocess, sys, time
    from pathlib import Path
    from flowkit import flow, task

    DETACHED = "import os, time; open('detached', 'w').write(str(os.getpid())); time.sleep(1000)"

    def ready(name):
        Path(name).write_text(str(os.getpid()))

    @task
    def asleep():
        if not Path("go").exists():
            subprocess.Popen("echo $$ > shell; sleep 1000 | cat", shell=True)
            subprocess.Popen([sys.executable, "-c", DETACHED], start_new_session=True)
            ready("asleep")
            time.sleep(1000)
        return 1

    @task
    def deaf():
        if not Path("go").exists():
            signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
            ready("deaf")
            sum(range(10**13))
        return 2

    @flow
    def both():
        asleep(), deaf()

    @task
    def number(value):
        return value

    @flow
    def many():
        number.map(list(range(200)))
"""
NAMES = ("shell", "detached", "asleep", "deaf")
OTHERS = {"the fork server": fork_servers, "the keeper": keepers, "the workers": workers}
LIMIT = 2.0  # seconds in which all must be gone
on_both = pytest.mark.parametrize("executor", ["processes", "dask"])


@pytest.fixture
def lane(scene: Scene) -> Scene:
    scene.write(FLOW)
    scene.environ["TMPDIR"] = str(scene.root / "tmp")
    (scene.root / "tmp").mkdir()
    return scene


def running(scene: Scene, executor: str) -> Started:
    """Both tasks have begun, and what they have started."""
    started = scene.start("run", "flows/flow.py:both", "--executor", executor, "--workers", "2")
    places = [scene.folder / name for name in NAMES]
    assert started.wait_until(lambda: all(each.exists() and each.read_text().strip() for each in places))
    return started


def check_all_gone(scene: Scene, started: Started, seconds: float = LIMIT) -> None:
    pids = [int((scene.folder / name).read_text()) for name in NAMES]
    until = time.monotonic() + seconds
    while any(map(runs, pids)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not [name for name, pid in zip(NAMES, pids, strict=True) if runs(pid)]
    check_orphans(started.command.pid, max(0.0, until - time.monotonic()), scene.mark)


@on_both
@pytest.mark.parametrize("also", ["nobody", "its group", "the fork server", "the keeper", "the workers"])
def test_no_worker_outlives_a_runner_that_is_killed(lane: Scene, also: str, executor: str) -> None:
    started = running(lane, executor)
    runner = started.command.pid
    others = OTHERS[also](runner) if also in OTHERS else []
    assert (also in OTHERS) is bool(others)
    for other in others:
        other.kill()
    if also == "its group":
        os.killpg(os.getpgid(runner), signal.SIGKILL)
    else:
        started.signal(signal.SIGKILL)
    started.said()
    check_all_gone(lane, started)
    left = list((lane.root / "tmp").iterdir())
    assert not left or also == "the fork server"
    assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in left)
    (lane.folder / "go").touch()
    lane.flowkit("resume")
    assert recorded(lane).values == {"asleep": 1, "deaf": 2}
    check_litter(lane)


@on_both
@pytest.mark.parametrize("who", ["the fork server", "the keeper"])
def test_a_fork_server_that_is_killed_takes_all_with_it_and_the_runner_goes_on(
    lane: Scene, who: str, executor: str
) -> None:
    """On Dask tasks of which it is not known for sure that they had begun are made again."""
    started = running(lane, executor)
    others = OTHERS[who](started.command.pid)
    if executor == "dask":
        (lane.folder / "go").touch()
    for each in others:
        each.kill()
    said = started.said()
    check_all_gone(lane, started)
    assert not list((lane.root / "tmp").iterdir())
    if executor == "processes":
        assert said.code == 1, said.err
        assert said.err.count("died (with its fork server), attempt 1/1") >= 2, said.err
        assert recorded(lane).status is RunStatus.FAILED
    if said.code:
        (lane.folder / "go").touch()
        lane.flowkit("resume")
    assert recorded(lane).values == {"asleep": 1, "deaf": 2}


@on_both
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_ends_all_within_a_second(lane: Scene, number: int, code: int, executor: str) -> None:
    started = running(lane, executor)
    began = time.monotonic()
    started.signal(number)
    said = started.said()
    assert said.code == code, said.err
    assert time.monotonic() - began < LIMIT
    check_all_gone(lane, started, 0.0)


@on_both
def test_a_second_ctrl_c_ends_all_at_once(lane: Scene, executor: str) -> None:
    started = running(lane, executor)
    for _ in range(2):
        began = time.monotonic()
        started.signal(signal.SIGINT)
        started.wait_until(lambda began=began: time.monotonic() > began + 0.1)
    said = started.said()
    assert said.code == 130, said.err
    check_all_gone(lane, started)


def test_a_runner_that_is_stopped_for_a_while_goes_on(lane: Scene) -> None:
    started = lane.start("run", "flows/flow.py:many", "--executor", "processes")
    for _ in range(20):
        started.signal(signal.SIGSTOP)
        time.sleep(0.02)
        started.signal(signal.SIGCONT)
        time.sleep(0.02)
    said = started.said()
    assert said.code == 0, said.err
    check_orphans(started.command.pid, LIMIT)


@pytest.mark.parametrize("most", [64, 40])
def test_few_descriptors_are_enough_for_fewer_workers_which_is_said(lane: Scene, most: int) -> None:
    command = ("run", "flows/flow.py:many", "--executor", "processes", "--workers", "8")
    said = lane.flowkit(*command, before=("few_descriptors", most), code=None)
    assert said.code == 0, said.err
    assert "ulimit -n" in said.err


@pytest.mark.parametrize("flags", [["-OO"], ["-I"], ["-X", "dev"]], ids=" ".join)
def test_any_interpreter_has_workers_that_are_like_it(lane: Scene, flags: list[str]) -> None:
    """And with another seed of hashes."""
    script = """
        import sys
        from flowkit import Flow, task
        from flowkit.executors import ProcessExecutor

        class Point:
            def __init__(self, x): self.x = x

        class OddError(Exception):
            def __init__(self, a, *, b): super().__init__(a); self.b = b

        @task
        def make(x): return Point(x)

        @task
        def look(point): return point.x, sys.flags.optimize, sys.flags.isolated

        @task
        def odd(): raise OddError("a", b=2)

        with Flow("script") as flow:
            point = make(3)
            seen, raised = look(point), odd()
        state = flow.run(executor=ProcessExecutor(2))
        found = state.result
        print(type(found[point].result) is Point, found[raised].result.b, type(found[raised].result))
        print(found[seen].result == (3, sys.flags.optimize, sys.flags.isolated))
    """
    path = lane.write(script, "script.py")
    text = path.read_text()
    ways: list[tuple[list[str], str | None]] = [([str(path)], None), (["-c", text], None), (["-"], text)]
    for arguments, given in ways:
        done = subprocess.run(
            [sys.executable, *flags, *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONHASHSEED": "7"},
            cwd=lane.folder,
        )
        assert done.stdout == "True 2 <class '__main__.OddError'>\nTrue\n", done.stderr
        assert "ResourceWarning" not in done.stderr
