"""Single measurements, each in CPU seconds of this process unless it says otherwise."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from shapes import build
from terminal import display

from flowkit import Flow, task
from flowkit.engine.engine import Engine
from flowkit.engine.executors import CoroutineExecutor, LocalExecutor, ThreadExecutor
from flowkit.engine.executors.base import Executor
from flowkit.engine.observers import Observer
from flowkit.plan.compiler import compile_flow
from flowkit.plan.plan import Plan
from flowkit.project.root import Project
from flowkit.project.settings import Settings
from flowkit.runs.memory import Asked, Memory, session_of
from flowkit.runs.start import Options, prepare

WORKERS = 2
NAP = 0.1  # seconds that a coroutine sleeps
_MEMORY = Path(__file__).with_name("memory.py")


def planned(shape: str, size: int, lane: str, result: str = "number") -> tuple[Plan, float]:
    """A compiled flow, and what building and compiling it cost a task."""
    gc.collect()
    started = time.process_time()
    plan = compile_flow(build(shape, size, result), lane=lane)
    return plan, (time.process_time() - started) / plan.size


def run(plan: Plan, file: TextIO | None = None, project: Path | None = None) -> float:
    """From the plan to the end of its run, to its last commit.

    Args:
        file: the terminal to draw on; None: nothing is shown.
        project: the folder whose history remembers it; None: nobody does.
    """
    lane = plan.lanes[0]
    executor: Executor = LocalExecutor() if lane == "inline" else ThreadExecutor(WORKERS)
    observers: Sequence[Observer] = () if file is None else display(file, plan.name, executor.workers)
    started = time.process_time()
    kept = None
    if project is not None:
        memory = Memory(Project.at(project), Settings())
        kept = memory.begin(plan, {}, session_of(executor), Asked())
    how = Options(observers=observers, capture=file is not None, switch_interval=0.0005, forgets=True)
    outcome = prepare(plan, {}, [executor], how, kept).run()
    cost = time.process_time() - started
    assert outcome.state.is_successful()
    return cost


def idle_share(file: TextIO | None, seconds: float, tasks: int = 12) -> float:
    """The share of a core that a run takes while all its tasks only wait."""
    found: list[float] = []
    over = threading.Event()

    @task
    def watch() -> None:
        over.wait(seconds / 4)  # what the beginning costs is not looked at
        cpu, wall = time.process_time(), time.perf_counter()
        over.wait(seconds)
        found.append((time.process_time() - cpu) / (time.perf_counter() - wall))
        over.set()

    @task
    def rest() -> None:
        over.wait()

    with Flow("idle") as flow:
        watch()
        for _ in range(tasks - 1):
            rest()
    observers: Sequence[Observer] = () if file is None else display(file, "idle", tasks)
    plan = compile_flow(flow, lane="threads")
    Engine(plan, [ThreadExecutor(tasks)], observers=observers, capture=file is not None).run()
    return found[0]


@task
async def nap() -> None:
    """The task of the coroutine lane that is measured."""
    await asyncio.sleep(NAP)


def napping(tasks: int) -> float:
    """Seconds of wall time from the plan of so many coroutines that sleep to the end of their run."""
    with Flow("napping") as flow:
        for _ in range(tasks):
            nap()
    plan = compile_flow(flow, lane="coroutines")
    gc.collect()
    started = time.perf_counter()
    outcome = Engine(plan, [CoroutineExecutor()]).run()
    taken = time.perf_counter() - started
    assert outcome.state.is_successful()
    return taken


def memory(shape: str, size: int) -> dict[str, float]:
    """Bytes a task at the peak of building, compiling and running, in a process of its own.

    Returns:
        `traced`: what Python allocated; `resident`: by how much the process grew.
    """
    found = {}
    for kind in ("traced", "resident"):
        answer = subprocess.run(
            [sys.executable, str(_MEMORY), kind, shape, str(size)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ,
        )
        found[kind] = float(json.loads(answer.stdout))
    return found
