"""The registry between processes: nothing is lost, nothing is half written, nobody has to clean up."""

from __future__ import annotations

import os
import signal
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from flowkit.errors import RegistryError
from flowkit.project.entry import Descriptor
from flowkit.project.lock import locked
from flowkit.project.registry import Registry
from flowkit.project.root import Project

POINTS = ("open", "os.mkdir", "os.rename", "os.remove", "fcntl.flock", "tempfile.mkstemp")


def descriptor(name: str, fingerprint: str = "sha256:1") -> Descriptor:
    return Descriptor(name=name, ref=f"flows/{name}.py:flow", fingerprint=fingerprint)


def process(work: Callable[[], object]) -> int:
    """Do `work` in a process of its own; returns its id. It ends with 0, or 1 when `work` raises."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def status_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(point: int) -> None:
    """Let this process be killed at the n-th system call that may change a file."""
    left = point

    def count(event: str, arguments: object) -> None:
        nonlocal left
        if event in POINTS:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def test_a_hundred_processes_lose_nothing(tmp_path: Path) -> None:
    registry = Registry(Project(tmp_path))
    children = [
        process(lambda number=number: registry.update([descriptor(f"flow_{number}")]))
        for number in range(100)
    ]
    assert [status_of(child) for child in children] == [0] * 100
    assert len(registry.read()) == 100


def test_versions_count_every_change_of_many_processes(tmp_path: Path) -> None:
    registry = Registry(Project(tmp_path))
    children = [
        process(lambda number=number: registry.update([descriptor("etl", f"sha256:{number}")]))
        for number in range(30)
    ]
    assert [status_of(child) for child in children] == [0] * 30
    assert registry.read()["etl"].version == 30


@pytest.mark.parametrize("start", ["without a registry", "with a registry"])
def test_a_writer_killed_anywhere_leaves_the_old_or_the_new(tmp_path: Path, start: str) -> None:
    """Killed at the first, second, … change of a file, until a writer gets through; then the next works."""
    point = 0
    status = -signal.SIGKILL
    while status == -signal.SIGKILL:
        point += 1
        root = tmp_path / str(point)
        root.mkdir()
        registry = Registry(Project(root))
        if start == "with a registry":
            registry.update([descriptor("old")])
        old = set(registry.read())

        def write(registry: Registry = registry, point: int = point) -> None:
            killed_at(point)
            registry.update([descriptor("new")])

        status = status_of(process(write))
        assert set(registry.read()) in (old, old | {"new"})
        registry.update([descriptor("after")])
        assert set(registry.read()) - {"new"} == old | {"after"}
        litter = {file.name for file in registry.path.parent.iterdir()}
        assert litter == {".gitignore", "registry.lock", "registry.toml"}
    assert status == 0
    assert point > 5


def test_a_reader_beside_writers_never_sees_a_mixture(tmp_path: Path) -> None:
    registry = Registry(Project(tmp_path))
    registry.update([descriptor("a"), descriptor("b")])

    def write() -> None:
        for number in range(30):
            registry.update([descriptor("a", f"sha256:{number}"), descriptor("b", f"sha256:{number}")])

    child = process(write)
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        flows = tomllib.loads(registry.path.read_text())["flows"]
        assert flows["a"]["fingerprint"] == flows["b"]["fingerprint"]


def test_a_lock_dies_with_its_holder_and_its_file_says_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    reading, writing = os.pipe()

    def hold() -> None:
        with locked(lock):
            os.write(writing, b"x")
            signal.pause()

    child = process(hold)
    os.read(reading, 1)
    with pytest.raises(RegistryError, match="another process holds the lock"), locked(lock, patience=0):
        pass
    os.kill(child, signal.SIGKILL)
    status_of(child)
    with locked(lock, patience=0):
        assert lock.exists()
    for end in (reading, writing):
        os.close(end)
