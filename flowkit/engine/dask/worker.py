"""A worker of a temporary Dask cluster: a process that the fork server has forked, and that serves the
scheduler until it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import faulthandler
import os
import signal
import socket
from collections.abc import Mapping
from types import FrameType
from typing import Any, NamedTuple

from flowkit.engine.processes.link import Link
from flowkit.engine.processes.worker import leave, settle

_TRIM = "MALLOC_TRIM_THRESHOLD_"  # which the C library reads before this process has it
_M_TRIM_THRESHOLD = -1  # of malloc.h


class Order(NamedTuple):
    """What the worker is told, pickled in two steps, as the second may be found only where the first holds.

    Attributes:
        environment: besides what the process has.
        duty: a `Duty`, pickled by dask.
    """

    environment: Mapping[str, str]
    duty: bytes


class Duty(NamedTuple):
    """What it is to be: an instance of a class of `distributed`, and the configuration of dask."""

    worker: Any
    options: Mapping[str, Any]
    config: Mapping[str, Any]


class Started(NamedTuple):
    """What is said when it takes part, or cannot: its address and folder, or what was raised."""

    address: str
    folder: str
    error: str = ""


def main(sock: socket.socket, news: int, more: list[int], lifeline: int) -> None:
    """Be a worker; never returns. The arguments are as in processes/worker.py."""
    os.close(news)
    settle(lifeline)
    faulthandler.enable(2, all_threads=False)  # those of dask say nothing about a crash
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, _nothing)  # a handler, which programs that a task starts do not inherit
    link = Link(sock)
    with contextlib.suppress(EOFError, OSError):
        order = Order(*link.receive())
        os.environ.update(order.environment)
        _trim(order.environment.get(_TRIM, ""))
        asyncio.run(_serve(link, order.duty))
    leave()


async def _serve(link: Link, duty: bytes) -> None:
    try:
        worker = _worker(duty)
        await worker
    except Exception as error:
        link.send(tuple(Started("", "", f"{type(error).__name__}: {error}")))
        return
    link.send(tuple(Started(worker.address, worker.local_directory)))
    await worker.finished()


def _worker(data: bytes) -> Any:
    import dask
    from distributed.protocol.pickle import loads

    duty = Duty(*loads(data))
    dask.config.refresh()
    dask.config.set(dict(duty.config))
    return duty.worker(**duty.options)


def _trim(threshold: str) -> None:
    """Have freed memory given back to the system as dask asks for it."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, int(threshold))


def _nothing(number: int, frame: FrameType | None) -> None:
    """Nothing: the runner decides."""
