"""Killed before the first, second, … call that may change a file or the history, until it gets through."""

from __future__ import annotations

import signal
import tomllib
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from checker import check_after_fault, check_end, finish, recorded
from command_server import REAL, Server
from scene import FLOWS, Scene

RUN = ("run", f"flows/{FLOWS.name}:one", "--executor", "inline", "--json")
Points = Callable[[], Iterator[int]]
pytestmark = pytest.mark.timeout(1200)
REGISTERED = "flows/first.py"
CALLS = "pwrite64,write,fsync,fdatasync,rename,mkdir,unlink,ftruncate,link"


@pytest.fixture
def reference(server: Server, tmp_path: Path) -> Mapping[str, Any]:
    """The results of a run that nothing happened to."""
    scene = scene_at(server, tmp_path / "reference")
    scene.flowkit(*RUN)
    found = recorded(scene)
    check_end(scene, found.values)
    return found.values


def scene_at(server: Server, root: Path) -> Scene:
    scene = Scene(server, root)
    scene.take_flows()
    return scene


def test_a_run_killed_at_any_call_goes_on_to_the_same_end(
    server: Server, tmp_path: Path, reference: Mapping[str, Any], points: Points
) -> None:
    """From the state folder, over the tables and the first commits, to the last one."""
    for point in points():
        scene = scene_at(server, tmp_path / str(point))
        said = scene.flowkit(*RUN, before=("kill_at", point), code=None)
        before = recorded(scene)
        check_after_fault(scene, said, before, reference)
        finish(scene, before, reference, *RUN)
        if said.code == 0:
            break
        assert said.code == -signal.SIGKILL, said.err
    assert point > 20, "the calls are not counted"


def test_a_resume_killed_at_any_call_goes_on_to_the_same_end(
    server: Server, tmp_path: Path, reference: Mapping[str, Any], points: Points
) -> None:
    for point in points():
        scene = scene_at(server, tmp_path / str(point))
        started = scene.start(*RUN, PACE="60")
        scene.wait_for_task(started)
        started.signal(signal.SIGKILL)
        started.said()
        said = scene.flowkit("resume", "--json", before=("kill_at", point), code=None)
        before = recorded(scene)
        check_after_fault(scene, said, before, reference)
        finish(scene, before, reference)
        if said.code == 0:
            break
        assert said.code == -signal.SIGKILL, said.err
    assert point > 10, "the calls are not counted"


def test_a_register_killed_at_any_call_leaves_the_old_registry_or_the_new(
    server: Server, tmp_path: Path, points: Points
) -> None:
    for point in points():
        scene = scene_at(server, tmp_path / str(point))
        flow = "from flowkit import flow, task\n@task\ndef do(): ...\n@flow\ndef {}():\n    do()\n"
        scene.write(flow.format("first"), REGISTERED)
        scene.flowkit("register", REGISTERED)
        old = registry(scene)
        scene.write(flow.format("second"), "flows/second.py")
        said = scene.flowkit("register", "flows/second.py", before=("kill_at", point), code=None)
        assert registry(scene) in (old, old | {"second"})
        scene.flowkit("register", "flows/second.py")
        assert registry(scene) == old | {"second"}
        litter = {path.name for path in scene.state.iterdir()}
        assert litter <= {".gitignore", "registry.lock", "registry.toml"}
        if said.code == 0:
            break
    assert point > 3, "the calls are not counted"


def registry(scene: Scene) -> set[str]:
    return set(tomllib.loads((scene.state / "registry.toml").read_text())["flows"])


@pytest.mark.skipif(which("strace") is None, reason="there is no strace")
def test_a_run_killed_by_the_kernel_at_any_system_call_goes_on_to_the_same_end(
    server: Server, tmp_path: Path, reference: Mapping[str, Any], crashes: int
) -> None:
    """The calls of SQLite itself too; of a newly started interpreter, so that few are tried by default."""
    distance = max(1, 1200 // crashes)
    for number in count(1, distance):
        scene = scene_at(server, tmp_path / str(number))
        inject = f"inject={CALLS}:signal=KILL:when={number}"
        strace = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", inject, *REAL)
        said = scene.flowkit(*RUN, prefix=strace, code=None)
        before = recorded(scene)
        check_after_fault(scene, said, before, reference)
        finish(scene, before, reference, *RUN)
        if said.code == 0:
            break
