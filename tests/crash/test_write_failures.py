"""Writes that fail, at the first, second, … call until a run passes untouched: said, nothing lost, mended."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from checker import check_after_fault, check_end, finish, recorded
from command_server import REAL, Server
from scene import FLOWS, Said, Scene

RUN = ("run", f"flows/{FLOWS.name}:one", "--executor", "inline", "--json")
Points = Callable[[], Iterator[int]]
pytestmark = pytest.mark.timeout(900)
KIB = 1024
CACHED = ("run", f"flows/{FLOWS.name}:one_remembered", "--executor", "inline", "--json")
SYNCED = "pwrite64,fsync,fdatasync"


@pytest.fixture
def run() -> tuple[str, ...]:
    """What is run."""
    return RUN


@pytest.fixture
def reference(server: Server, tmp_path: Path, run: tuple[str, ...]) -> Mapping[str, Any]:
    """The results of a run that nothing happened to."""
    scene = scene_at(server, tmp_path / "reference")
    scene.flowkit(*run)
    found = recorded(scene)
    check_end(scene, found.values)
    return found.values


def scene_at(server: Server, root: Path) -> Scene:
    scene = Scene(server, root, FAULT=str(root / "fault"))
    scene.take_flows()
    return scene


def check_said(said: Said, scene: Scene) -> None:
    """The exit code says that it failed, and a sentence says why, and where."""
    assert said.code in (1, 2), said.err
    lines = [line for line in said.err.splitlines() if line.startswith("error")]
    assert lines, said.err
    places = (str(scene.state), "oracle", "a temporary file")
    assert any(place in said.err for place in places), said.err


def check_mended(
    scene: Scene,
    said: Said,
    reference: Mapping[str, Any],
    run: tuple[str, ...] = RUN,
    *,
    succeeded: bool = False,
) -> None:
    """What was recorded before is intact, and without the fault all goes on."""
    before = recorded(scene)
    check_after_fault(scene, said, before, reference)
    if not succeeded:
        check_said(said, scene)
    finish(scene, before, reference, *run)


@pytest.mark.parametrize("run", [RUN, CACHED], ids=["plain", "cached"])
@pytest.mark.parametrize("fault", ["fill_at", "break_at"])
def test_a_write_that_fails_at_any_call_is_said_and_nothing_is_lost(
    server: Server,
    tmp_path: Path,
    reference: Mapping[str, Any],
    fault: str,
    points: Points,
    run: tuple[str, ...],
) -> None:
    """To the history, the files of results, the log and the cache."""
    for point in points():
        scene = scene_at(server, tmp_path / str(point))
        said = scene.flowkit(*run, before=(fault, point), code=None)
        if "is not kept: there is no key" in said.out:  # it could not be written: said, and no failure
            continue
        check_mended(scene, said, reference, run, succeeded=said.code == 0)
        if not Path(scene.environ["FAULT"]).exists():
            break
    assert said.code == 0
    assert point > 20, "the calls are not counted"


@pytest.mark.skipif(which("strace") is None, reason="there is no strace")
def test_a_disk_that_fails_at_any_system_call_is_never_taken_for_success(
    server: Server, tmp_path: Path, reference: Mapping[str, Any], crashes: int
) -> None:
    """Writes and `fsync` of SQLite itself too; a result whose `fsync` failed is not recorded as done."""
    for number in count(1, max(1, 400 // crashes)):
        scene = scene_at(server, tmp_path / str(number))
        trace = scene.root / "trace"
        inject = f"inject={SYNCED}:error=EIO:when={number}"
        strace = ("strace", "-f", "-y", "-qq", "-o", str(trace), "-e", f"trace={SYNCED}", "-e", inject, *REAL)
        said = scene.flowkit(*RUN, prefix=strace, code=None)
        failed = [line for line in trace.read_text("utf-8", "replace").splitlines() if "(INJECTED)" in line]
        if any("/results/" in line for line in failed):
            assert said.code, failed
            assert not recorded(scene).successes
        check_mended(scene, said, reference, succeeded=said.code == 0)
        if not failed:
            break
    assert said.code == 0


def test_a_history_that_cannot_grow_is_said_and_what_is_in_it_stays(
    server: Server, tmp_path: Path, reference: Mapping[str, Any], points: Points
) -> None:
    """SQLite itself says that it is full, at each size that a run goes through."""
    for pages in points():
        scene = scene_at(server, tmp_path / str(pages))
        said = scene.flowkit(*RUN, before=("few_pages", pages), code=None)
        check_mended(scene, said, reference, succeeded=said.code == 0)
        if said.code == 0:
            break
        assert "the disk is full" in said.err
    assert pages > 10, "the size was not limited"


def test_files_that_the_kernel_lets_not_grow_are_said(
    server: Server, tmp_path: Path, reference: Mapping[str, Any], points: Points
) -> None:
    for size in map((16 * KIB).__mul__, points()):
        scene = scene_at(server, tmp_path / str(size))
        said = scene.flowkit(*RUN, before=("small_files", size), code=None)
        check_mended(scene, said, reference, succeeded=said.code == 0)
        if said.code == 0:
            break


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_and_after_room_was_made_all_goes_on(
    server: Server, tmp_path: Path, reference: Mapping[str, Any], small_disk: Path
) -> None:
    for used in range(700 * KIB, KIB * KIB, 72 * KIB):
        ballast = small_disk / "ballast"
        state = small_disk / str(used)
        scene = scene_at(server, tmp_path / str(used))
        scene.use_state(state)
        ballast.write_bytes(bytes(used))
        said = scene.flowkit(*RUN, code=None)
        ballast.unlink()
        check_mended(scene, said, reference, succeeded=said.code == 0)
        subprocess.run(["rm", "-r", str(state)], check=True)


@pytest.mark.parametrize("fault", ["fill_at", "break_at"])
def test_a_registry_that_cannot_be_written_stays_as_it_was(
    server: Server, tmp_path: Path, points: Points, fault: str
) -> None:
    flow = "from flowkit import flow, task\n@task\ndef do(): ...\n@flow\ndef {}():\n    do()\n"
    for point in points():
        scene = scene_at(server, tmp_path / str(point))
        scene.write(flow.format("first"), "flows/first.py")
        scene.flowkit("register", "flows/first.py")
        old = registry(scene)
        scene.write(flow.format("second"), "flows/second.py")
        said = scene.flowkit("register", "flows/second.py", before=(fault, point), code=None)
        if not Path(scene.environ["FAULT"]).exists():
            break
        if said.code:
            check_said(said, scene)
            assert registry(scene) == old or "second" in registry(scene)
        scene.flowkit("register", "flows/second.py")
        assert "second" in registry(scene)
    assert said.code == 0


def registry(scene: Scene) -> str:
    return (scene.state / "registry.toml").read_text()
