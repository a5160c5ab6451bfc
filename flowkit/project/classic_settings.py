"""The settings of Prefect classic that flowkit has no use for: a script may read and set them.

Source of the names and values: Prefect classic, group 19.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from typing import Any

from flowkit.flow import manners

VARIABLE = "FLOWKIT__"
_CLASSIC_VARIABLE = "PREFECT__"
_SECRETS = "CONTEXT__SECRETS__"

_DEFAULTS: Mapping[str, Any] = {
    "debug": False,
    "home_dir": "~/.flowkit",
    "cloud.api": "",
    "cloud.endpoint": "",
    "cloud.graphql": "",
    "cloud.heartbeat_interval": 30.0,
    "cloud.heartbeat_mode": "process",
    "cloud.send_flow_run_logs": False,
    "cloud.use_local_secrets": True,
    "cloud.agent.name": "agent",
    "cloud.agent.labels": [],
    "cloud.agent.level": "INFO",
    "engine.executor.default_class": "flowkit.executors.LocalExecutor",
    "engine.flow_runner.default_class": "flowkit.engine.flow_runner.FlowRunner",
    "engine.task_runner.default_class": "flowkit.engine.task_runner.TaskRunner",
    "flows.checkpointing": True,
    "flows.eager_edge_validation": False,
    "flows.run_on_schedule": False,
    "flows.defaults.storage.add_default_labels": True,
    "flows.defaults.storage.default_class": "flowkit.storage.Local",
    "logging.datefmt": "%Y-%m-%d %H:%M:%S%z",
    "logging.extra_loggers": [],
    "logging.format": "[%(asctime)s] %(levelname)s - %(name)s | %(message)s",
    "logging.log_attributes": [],
    "logging.log_to_cloud": False,
    "server.endpoint": "",
    "server.host": "http://localhost",
    "server.port": 4200,
    "server.ui.endpoint": "",
    "server.telemetry.enabled": False,
    "tasks.checkpointing": True,
    "tasks.defaults.max_retries": 0,
    "tasks.defaults.retry_delay": None,
    "tasks.defaults.timeout": None,
}


def values(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """All of them, by key, with what the environment says."""
    return {**_DEFAULTS, **{key: cast(text) for key, text in from_environment(environ)}}


def from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Key and text of each variable, such as `flows.checkpointing` of `FLOWKIT__FLOWS__CHECKPOINTING`; in a
    script of classic its own count too."""
    prefixes = (_CLASSIC_VARIABLE, VARIABLE) if manners.classic else (VARIABLE,)
    for prefix in prefixes:
        for variable in sorted(environ):
            rest = variable.removeprefix(prefix)
            if rest != variable and not rest.startswith(_SECRETS):
                yield rest.lower().replace("__", "."), environ[variable]


def cast(text: str) -> Any:
    """A truth, a literal of Python, or the text itself; source: Prefect classic, 19.2."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text
