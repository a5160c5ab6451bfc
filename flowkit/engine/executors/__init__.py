"""Where tasks run: one file an executor, and the contract in base.py."""

from flowkit.engine.executors.base import Executor
from flowkit.engine.executors.coroutines import CoroutineExecutor
from flowkit.engine.executors.dask import DaskExecutor, LocalDaskExecutor
from flowkit.engine.executors.inline import LocalExecutor
from flowkit.engine.executors.processes import ProcessExecutor
from flowkit.engine.executors.ray import RayExecutor
from flowkit.engine.executors.threads import ThreadExecutor

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
