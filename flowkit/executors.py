"""Where tasks run."""

from flowkit import homes
from flowkit.engine.executors import (
    CoroutineExecutor,
    DaskExecutor,
    LocalDaskExecutor,
    LocalExecutor,
    ProcessExecutor,
    RayExecutor,
    ThreadExecutor,
)
from flowkit.engine.executors.base import Executor

__all__ = [
    "CoroutineExecutor",
    "DaskExecutor",
    "Executor",
    "LocalDaskExecutor",
    "LocalExecutor",
    "ProcessExecutor",
    "RayExecutor",
    "ThreadExecutor",
]
__path__: list[str] = []  # so that `flowkit.executors.dask`, of classic, is looked for; see flowkit/homes.py
__getattr__ = homes.below(__name__)
