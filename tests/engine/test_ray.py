"""Tasks in workers of Ray: real clusters, deaths and signals. `make test-ray` runs this where Ray is."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from named_pipes import PATIENCE, mkfifo, read

from flowkit import Flow, task, unmapped
from flowkit.engine.executors import RayExecutor
from flowkit.engine.executors.ray import Connection, is_installed
from flowkit.engine.ray.desk import Afar
from flowkit.engine.ray.worker import how
from flowkit.engine.secret import Secret
from flowkit.errors import UsageError
from flowkit.plan.status import SUCCESS

needs_ray = pytest.mark.skipif(not is_installed(), reason="Ray is not installed; `make test-ray` installs it")


@task
def number(value: int) -> int:
    return value


@task
def numbers(count: int) -> list[int]:
    return list(range(count))


@task
def unless(value: int, deadly: int) -> int:
    if value == deadly:
        ctypes.string_at(0)
    return value


@task
def made(size: int) -> bytes:
    return b"x" * size


@task
def size_of(value: bytes) -> int:
    return len(value)


@task
def crash() -> None:
    ctypes.string_at(0)


@task
def leave() -> None:
    os._exit(0)


@task
def say(what: str) -> None:
    print(what)


@task
def tell(start: str, end: int) -> None:
    os.environ["FLOWKIT_SECRET_OF_RAY"] = f"{start}{end}"  # which is known there alone
    print("it is", Secret("OF_RAY").get())


@task
def worker_of() -> int:
    return os.getpid()


@task
def hang_in_a_shell(pipe: str) -> None:
    """A program of a program holds the pipe open."""
    subprocess.run(f"exec 3>{pipe}; sh -c 'echo . >&3; sleep 1000'; true", shell=True, check=True)


# -- without Ray ------------------------------------------------------------------------------


def test_where_ray_is_missing_that_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowkit.engine.executors.ray.is_installed", lambda: False)
    for ask in (lambda: RayExecutor().workers, lambda: Connection(None, {})):
        with pytest.raises(UsageError, match="needs Ray, which is not installed") as raised:
            ask()
        assert raised.value.hints == ('install it: `pip install "flowkit-runner[ray]"`',)
        assert raised.value.exit_code == 2


def test_an_address_that_cannot_serve_is_refused() -> None:
    with pytest.raises(UsageError, match="Ray client"):
        RayExecutor("ray://localhost:10001")
    with pytest.raises(UsageError, match="1 or more"):
        RayExecutor(workers=0)


def test_a_death_is_named_as_far_as_ray_tells(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker-ab-01-42.err").write_text("*** SIGSEGV received at time=1 on cpu 0 ***")
    assert how("pid: 42\n ip: 127.0.0.1", str(tmp_path)) == "SIGSEGV"
    assert how("pid: 42\n Worker exits with an exit code 5.", None) == "exit code 5"
    assert "possibly out of memory" in how("pid: 43", str(tmp_path))
    assert how("The actor died because its node has died.", None) == "with its node"


# -- deaths -----------------------------------------------------------------------------------


@needs_ray
def test_a_crash_is_named_and_the_third_ends_the_task(carry_out: Any, ray_cluster: None) -> None:
    with Flow("deaths") as flow:
        crashing = crash.copy(max_retries=5, retry_delay=0)()
        leaving = leave()
        sound = [number(value) for value in range(5)]
    state = carry_out(flow, RayExecutor(workers=2), timeout=PATIENCE).state
    assert "its worker died (SIGSEGV), attempt 3/6" in state.result[crashing].message
    assert "`crash` has ended 3 workers and is given up" in state.result[crashing].message
    assert state.result[leaving].is_failed() and "possibly out of memory" in state.result[leaving].message
    assert [state.result[each].result for each in sound] == [0, 1, 2, 3, 4]


@needs_ray
def test_a_crash_in_a_batch_is_blamed_on_no_other_call(carry_out: Any, kept: Any, ray_cluster: None) -> None:
    with Flow("batch") as flow:
        children = unless.map(numbers(300), deadly=unmapped(200))
    outcome = carry_out(flow, RayExecutor(workers=2), timeout=PATIENCE, observers=[kept])
    states = outcome.state.result[children].map_states
    assert [index for index, child in enumerate(states) if child.is_failed()] == [200]
    assert "SIGSEGV" in states[200].message
    node = outcome.plan.tasks.index(children)
    rows = [row[1] for row in kept.rows if row[0] == node and row[1] >= 0 and row[3] == SUCCESS]
    assert sorted(rows) == [*range(200), *range(201, 300)]


# -- values -----------------------------------------------------------------------------------


@needs_ray
def test_a_large_value_stays_there_and_outlives_the_worker_that_made_it(
    carry_out: Any, ray_cluster: None
) -> None:
    with Flow("large") as flow:
        large = made(10_000_000)
        died = leave(upstream_tasks=[large])
        taken = size_of(large, upstream_tasks=[died])
        taken.trigger = "all_finished"
        here = size_of.copy(executor="threads")(large)
    outcome = carry_out(flow, RayExecutor(workers=1), timeout=PATIENCE)
    states = outcome.state.result
    assert (states[taken].result, states[here].result) == (10_000_000, 10_000_000)
    assert type(outcome.engine.values[outcome.plan.tasks.index(large)]) is Afar
    assert len(states[large].result) == 10_000_000


# -- what tasks ask for, and say --------------------------------------------------------------


@needs_ray
def test_what_tasks_print_is_theirs(carry_out: Any, kept: Any, ray_cluster: None) -> None:
    with Flow("prints") as flow:
        said = say("a\nb")
    outcome = carry_out(flow, RayExecutor(workers=1), observers=[kept], capture=True)
    node = outcome.plan.tasks.index(said)
    assert [(line.call[0], line.text) for line in kept.lines] == [(node, "a"), (node, "b")]


@needs_ray
def test_a_secret_that_a_task_makes_is_covered_here(carry_out: Any, kept: Any, ray_cluster: None) -> None:
    with Flow("tells") as flow:
        tell("xk3-of-ray-", 91)
    carry_out(flow, RayExecutor(workers=1), observers=[kept], capture=True, timeout=PATIENCE)
    said = repr([line.text for line in kept.lines]) + repr(kept.rows)
    assert "it is •" in said
    assert "xk3-of-ray-91" not in said


# -- clusters ---------------------------------------------------------------------------------


@needs_ray
def test_a_cluster_of_ours_listens_on_the_loopback_alone(ray_cluster: None) -> None:
    places = []
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker of a test before
            found = process.net_connections("inet")
            places += [each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN]
    assert places
    assert {place.removeprefix("::ffff:") for place in places} <= {"127.0.0.1", "::1"}


@needs_ray
def test_a_time_limit_ends_what_a_task_has_started(carry_out: Any, ray_cluster: None, tmp_path: Path) -> None:
    end = mkfifo(tmp_path / "pipe")
    hanging = hang_in_a_shell.copy(timeout=2)
    with Flow("hangs") as flow:
        made = hanging(str(tmp_path / "pipe"))
    state = carry_out(flow, RayExecutor(workers=1), timeout=PATIENCE).state
    assert type(state.result[made]).__name__ == "TimedOut"
    assert read(end) == b".\n"
    assert read(end, 5.0) == b""
    os.close(end)
