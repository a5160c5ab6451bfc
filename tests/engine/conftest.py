"""What the tests of the engine share: an observer that keeps everything, gates, and a short way to a run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow
from flowkit.engine.capture import Line
from flowkit.engine.engine import Engine
from flowkit.engine.executors import LocalExecutor
from flowkit.engine.executors.base import Executor
from flowkit.engine.executors.ray import Connection
from flowkit.engine.outcome import Outcome
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Row
from flowkit.runs.start import executors_for

CarryOut = Callable[..., Outcome]


class Kept:
    """An observer that keeps all that it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.rows: list[Row] = []
        self.lines: list[Line] = []
        self.threads: set[str] = set()

    def begin(self, engine: Engine) -> None:
        self.calls.append("begin")

    def see(self, rows: Sequence[Row], lines: Sequence[Line]) -> None:
        self.calls.append("see")
        self.rows += rows
        self.lines += lines
        self.threads.add(threading.current_thread().name)

    def end(self, outcome: Outcome) -> None:
        self.calls.append("end")


class Gate:
    """A named pipe at which tasks of any thread or process wait until the test lets them go on."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._end = os.open(path, os.O_RDWR)

    def open(self, times: int = 1) -> None:
        """Let so many waiters go on."""
        os.write(self._end, b"." * times)

    def close(self) -> None:
        """Let all go on who still wait, so that no thread outlives the test for long."""
        self.open(1000)
        os.close(self._end)


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """One cluster of Ray for many runs."""
    connection = Connection(None, {"num_cpus": 2})
    yield
    connection.close()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path / "gate")
    yield made
    made.close()


@pytest.fixture
def carry_out() -> CarryOut:
    """Runs a flow on an executor, with the options of `Engine`; a run of a test ends within 20 seconds."""

    def run(flow: Flow, executor: Executor | None = None, **options: Any) -> Outcome:
        chosen = executor or LocalExecutor()
        plan = compile_flow(flow, lane=chosen.name)
        options.setdefault("timeout", 20.0)
        return Engine(plan, executors_for(plan, chosen), **options).run()

    return run
