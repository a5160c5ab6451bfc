"""A Dask cluster for tests, as a user starts one from the command line; runs on such, and tasks for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from flowkit import Flow, task
from flowkit.engine.engine import Engine
from flowkit.engine.executors import DaskExecutor
from flowkit.engine.outcome import Outcome
from flowkit.plan.compiler import compile_flow

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
_PATIENCE = 60.0


class DaskCluster:
    """A scheduler, and workers with one thread each.

    Args:
        folder: for its files.
        workers: how many.
        resources: of each worker, such as `GPU=1`.
    """

    def __init__(self, folder: Path, workers: int = 2, *, resources: str = "") -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.workers: list[subprocess.Popen[str]] = []
        try:
            self._start(workers, ("--resources", resources) if resources else ())
        except BaseException:
            self.close()
            raise

    def _start(self, workers: int, offered: tuple[str, ...]) -> None:
        self.scheduler = self._started("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        line = self._until(self.scheduler, "Scheduler at:")
        self.address = line[line.index("tcp://") :].strip()
        self.more(workers, *offered)

    def more(self, workers: int, *options: str) -> None:
        """Start more workers."""
        alone = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        started = [self._started("worker", self.address, *alone, *options) for _ in range(workers)]
        for worker in started:
            self._until(worker, "Registered to:")
        self.workers += started

    def _started(self, kind: str, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}"]
        process = subprocess.Popen(
            [*command, *options],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd=self._folder,
            env=environment(self._folder),
        )
        self._stack.callback(_ended, process)
        return process

    def _until(self, process: subprocess.Popen[str], said: str) -> str:
        """Wait for a line of its log, and let the rest of it go."""
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if said in line:
                drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
                self._stack.callback(_ended, drain)
                return line
        raise RuntimeError("it did not start: " + "".join(lines))

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> DaskCluster:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def environment(folder: Path) -> Mapping[str, str]:
    """With the tests importable, and this file, as modules of the user's would be."""
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}", "DASK_TEMPORARY_DIRECTORY": str(folder)}


def _ended(process: subprocess.Popen[Any]) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    process.wait(_PATIENCE)
    if process.stderr is not None:
        process.stderr.close()


def own() -> DaskExecutor:
    """A cluster of the run's own, whose workers are replaced where they die."""
    return DaskExecutor(workers=2)


def carried_out(flow: Flow, executor: DaskExecutor, **options: Any) -> Outcome:
    options.setdefault("timeout", 30.0)
    return Engine(compile_flow(flow, lane="dask"), [executor], **options).run()


@task
def zeros(count: int) -> Any:
    import numpy

    return numpy.zeros(count)


@task
def size_of(array: Any) -> int:
    return len(array)


@task
def number(value: Any) -> Any:
    return value
