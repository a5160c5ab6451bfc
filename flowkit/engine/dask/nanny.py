"""Nannies whose workers come from flowkit's fork server, as those of the processes lane do.

Guarantees: how a worker ended is known; what it has started ends with it, and all with the runner, whatever
killed that.
Relies on: the loop of dask, in which all of this happens; `end` may be called from anywhere.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from typing import Any

from distributed import Nanny, Status
from distributed.protocol.pickle import dumps

from flowkit.engine.dask.process import Process
from flowkit.engine.dask.staff import Staff
from flowkit.engine.dask.worker import Duty, Order
from flowkit.engine.processes.memory import in_words

_TRIES = 3  # where a process is lost with the fork server before it takes part
_UNKNOWN = 255  # what dask calls an exit code that nobody knows


class OwnNanny(Nanny):  # type: ignore[misc]
    """A nanny of a temporary cluster.

    Args:
        staff: of the cluster.
        scratch: the folder of the cluster's files, in which that of the worker is.
    """

    process: HiredWorker | None

    def __init__(self, *given: Any, staff: Staff, scratch: str, **options: Any) -> None:
        super().__init__(*given, local_directory=scratch, **options)
        self._staff = staff
        self._scratch = scratch

    async def instantiate(self) -> Any:
        """Called by dask: have a worker, the first one or that which takes the place of another."""
        if self.process is None:
            duty = Duty(self.Worker, self._options(), self.config)
            limit = self.memory_manager.memory_limit
            self.process = HiredWorker(
                Order(self.env, dumps(tuple(duty))),
                self._staff,
                self._scratch,
                f"at its memory limit of {in_words(limit)}" if limit else "",
                self._on_worker_exit_sync,
            )
        return await super().instantiate()

    def _options(self) -> dict[str, Any]:
        """What dask's own nanny gives its worker."""
        same = ("nthreads", "services", "name", "resources", "validate", "silence_logs", "death_timeout")
        more = ("preload", "preload_argv", "security", "contact_address")
        return {
            "scheduler_ip": self.scheduler_addr,
            "nanny": self.address,
            "local_directory": self._scratch,
            "memory_limit": self.memory_manager.memory_limit,
            **{name: getattr(self, name) for name in (*same, *more)},
            **self.worker_kwargs,
        }


class HiredWorker:
    """What `distributed.nanny.WorkerProcess` is to a nanny: its worker, and those that follow it.

    Args:
        too_much: in words, why a worker was killed that took too much memory.
        on_exit: is told the exit code of each.
    """

    def __init__(
        self, order: Order, staff: Staff, scratch: str, too_much: str, on_exit: Callable[[int], None]
    ) -> None:
        self._order = order
        self._staff = staff
        self._scratch = scratch
        self._too_much = too_much
        self._on_exit = on_exit
        self.status = Status.init
        self.process: Process | None = None
        self.worker_address: str | None = None
        self.worker_dir: str | None = None

    @property
    def pid(self) -> int | None:
        """Of its process, once it is known."""
        return self.process.pid if self.process is not None else None

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self.process is not None

    async def start(self) -> Any:
        """Have a process, unless there is one.

        Raises:
            FlowkitError: it cannot be had.
            UnstartableError: the system lets none be.
            RuntimeError: it ended before it took part, or could not.
        """
        if self.process is None:
            self.status = Status.starting
            try:
                await self._have_one()
            except Exception as error:
                self.status = Status.failed
                self._staff.lacks_one(str(error))
                raise
        return self.status

    async def _have_one(self) -> None:
        for _ in range(_TRIES):
            process = self.process = Process(self._staff, self._scratch, self._too_much, self._ended)
            process.tell(self._order)
            started = await asyncio.shield(process.started)
            if not started.error:
                self.worker_address, self.worker_dir = started.address, started.folder
                self.status = Status.running
                return
            await process.gone.wait()
            self.process = None
            if not process.is_lost:
                break
        raise RuntimeError(started.error)

    async def kill(self, timeout: float = 5.0, reason: str = "", **_: Any) -> None:
        """Have it end; returns when it has.

        Raises:
            TimeoutError: it has not within `timeout` seconds.
        """
        if self.process is not None:
            process = self.process
            process.end()
            await asyncio.wait_for(process.gone.wait(), timeout)

    def _ended(self, status: int | None) -> None:
        """Called when nothing is left of a process that took part."""
        self.process = None
        self.status = Status.stopped
        folder, self.worker_dir = self.worker_dir, None
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        self._on_exit(_UNKNOWN if status is None else os.waitstatus_to_exitcode(status))
