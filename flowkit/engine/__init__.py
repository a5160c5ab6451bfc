"""Carrying runs out. What scripts of Prefect classic take from here is found when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "FlowRunner": "flowkit.runs.runners",
    "TaskRunner": "flowkit.runs.runners",
    "get_default_executor_class": "flowkit.runs.defaults",
    "get_default_flow_runner_class": "flowkit.runs.defaults",
    "get_default_task_runner_class": "flowkit.runs.defaults",
}
_MODULES = ("flow_runner", "runner", "signals", "state", "task_runner")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"flowkit.engine.{name}")
    raise AttributeError(f"module `flowkit.engine` has no attribute `{name}`")
