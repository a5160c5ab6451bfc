"""What runs where nobody says otherwise. Source of the names: Prefect classic, 4.14."""

from __future__ import annotations

from flowkit.engine.executors import (
    CoroutineExecutor,
    DaskExecutor,
    LocalExecutor,
    ProcessExecutor,
    RayExecutor,
    ThreadExecutor,
)
from flowkit.engine.executors.base import Executor
from flowkit.project.config import config
from flowkit.runs.runners import FlowRunner, TaskRunner

_CLASSES: dict[str, type[Executor]] = {
    "inline": LocalExecutor,
    "threads": ThreadExecutor,
    "processes": ProcessExecutor,
    "coroutines": CoroutineExecutor,
    "dask": DaskExecutor,
    "ray": RayExecutor,
}


def get_default_executor_class() -> type[Executor]:
    """What runs the tasks of `flow.run()`: as the settings say, else inline."""
    resolved = config.resolve(None)
    named = resolved.settings.executor if "executor" in resolved.origins else "inline"
    return _CLASSES[named.partition(":")[0]]


def get_default_flow_runner_class() -> type[FlowRunner]:
    """The runner of flows."""
    return FlowRunner


def get_default_task_runner_class() -> type[TaskRunner]:
    """The runner of tasks."""
    return TaskRunner
