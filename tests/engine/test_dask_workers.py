"""The workers of a temporary Dask cluster: what their ends cost, how that is said, what is left of them."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import psutil
import pytest
from distributed import get_worker

sys.path.insert(0, str(Path(__file__).parent))

from dask_cluster import DaskCluster, carried_out, number, own, size_of, zeros

from flowkit import Flow, context, task, unmapped
from flowkit.engine.dask.cluster import Where
from flowkit.engine.dask.jobs import Job, Out
from flowkit.engine.executors import DaskExecutor
from flowkit.plan.status import RETRYING, RUNNING


@task
def listening(runner: int) -> list[str]:
    """The addresses that this worker and the process of the run listen at."""
    family = [psutil.Process(), psutil.Process(runner)]
    return [
        each.laddr.ip
        for process in family
        for each in process.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN
    ]


@task(max_retries=1, retry_delay=0)
def die_once(number: int, folder: str) -> int:
    """The child 7 ends its worker, the first time."""
    with Path(folder, str(number)).open("a") as calls:
        calls.write(".")
    if number == 7 and context.task_run_count == 1:
        os._exit(3)
    return number


@task(max_retries=10, retry_delay=0)
def always_die() -> None:
    os.abort()


@task(timeout=0.5)
def hang(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    subprocess.run(["sleep", "3217"])


def test_the_own_cluster_listens_on_the_loopback_interface_alone() -> None:
    with Flow("listens") as flow:
        made = listening(os.getpid())
    state = carried_out(flow, own()).state
    assert state.is_successful(), state.message
    assert set(state.result[made].result) == {"127.0.0.1"}


def test_a_worker_that_dies_costs_an_attempt_only_the_call_that_ended_it(tmp_path: Path, kept: Any) -> None:
    """The others of its message are made again, without an attempt more, as their answers had not come."""
    with Flow("dies") as flow:
        made = die_once.map(list(range(400)), unmapped(str(tmp_path)))
    outcome = carried_out(flow, own(), observers=[kept])
    assert outcome.state.result[made].result == list(range(400))
    node = outcome.plan.tasks.index(made)
    begun = [row for row in kept.rows if row[0] == node and row[3] == RUNNING and row[1] >= 0]
    assert {row[1] for row in begun if row[2] > 1} == {7}
    [retried] = [row for row in kept.rows if row[3] == RETRYING]
    assert "died (exit code 3), attempt 1/2" in str(retried[7].failure)
    assert len((tmp_path / "3").read_text()) <= 2


HOW: dict[str, tuple[Callable[[], Any], str]] = {
    "segfault": (lambda: ctypes.string_at(0), "SIGSEGV"),
    "exit 0": (lambda: os._exit(0), "exit code 0"),
    "killed": (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL, possibly out of memory"),
}


@task
def die(how: str) -> None:
    HOW[how][0]()


@pytest.mark.parametrize("how", HOW)
def test_a_worker_that_dies_is_named_with_how(how: str) -> None:
    with Flow("dies") as flow:
        made = die(how)
    message = carried_out(flow, own()).state.result[made].message
    assert f" died ({HOW[how][1]}), attempt 1/1" in message


@task
def eat() -> None:
    much = bytearray(700 << 20)
    much[::4096] = b"x" * len(much[::4096])
    threading.Event().wait(20)


def test_a_worker_beyond_its_memory_is_killed_and_that_is_why() -> None:
    with Flow("eats") as flow:
        made = eat()
    executor = DaskExecutor(cluster_kwargs={"n_workers": 1, "memory_limit": "400 MiB"})
    message = carried_out(flow, executor).state.result[made].message
    assert " died (SIGKILL, at its memory limit of 400 MiB), attempt 1/1" in message


@task
def spoil_cluster() -> None:
    """End this worker, and let no other find a place for its files."""
    folder = Path(get_worker().local_directory).parent
    shutil.rmtree(folder)
    folder.touch()
    os._exit(1)


def test_where_no_worker_can_take_the_place_of_another_the_run_ends_and_says_so() -> None:
    with Flow("ends") as flow:
        first = spoil_cluster()
        number(1, upstream_tasks=[first]).trigger = "all_finished"
    outcome = carried_out(flow, DaskExecutor(workers=1))
    assert outcome.engine.stranded is not None
    assert "no worker of the Dask cluster is left, and none can be started: " in str(outcome.engine.stranded)


def test_of_a_worker_elsewhere_nothing_is_guessed(tmp_path: Path) -> None:
    with DaskCluster(tmp_path, 1) as small, Flow("dies") as flow:
        made = die("killed")
        message = carried_out(flow, DaskExecutor(small.address)).state.result[made].message
    assert " was lost, attempt 1/1" in message
    assert "its Dask worker at tcp://127.0.0.1:" in message


def test_a_worker_that_dies_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither what its task has started, in a session of its own, when the next begins, nor files."""
    with Flow("leaves") as flow:
        made = leave_and_die(str(tmp_path / "pid"))
        left = is_left(str(tmp_path / "pid"), upstream_tasks=[made])
    left.trigger = "all_finished"
    executor = DaskExecutor(workers=1, cluster_kwargs={"local_directory": str(tmp_path)})
    assert carried_out(flow, executor).state.result[left].result is False
    assert [path.name for path in tmp_path.iterdir()] == ["pid"]


@task
def leave_and_die(path: str) -> None:
    started = subprocess.Popen(["sleep", "3218"], start_new_session=True)
    Path(path).write_text(str(started.pid))
    os._exit(1)


@task
def is_left(path: str) -> bool:
    return psutil.pid_exists(int(Path(path).read_text()))


@task
def folder_and_mode() -> tuple[str, int]:
    folder = Path(get_worker().local_directory).parent.parent
    return str(folder), folder.stat().st_mode & 0o777


def test_the_own_cluster_has_files_that_nobody_else_can_read(tmp_path: Path) -> None:
    with Flow("writes") as flow:
        made = folder_and_mode()
    with dask.config.set({"temporary-directory": str(tmp_path)}):
        found, mode = carried_out(flow, own()).state.result[made].result
    assert Path(found).parent == tmp_path
    assert mode == 0o700
    assert not list(tmp_path.iterdir())


def test_the_third_worker_that_a_task_ends_is_its_last() -> None:
    with Flow("kills") as flow:
        made = always_die()
        other = number(1)
    state = carried_out(flow, own()).state
    assert "`always_die` has ended 3 workers and is given up" in state.result[made].message
    assert state.result[other].result == 1


def test_workers_that_end_at_once_do_not_take_the_functions_with_them() -> None:
    """What goes with a call may be on a worker that dies: it is made again, as often as that is."""
    with Flow("ends") as flow:
        made = [always_die(task_args={"name": f"end-{count}"}) for count in range(3)]
        other = number(1)
    state = carried_out(flow, own(), timeout=60.0).state
    assert all("has ended 3 workers" in state.result[each].message for each in made)
    assert state.result[other].result == 1


def test_a_task_beyond_its_limit_is_killed_with_what_it_has_started(tmp_path: Path) -> None:
    """Values that its worker had are brought away before."""
    with Flow("hangs") as flow:
        arrays = [zeros(50_000 + count) for count in range(4)]
        late = hang(str(tmp_path / "pid"), upstream_tasks=arrays)
        sizes = [size_of(array, upstream_tasks=[late]) for array in arrays]
    for made in sizes:
        made.trigger = "all_finished"
    state = carried_out(flow, own()).state
    assert type(state.result[late]).__name__ == "TimedOut"
    assert "goes on" not in state.result[late].message
    assert [state.result[made].result for made in sizes] == [50_000, 50_001, 50_002, 50_003]
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    assert not [
        each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "3217"]
    ]


@task(timeout=0.5)
def hold(count: int) -> int:
    """Keeps the lock of the interpreter from its first step on, so that its worker says nothing any more."""
    return sum(range(count))


def test_a_limit_holds_also_for_who_keeps_the_worker_from_saying_that_it_has_begun() -> None:
    with Flow("holds") as flow:
        first = hold.map([1] * 20)  # so that nothing is left to be learnt there
        known = number(first)
        held = hold.map([10**13] * 2, upstream_tasks=[unmapped(known)])
    known.trigger = held.trigger = "all_finished"
    states = carried_out(flow, own()).state.result[held].map_states
    assert [type(state).__name__ for state in states] == ["TimedOut", "TimedOut"]


def test_a_cluster_that_adapts_starts_its_workers_as_they_are_needed() -> None:
    with Flow("adapts") as flow:
        each = size_of.map(["a", "bc"])
    executor = DaskExecutor(adapt_kwargs={"minimum": 0, "maximum": 1})
    assert executor.workers == 1
    assert carried_out(flow, executor).state.result[each].result == [1, 2]


def test_only_an_own_worker_with_one_thread_is_killed_for_a_task() -> None:
    assert Where().can_kill
    assert not Where(address="tcp://127.0.0.1:8786").can_kill
    assert not Where(cluster_kwargs={"threads_per_worker": 2}).can_kill
    assert not Where(cluster_kwargs={"processes": False}).can_kill


@pytest.mark.parametrize("is_heard_first", [False, True])
def test_a_job_is_not_blamed_where_another_of_its_worker_may_have_begun_after_it(
    is_heard_first: bool,
) -> None:
    """Whichever of the two is heard of first."""
    out, now, worker = Out(), 10.0, "tcp://127.0.0.1:1"
    known, unknown = Job(1, {}, None), Job(2, {}, None)  # type: ignore[arg-type]
    for job in (known, unknown):
        out.add(job)
    out.begun({"number": 1, "worker": worker, "thread": 1, "pid": 1}, now)
    first, second = (unknown, known) if is_heard_first else (known, unknown)
    for job in (first, second):
        out.drop(job)
        assert not out.ended_its_worker(job, worker, now + 0.1)


def test_a_job_that_began_long_ago_or_alone_is_what_ended_its_worker() -> None:
    for others, then in ((1, 10.5), (0, 10.1)):
        out = Out()
        jobs = [Job(number, {}, None) for number in range(1 + others)]  # type: ignore[arg-type]
        for job in jobs:
            out.add(job)
        out.begun({"number": 0, "worker": "w", "thread": 1, "pid": 1}, 10.0)
        out.drop(jobs[0])
        assert out.ended_its_worker(jobs[0], "w", then)
