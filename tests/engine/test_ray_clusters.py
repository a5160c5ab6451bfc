"""Clusters of Ray that a run starts, ends or finds: of this machine, and from the command line."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from named_pipes import PATIENCE, mkfifo, read

from flowkit import Flow, task
from flowkit.engine.executors import RayExecutor
from flowkit.engine.executors.ray import Connection, is_installed
from flowkit.errors import UsageError
from flowkit.runs import executor_named

pytestmark = pytest.mark.skipif(
    not is_installed(), reason="Ray is not installed; `make test-ray` installs it"
)


@task
def made(size: int) -> bytes:
    return b"x" * size


@task
def worker_of() -> int:
    return os.getpid()


def test_what_was_made_is_there_when_the_cluster_is_gone(carry_out: Any) -> None:
    with Flow("gone") as flow:
        large = made(10_000_000)
    assert len(carry_out(flow, RayExecutor(workers=1), timeout=PATIENCE).state.result[large].result) == 10**7
    import ray

    assert not ray.is_initialized()


def test_tags_are_resources_of_ray(carry_out: Any) -> None:
    with Flow("resources") as flow:
        plain = worker_of()
        special = [worker_of.copy(tags=["ray-resource:licence=1"])(upstream_tasks=[plain]) for _ in range(3)]
    states = carry_out(flow, RayExecutor(workers=2, resources={"licence": 1}), timeout=PATIENCE).state.result
    assert len({states[each].result for each in (plain, *special)}) == 4
    with pytest.raises(UsageError, match="asks for 1 of `licence`, and there are 0"):
        carry_out(flow, RayExecutor(workers=1))
    with Flow("no number") as flow:
        worker_of.copy(tags=["ray-resource:licence"])()
    with pytest.raises(UsageError, match="is not of the form `ray-resource:NAME=N`"):
        carry_out(flow, RayExecutor(workers=1))


FLOW = """
import subprocess
from flowkit import flow, task
@task
def hang(pipe):
    subprocess.run(f"exec 3>{pipe}; sh -c 'echo . >&3; sleep 1000'; true", shell=True)
@task
def number(value):
    return value
@task
def total(values):
    return sum(values)
@flow
def hangs(pipe: str = ""):
    hang(pipe)
@flow
def sums():
    total(number.map([1, 2, 3]))
"""


def flowkit(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    (folder / "flows").mkdir(exist_ok=True)
    (folder / "flows" / "some.py").write_text(FLOW)
    return subprocess.Popen(
        [sys.executable, "-m", "flowkit", *arguments],
        cwd=folder,
        env={**os.environ, "FLOWKIT_HISTORY": "true", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_run_that_a_signal_ends(tmp_path: Path, number: signal.Signals) -> None:
    end = mkfifo(tmp_path / "pipe")
    run = flowkit(
        tmp_path, "run", "flows/some.py:hangs", "--executor", "ray", "--pipe", str(tmp_path / "pipe")
    )
    try:
        assert read(end) == b".\n"
        family = psutil.Process(run.pid).children(recursive=True)
        assert family
        if number == signal.SIGKILL:
            run.kill()
        else:
            os.killpg(run.pid, number)  # as a terminal and `timeout` do
        said = run.communicate(timeout=PATIENCE)[0]
        assert run.returncode == (-9 if number == signal.SIGKILL else 128 + number), said
        assert read(end, 5.0) == b""
        _, left = psutil.wait_procs(family, timeout=5.0)
        assert [each for each in left if each.status() != psutil.STATUS_ZOMBIE] == []
    finally:
        run.kill()
        os.close(end)


def test_a_node_that_dies_is_a_failed_attempt_of_what_ran_there(tmp_path: Path) -> None:
    end = mkfifo(tmp_path / "pipe")
    run = flowkit(
        tmp_path, "run", "flows/some.py:hangs", "--executor", "ray", "--pipe", str(tmp_path / "pipe")
    )
    try:
        assert read(end) == b".\n"
        for each in psutil.Process(run.pid).children():
            if each.name() == "raylet":
                each.kill()
        said = run.communicate(timeout=PATIENCE)[0]
        assert run.returncode == 1 and "its worker died" in said and "flowkit resume" in said, said
        assert read(end, 5.0) == b""
    finally:
        run.kill()
        os.close(end)


@pytest.fixture
def head(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A cluster that was started from the command line: its address, and what its users have set."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    ours = {"HOME": str(tmp_path), "RAY_AUTH_MODE": "token"}
    command = [
        *(str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", f"--port={port}"),
        *("--node-ip-address=127.0.0.1", "--num-cpus=2", "--include-dashboard=false"),
        *("--disable-usage-stats", "--min-worker-port=0", "--max-worker-port=0"),
    ]
    get_token = [command[0], "get-auth-token", "--generate"]
    environment = {**os.environ, **ours, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    subprocess.run(
        get_token, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    family: list[psutil.Process] = []
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ray runtime started" in line:
                break
        else:
            pytest.fail("".join(said))
        family = psutil.Process(process.pid).children(recursive=True)
        yield f"127.0.0.1:{port}", ours
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
        for each in psutil.wait_procs(family, timeout=5.0)[1]:
            each.kill()


def test_a_cluster_that_is_there_is_used_and_left_as_it_is(
    tmp_path: Path, head: tuple[str, dict[str, str]]
) -> None:
    address, ours = head
    for _ in range(2):
        run = flowkit(tmp_path, "run", "flows/some.py:sums", "--executor", f"ray:{address}", **ours)
        said = run.communicate(timeout=PATIENCE)[0]
        assert run.returncode == 0 and "ok=4" in said, said


def test_a_cluster_that_is_not_there_is_an_error_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(UsageError, match="does not answer: Connection refused"):
            Connection(f"127.0.0.1:{taken.getsockname()[1]}", {})


def test_an_address_is_part_of_the_name_of_the_lane() -> None:
    found = executor_named("ray:head:6379", 3)
    assert isinstance(found, RayExecutor)
    assert (found.address, found.workers) == ("head:6379", 3)


def test_a_process_has_one_cluster_at_a_time() -> None:
    connection = Connection(None, {"num_cpus": 1})
    try:
        with pytest.raises(UsageError, match="has a cluster of its own already"):
            Connection("somewhere:6379", {})
    finally:
        connection.close()
