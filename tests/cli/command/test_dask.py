"""`flowkit run --executor dask`: a cluster that a user has started, and one of the run's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "engine"))

from command_shell import Shell
from dask_cluster import DaskCluster

WORK = """
    import logging
    import os

    import numpy

    from flowkit import flow, task, unmapped
    from measure import weigh

    class Scale:
        def __init__(self, unit):
            self.unit = unit

    @task
    def numbers(count: int):
        print("counting to", count)
        return list(range(count))

    @task
    def scale():
        logging.getLogger("scales").warning("a scale")
        return Scale(2)

    @task
    def weighed(number, scale):
        return weigh(number) * scale.unit

    @task
    def pile(count):
        return numpy.arange(count, dtype=float)

    @task
    def heap(pile):
        return float(pile.sum())

    @task
    def total(weights, heap):
        return sum(weights) + heap

    @flow
    def work(count: int = 200):
        total(weighed.map(numbers(count), unmapped(scale())), heap(pile(100_000)))
"""
HELPER = """
    def weigh(number):
        return number + 1
"""
# Two tasks each say into a pipe that they have begun, and wait at another.
WAITING = """
    import os

    from flowkit import flow, task

    @task(max_retries=1, retry_delay=0)
    def wait(folder: str, name: str):
        with open(f"{folder}/begun", "w") as begun:
            begun.write(f"{os.getpid()}\\n")
        with open(f"{folder}/go", "rb", buffering=0) as go:
            go.read(1)
        return name

    @task
    def first(folder: str):
        with open(f"{folder}/firsts", "a") as firsts:
            firsts.write("once ")
        return "x" * 100_000

    @task
    def last(a, b, first):
        return a + b, len(first)

    @flow
    def waiting(folder: str):
        made = first(folder)
        last(wait(folder, "a", upstream_tasks=[made]), wait(folder, "b", upstream_tasks=[made]), made)
"""


class Pipes:
    """The pipes of `WAITING`."""

    def __init__(self, folder: Path) -> None:
        for name in ("begun", "go"):
            os.mkfifo(folder / name)
        self.begun = open(os.open(folder / "begun", os.O_RDWR))  # noqa: PTH123, SIM115
        self.go = os.open(folder / "go", os.O_RDWR)

    def pids(self, count: int) -> list[int]:
        """Wait until so many tasks have begun: where they run."""
        return [int(self.begun.readline()) for _ in range(count)]

    def let_go(self, times: int) -> None:
        os.write(self.go, b"." * times)

    def close(self) -> None:
        self.begun.close()
        os.close(self.go)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with DaskCluster(folder) as made:
        yield made


@pytest.fixture
def pipes(shell: Shell) -> Iterator[Pipes]:
    made = Pipes(shell.folder)
    yield made
    made.close()


def started(shell: Shell, lane: str, *more: str) -> subprocess.Popen[str]:
    shell.write("flows/waiting.py", WAITING)
    given = ("--folder", str(shell.folder), "--executor", lane, *more)
    return shell.start("run", "flows/waiting.py:waiting", *given)


def rest_of(process: subprocess.Popen[str]) -> str:
    """What it says, until it ends."""
    assert process.stderr is not None
    said = process.stderr.read()
    process.wait(30)
    return said


def test_a_flow_runs_on_a_cluster_that_was_started_from_the_command_line(
    shell: Shell, cluster: DaskCluster
) -> None:
    """A helper beside the flow file, a class in it, maps, values that stay there, prints and logs."""
    shell.write("flows/work.py", WORK)
    shell.write("flows/measure.py", HELPER)
    lane = f"dask:{cluster.address}"
    said = shell("run", "flows/work.py:work", "--executor", lane)
    assert {"counting to 200", "WARNING a scale"} <= set(said.printed), said.err
    again = shell("resume", "latest", "--force", "total", "--executor", lane)
    assert "1 ok" in again.err


def test_a_worker_that_is_killed_costs_an_attempt_and_the_run_goes_on(
    shell: Shell, cluster: DaskCluster, pipes: Pipes
) -> None:
    with started(shell, f"dask:{cluster.address}") as process:
        os.kill(pipes.pids(2)[0], signal.SIGKILL)
        pipes.let_go(3)
        said = rest_of(process)
    assert process.returncode == 0, said
    assert " was lost, attempt 1/2" in said
    assert (shell.folder / "firsts").read_text() == "once "


def test_a_scheduler_that_dies_ends_the_run_which_can_be_gone_on_with(
    shell: Shell, cluster: DaskCluster, pipes: Pipes
) -> None:
    with started(shell, f"dask:{cluster.address}") as process:
        pipes.pids(2)
        began = time.monotonic()
        cluster.scheduler.kill()
        said = rest_of(process)
        assert time.monotonic() - began < 10
    assert process.returncode == 1
    assert f"error: the Dask scheduler at `{cluster.address}` is gone" in said
    assert "`flowkit resume 1` goes on with this run" in said
    assert "Traceback" not in said
    cluster.close()
    pipes.let_go(2)
    again = shell("resume", "latest", "--executor", "threads")
    assert "3 ok" in again.err
    assert (shell.folder / "firsts").read_text() == "once "


def test_ctrl_c_ends_a_run_and_its_own_cluster(shell: Shell, pipes: Pipes) -> None:
    with started(shell, "dask", "--workers", "2") as process:
        family = [psutil.Process(pid) for pid in pipes.pids(2)]
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said = rest_of(process)
        assert time.monotonic() - began < 3, "half a second of grace, and a machine that others use too"
    assert process.returncode == 130
    assert "interrupted by ctrl-c" in said
    assert "Traceback" not in said
    assert "distributed" not in said
    assert not psutil.wait_procs(family, timeout=1)[1]


def test_no_worker_outlives_a_runner_that_was_killed(shell: Shell, pipes: Pipes) -> None:
    with started(shell, "dask", "--workers", "2") as process:
        family = [psutil.Process(pid) for pid in pipes.pids(2)]
        process.kill()
        assert not psutil.wait_procs(family, timeout=2)[1]


def test_a_scheduler_that_does_not_answer_is_said_to_before_the_run_begins(shell: Shell) -> None:
    shell.write("flows/waiting.py", WAITING)
    said = shell(
        "run", "flows/waiting.py:waiting", "--folder", ".", "--executor", "dask:tcp://127.0.0.1:1", code=2
    )
    assert said.sentence.startswith("the Dask scheduler at `tcp://127.0.0.1:1` does not answer")
    assert shell("runs", "--json").out.strip() == "[]"


@pytest.mark.parametrize(("lane", "library"), [("dask", "distributed"), ("ray", "ray")])
def test_a_lane_that_is_not_installed_is_said_to_be_before_the_run_begins(
    shell: Shell, lane: str, library: str
) -> None:
    """Of tasks that name it; others would run before it is needed."""
    shell.write(
        "flows/lanes.py",
        f"""
        import sys
        from flowkit import flow, task

        sys.modules["{library}"] = None  # as if it were not there

        @task
        def first():
            open("begun", "w").close()

        @task(executor="{lane}")
        def second(_):
            pass

        @flow
        def lanes():
            second(first())
        """,
    )
    said = shell("run", "lanes", code=2)
    assert said.sentence.startswith(f"the executor `{lane}` needs ")
    assert "not installed" in said.sentence
    assert f'pip install "flowkit-runner[{lane}]"' in said.hints[0]
    assert not (shell.folder / "begun").exists()
    assert shell("runs", "--json").out.strip() == "[]"


def test_the_last_words_of_a_worker_that_crashes_are_in_the_log_of_its_task(shell: Shell) -> None:
    shell.write(
        "flows/crash.py",
        """
        import ctypes
        from flowkit import flow, task

        @task
        def bad():
            ctypes.string_at(0)

        @flow
        def crash():
            bad()
        """,
    )
    said = shell("run", "crash", "--executor", "dask", "--workers", "1", code=1)
    assert "died (SIGSEGV), attempt 1/1" in said.err
    words = shell("logs", "1", "bad").out
    assert "Segmentation fault" in words
    assert f'File "{shell.folder}/flows/crash.py", line 7 in bad' in words
