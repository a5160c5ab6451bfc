"""Carrying runs out. What scripts of Prefect classic take from here is found when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

from flowkit import homes

_HOMES = {
    "FlowRunner": "flowkit.runs.runners",
    "TaskRunner": "flowkit.runs.runners",
    "get_default_executor_class": "flowkit.runs.defaults",
    "get_default_flow_runner_class": "flowkit.runs.defaults",
    "get_default_task_runner_class": "flowkit.runs.defaults",
}
_below = homes.below(__name__)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    return _below(name)
