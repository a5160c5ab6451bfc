"""What it costs to remember: runs that are found in the cache, the history that is opened, large results."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from flowkit import Flow, task
from flowkit.engine.executors import ThreadExecutor
from flowkit.plan.compiler import compile_flow
from flowkit.project.root import Project
from flowkit.project.settings import Settings
from flowkit.runs.memory import Asked, Memory, session_of
from flowkit.runs.start import Options, prepare
from flowkit.store import database

FLOWKIT = Path(sysconfig.get_path("scripts")) / "flowkit"
_FOUR = """
from flowkit import Flow, task

@task
def step(value):
    return value

with Flow("four") as four:
    step(step(step(step(1))))
"""
_CHAIN = """
import json
from flowkit import Flow, task

@task
def grow(value):
    return bytes([(value[0] + 1) % 250]) * 1_000_000

with Flow("chain") as chain:
    value = bytes([1])
    for _ in range({tasks}):
        value = grow(value)
chain.run()
# `ru_maxrss` would begin with what the process that started this one takes.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps(int(peak.split()[1]) * 1024))
"""


@task(cache=True)
def kept(value: int) -> int:
    return value + 1


def cached(tasks: int, workers: int) -> float:
    """CPU seconds a task of a run in which all is found in the cache, its fixed part included."""
    with Flow("cached") as flow:
        for value in range(tasks):
            kept(value)
    with TemporaryDirectory() as folder:
        costs = []
        for _ in range(6):
            plan = compile_flow(flow)  # what that costs stands elsewhere
            started = time.process_time()
            executor = ThreadExecutor(workers)
            memory = Memory(Project.at(Path(folder)), Settings())
            begun = memory.begin(plan, {}, session_of(executor), Asked())
            prepare(plan, {}, [executor], Options(switch_interval=0.0005, forgets=True), begun).run()
            costs.append(time.process_time() - started)
        return min(costs[1:]) / tasks


def opening(repeats: int) -> float:
    """CPU seconds by which a run of four tasks is dearer with history than without, as whole commands."""
    with TemporaryDirectory() as folder:
        flow = Path(folder) / "flows" / "four.py"
        flow.parent.mkdir()
        flow.write_text(_FOUR)
        found = sorted(
            _command(folder, "run", "four", "-q", FLOWKIT_HISTORY="true")
            - _command(folder, "run", "four", "-q", FLOWKIT_HISTORY="false")
            for _ in range(repeats)
        )
        return found[len(found) // 2]


def listing(runs: int, repeats: int) -> float:
    """CPU seconds by which `flowkit runs` is dearer than `--help`, with so many runs in history."""
    with TemporaryDirectory() as folder:
        state = Path(folder) / ".flowkit"
        state.mkdir(mode=0o700)
        connection = database.open_to_write(state / database.FILE)
        with database.transaction(connection):
            connection.executemany(
                "INSERT INTO runs (uid, name, flow, ref, status, started, ended, parameters, asked, outline,"
                " exit_code, counts) VALUES (?, ?, ?, '', 1, ?, ?, '{}', '{}', x'00', 0, '{\"ok\": 3}')",
                _made_up(runs),
            )
        connection.close()
        found = sorted(_command(folder, "runs") - _command(folder, "--help") for _ in range(repeats))
        return found[len(found) // 2]


def chain_memory(tasks: int) -> float:
    """Bytes that a process takes at most in which so many tasks pass a megabyte on."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "flows").mkdir()
        found = subprocess.run(
            [sys.executable, "-c", _CHAIN.replace("{tasks}", str(tasks))],
            cwd=folder,
            env=os.environ | {"FLOWKIT_HISTORY": "true", "FLOWKIT_LOGGING__LEVEL": "ERROR"},
            capture_output=True,
            text=True,
            check=True,
        )
        return float(json.loads(found.stdout.splitlines()[-1]))


def _made_up(runs: int) -> Iterator[tuple[str, str, str, float, float]]:
    for number in range(runs):
        yield f"{number:032x}", f"run-{number}", f"flow-{number % 7}", number * 60.0, number * 60.0 + 5


def _command(folder: str, *arguments: str, **environment: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [FLOWKIT, *arguments], cwd=folder, env=os.environ | environment, check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
