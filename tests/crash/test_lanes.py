"""Faults that each lane meets in its own way, by the real command: many runs at once, what holds the
interpreter, what changes its arguments, what leaves things behind, and no more processes."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from checker import check_litter, check_nothing_is_left_to_do, check_orphans, recorded
from command_server import REAL, Server
from scene import FLOWS, Scene

from flowkit.store.run_status import RunStatus

LANES = ("inline", "threads", "coroutines", "processes")
LIMIT = 2.0  # seconds that a process may outlive its runner
PROMPTLY = 3.0  # seconds; the promise is one, and the machine may be busy


@pytest.mark.parametrize(
    ("executor", "copies"), [*((lane, 2) for lane in LANES), ("threads", 32), ("processes", 32)]
)
def test_copies_of_a_flow_at_once_know_nothing_of_each_other(
    scene: Scene, executor: str, copies: int
) -> None:
    scene.take_flows()
    workers = () if executor == "inline" else ("--workers", "2")
    command = ("run", f"flows/{FLOWS.name}:ten_side_by_side", "-q", "--executor", executor, *workers)
    started = [scene.start(*command) for _ in range(copies)]
    for each in started:
        said = each.said()
        assert said.code == 0, said.err
    for each in started:
        check_orphans(each.command.pid)
    told = scene.told()
    runs = {each.run for each in told}
    assert len(runs) == copies
    with closing(sqlite3.connect(scene.history)) as connection:
        rows = connection.execute("SELECT number, uid FROM runs").fetchall()
        assert {row[0] for row in rows} == set(range(1, copies + 1))
        assert {row[1] for row in rows} == runs
        lines = connection.execute("SELECT run, GROUP_CONCAT(text, '|') FROM logs GROUP BY run").fetchall()
    for run in runs:
        assert len({each.task for each in told if each.run == run and each.what == "end"}) == 10
    assert len(lines) == copies
    assert len({"|".join(sorted(text.split("|"))) for _, text in lines}) == 1
    assert len(recorded(scene).values) == 10
    check_nothing_is_left_to_do(scene)
    check_litter(scene)


HOLDING = """
    import ctypes, os, signal, threading
    from pathlib import Path
    from flowkit import flow, task

    @task
    def hold():
        if not Path("go").exists():
            signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
            Path("held").touch()
            ctypes.PyDLL(None).sleep(int(os.environ["HELD"]))  # keeps the lock of the interpreter
        return 1

    @task
    def rest(held):
        if not Path("go").exists():
            threading.Event().wait(60)
        return held + 1

    @flow
    def odd():
        rest(hold())
"""


@pytest.mark.parametrize(("executor", "held"), [("threads", 2), ("inline", 2), ("processes", 1000)])
def test_a_task_that_holds_the_interpreter_and_blocks_signals_hides_no_ctrl_c(
    scene: Scene, executor: str, held: int
) -> None:
    """In the process of the runner it is answered when the interpreter is free again; meanwhile nobody takes
    the run for dead."""
    scene.write(HOLDING)
    started = scene.start("run", "flows/flow.py:odd", "--executor", executor, HELD=str(held))
    assert started.wait_until((scene.folder / "held").exists), started.said().err
    assert "is still going on" in scene.flowkit("resume", "1", code=None).err
    began = time.monotonic()
    started.signal(signal.SIGINT)
    said = started.said()
    assert time.monotonic() - began < PROMPTLY + (0 if executor == "processes" else held)
    assert said.code == 130, said.err
    check_orphans(started.command.pid, LIMIT, scene.mark)
    assert recorded(scene).status is RunStatus.INTERRUPTED
    (scene.folder / "go").touch()
    scene.flowkit("resume")
    assert recorded(scene).values == {"hold": 1, "rest": 2}


@pytest.mark.parametrize("executor", LANES)
def test_what_a_task_changes_of_its_argument_its_siblings_see_where_they_share_memory(
    scene: Scene, executor: str
) -> None:
    """As is documented; what is kept of the argument is what it was."""
    scene.write("""
        from flowkit import flow, task

        @task
        def made():
            return [1]

        @task
        def change(numbers):
            numbers.append(2)
            return len(numbers)

        @task
        def see(numbers, _):
            return list(numbers)

        @flow
        def odd():
            numbers = made()
            see(numbers, change(numbers))
    """)
    scene.flowkit("run", "flows/flow.py:odd", "--executor", executor)
    found = recorded(scene).values
    assert found["made"] == [1]
    assert found["change"] == 2
    assert found["see"] == ([1] if executor == "processes" else [1, 2])


LEAVING = """
    import os, subprocess, tempfile, threading
    from flowkit import flow, task

    left = []

    @task
    def leave():
        left.extend(open(os.devnull) for _ in range(50))
        left.append(tempfile.mkstemp(dir="."))
        threading.Thread(target=threading.Event().wait, daemon="STRAY" not in os.environ).start()
        return subprocess.Popen(["sleep", "1000"], start_new_session=True).pid

    @task
    def after(_):
        return os.getpid()

    @flow
    def odd():
        after(leave())
"""


@pytest.mark.parametrize("executor", LANES)
def test_what_a_task_leaves_behind_keeps_no_run_from_its_end(scene: Scene, executor: str) -> None:
    """Its processes go on where they are the runner's, as with any program; a worker takes them with it."""
    scene.write(LEAVING)
    said = scene.flowkit("run", "flows/flow.py:odd", "--executor", executor)
    found = recorded(scene).values
    if executor != "processes":
        os.kill(found["leave"], signal.SIGKILL)
    else:
        with pytest.raises(ProcessLookupError):
            os.kill(found["leave"], 0)
    assert "left behind" not in said.err
    check_litter(scene)


def test_a_thread_that_python_would_wait_for_does_not_keep_a_worker(scene: Scene) -> None:
    scene.write(LEAVING)
    scene.flowkit("run", "flows/flow.py:odd", "--executor", "processes", STRAY="1")
    assert recorded(scene).status is RunStatus.SUCCESS


ANYBODY = "54321"  # a user of whom nothing runs


@pytest.fixture
def poor(server: Server) -> Iterator[Scene]:
    """A project of a user who may have few processes."""
    root = Path(tempfile.mkdtemp(prefix="flowkit-poor-", dir="/tmp"))
    root.chmod(0o755)
    scene = Scene(server, root / "scene")
    scene.take_flows()
    for path in (root, *root.rglob("*")):
        os.chown(path, int(ANYBODY), int(ANYBODY))
    yield scene
    shutil.rmtree(root)


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="only root can be somebody else")
@pytest.mark.parametrize("most", [1, 4, 6, 7, 8, 9, 10, 11, 14])
def test_where_no_more_processes_can_be_started_it_is_said_and_nothing_is_lost(
    poor: Scene, most: int
) -> None:
    """The kernel counts threads too: it refuses these, the fork server, its keeper, or a worker."""
    powers = "+dac_override,+dac_read_search"
    user = ("setpriv", "--reuid", ANYBODY, "--clear-groups", "--inh-caps", powers, "--ambient-caps", powers)
    prefix = ("prlimit", f"--nproc={most}", *user, *REAL)
    command = ("run", f"flows/{FLOWS.name}:ten_side_by_side", "--executor", "processes", "--workers", "2")
    started = poor.start(*command, prefix=prefix)
    said = started.said()
    assert "Traceback" not in said.err
    check_orphans(started.command.pid, LIMIT, poor.mark)
    if said.code:
        assert said.code in (1, 2), said.err
        assert "can't start new thread" in said.err or "Resource temporarily unavailable" in said.err, (
            said.err
        )
        again = command if recorded(poor).run is None else ("resume",)
        poor.flowkit(*again, prefix=(*user, *REAL))
    assert recorded(poor).status is RunStatus.SUCCESS
    assert len(recorded(poor, values=False).successes) == 10
