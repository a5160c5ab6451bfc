"""The settings of Prefect classic: those that flowkit has no use for, which a script may read and set, and
the places where a script of classic has its settings.

Source of the names, values and places: Prefect classic, group 19.
"""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flowkit.errors import UsageError
from flowkit.flow import manners
from flowkit.project.setting import flat

VARIABLE = "FLOWKIT__"
_CLASSIC_VARIABLE = "PREFECT__"
_SECRETS = "context.secrets."
_ROUNDS = 10
_LONGEST = 100_000  # characters of a value; one that is made of itself grows without end
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_VARIABLE = re.compile(r"\$(\w+)")

DEFAULTS: Mapping[str, Any] = {
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
    """All of them, by key, with what the user's file and the environment say.

    Raises:
        UsageError: a file that cannot be read, or a name that cannot be.
    """
    found = _interpolated({**DEFAULTS, **given(environ)}, environ)
    return {key: value for key, value in found.items() if not key.startswith(_SECRETS)}


def context(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What `flowkit.context` has from the settings of a script of classic, nested: `context.NAME`.

    Raises:
        UsageError: a file that cannot be read, or a name that cannot be.
    """
    found: dict[str, Any] = {}
    for key, value in (
        _interpolated({**DEFAULTS, **given(environ)}, environ).items() if manners.classic else ()
    ):
        first, *path = key.split(".")
        if first != "context" or path[0] == "secrets":
            continue
        table = found
        for part in path[:-1]:
            table = table.setdefault(part, {})
        table[path[-1]] = value
    return found


def given(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What the user's file of classic and the environment say, by key; the latter wins.

    The file and its variables are looked at for scripts of classic only, `FLOWKIT__FLOWS__CHECKPOINTING` and
    the like for all.

    Raises:
        UsageError: a file that cannot be read, or a name that cannot be.
    """
    found = dict(_from_file(environ)) if manners.classic else {}
    for prefix in (_CLASSIC_VARIABLE, VARIABLE) if manners.classic else (VARIABLE,):
        for variable in sorted(environ):
            key = variable.removeprefix(prefix).lower().replace("__", ".")
            if variable.startswith(prefix) and not key.startswith(_SECRETS):
                found[key] = cast(environ[variable])
    for key in found:
        _check(key)
    return found


def secrets(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The secrets that the user's file of classic has, by name, for scripts of classic; a table is one.

    Raises:
        UsageError: a file that cannot be read.
    """
    table = _table(environ).get("context") if manners.classic else None
    found = table.get("secrets") if isinstance(table, dict) else None
    if not isinstance(found, dict):
        return {}
    known = {**DEFAULTS, **given(environ)}
    return {name: _resolved(value, known, environ) for name, value in found.items()}


def cast(text: str) -> Any:
    """A truth, a literal of Python, or the text itself; source: Prefect classic, 19.2."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text


def _from_file(environ: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    return flat(_table(environ))


def _table(environ: Mapping[str, str]) -> dict[str, Any]:
    path = Path(environ.get("PREFECT__USER_CONFIG_PATH") or "~/.prefect/config.toml").expanduser()
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"the settings of Prefect in `{path}` cannot be read: {error}") from None


def _check(key: str) -> None:
    taken = next((part for part in key.split(".") if part in dir(dict)), None)
    if taken is not None:
        raise UsageError(
            f"a setting cannot be called `{taken}`, as in `{key}`: dictionaries have that method"
        )


def _interpolated(found: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """With references put in, also those in what was put in."""
    for _ in range(_ROUNDS):
        whole = {key: _resolved(value, found, environ) for key, value in found.items()}
        if whole == found:
            break
        found = whole
    return found


def _resolved(value: Any, known: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    """A value with other settings, as `${other.key}`, and variables, as `$NAME`, put in."""
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return known.get(whole[1], value)
    value = _REFERENCE.sub(lambda found: str(known.get(found[1], found[0])), value)
    if len(value) > _LONGEST:
        raise UsageError("a setting of Prefect is made of itself", hints=("look for `${` in the settings",))
    return _VARIABLE.sub(lambda found: environ.get(found[1], found[0]), value)
