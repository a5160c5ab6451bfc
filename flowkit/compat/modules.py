"""Where the names of Prefect classic live in flowkit, module by module.

A home has no code: it asks the modules behind it for a name, when the name is asked for. What classic had
and flowkit has not is there too (see library.py), so that an import succeeds and the use of it says why.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from flowkit.compat import library

_SERVER, _STORAGE = ("flowkit.compat.server",), ("flowkit.compat.storage",)
_RESULTS = ("flowkit.results",)


def _all(package: str, modules: str, *sources: str) -> dict[str, tuple[str, ...]]:
    """A package of classic, and modules below it, that are one in flowkit."""
    return dict.fromkeys([package, *(f"{package}.{each}" for each in modules.split())], sources)


# Module of classic: the modules of flowkit that have its names. Those that flowkit has under the very same
# name are found without this table.
HOMES: dict[str, tuple[str, ...]] = {
    **_all("agent", "agent local docker kubernetes ecs vertex", *_SERVER),
    **_all("agent", "local.agent docker.agent kubernetes.agent ecs.agent vertex.agent", *_SERVER),
    "artifacts": _SERVER,
    **_all("backend", "artifacts flow flow_run kv_store task_run tenant", *_SERVER),
    "client": (*_SERVER, "flowkit"),
    "client.client": _SERVER,
    "client.secrets": ("flowkit",),
    "configuration": ("flowkit", "flowkit.project.config"),
    "core": ("flowkit",),
    "core.edge": ("flowkit.flow.edge",),
    "core.flow": ("flowkit.flow.flow",),
    "core.parameter": ("flowkit.flow.parameter", "flowkit.flow.datetime_parameter"),
    "core.task": ("flowkit.flow.task",),
    "engine.cache_validators": ("flowkit.flow.validators",),
    "engine.cloud": ("flowkit",),
    "engine.executors.local": ("flowkit.executors",),
    **_all("engine.result", "base", *_RESULTS, "flowkit.state"),
    "engine.result_handlers": _RESULTS,
    **_all(
        "engine.results",
        "azure_result constant_result gcs_result local_result prefect_result s3_result secret_result",
        *_RESULTS,
    ),
    "engine.serializers": _RESULTS,
    **_all("environments", "execution", "flowkit.compat.environments"),
    "environments.executors": ("flowkit.executors",),
    "environments.storage": _STORAGE,
    "exceptions": ("flowkit.compat.exceptions",),
    "executors.base": ("flowkit.engine.executors.base",),
    "executors.dask": ("flowkit.executors",),
    "executors.local": ("flowkit.executors",),
    "hello_world": ("flowkit.compat.hello_world",),
    **_all("run_configs", "base docker ecs kubernetes local vertex", "flowkit.compat.run_configs"),
    **_all(
        "storage",
        "azure base bitbucket codecommit docker gcs git github gitlab local module s3 webhook",
        *_STORAGE,
    ),
    **_all("tasks.prefect", "flow_run flow_run_cancel flow_run_rename", "flowkit.compat.flow_runs"),
    "tasks.secrets.base": ("flowkit.tasks.secrets",),
    "tasks.secrets.env_var": ("flowkit.tasks.secrets",),
    "utilities.collections": ("flowkit.compat.utilities",),
    "utilities.configuration": ("flowkit.compat.utilities",),
    "utilities.context": ("flowkit.engine.context",),
    "utilities.exceptions": ("flowkit.compat.exceptions",),
    "utilities.graphql": _SERVER,
    "utilities.logging": ("flowkit.compat.utilities",),
    "utilities.notifications.notifications": ("flowkit.utilities.notifications",),
    "utilities.notifications.jira_notification": ("flowkit.utilities.notifications",),
}

# Parts of classic that flowkit has nothing for, and what to use instead.
GONE: dict[str, str] = {
    "api": "`flowkit.register` and `flowkit runs --json`",
    "backend.execution": "`flow.run()`",
    "cli": "the command `flowkit`",
    "contrib": "a function with `@task`",
    "engine.cloud": "`FlowRunner` and `TaskRunner`",
    "models": "`flowkit.Flow`",
    "plugins": "a function with `@task`",
    "serialization": "`flow.serialize()`",
    "utilities.agent": "`flowkit serve`",
    "utilities.aws": "`boto3`",
    "utilities.cli": "`typer`",
    "utilities.compatibility": "a function with `@task`",
    "utilities.datetimes": "`datetime`",
    "utilities.backend": "`flowkit runs`",
    "utilities.diagnostics": "`flowkit doctor`",
    "utilities.docker_util": "`docker`",
    "utilities.executors": "`flowkit.executors`",
    "utilities.filesystems": "`pathlib` or `fsspec`",
    "utilities.gcp": "`google-cloud-storage`",
    "utilities.git": "`subprocess` and `git`",
    "utilities.importtools": "`importlib`",
    "utilities.kubernetes": "`kubernetes`",
    "utilities.plugins": "a function with `@task`",
    "utilities.serialization": "`flow.serialize()`",
    "utilities.storage": "`flowkit run FILE`",
}

# Names of modules that are there, which can be imported and not be used.
PARTLY: dict[str, str] = {
    "agent.agent": "HealthHandler PokeHandler exit_handler",
    "backend.flow_run": "FlowRunLog check_for_compatible_agents stream_flow_run_logs watch_flow_run",
    "client.client": "FlowRunInfoResult ProjectInfo TaskRunInfoResult",
    "configuration": "create_user_config interpolate_config interpolate_env_vars load_configuration"
    " load_default_config load_toml process_task_defaults string_to_type to_environment_variables"
    " validate_config",
    "core.edge": "is_valid_identifier",
    "core.flow": "ParameterDetails cache",
    "core.parameter": "no_default",
    "core.task": "NoDefault TaskMetaclass instance_property",
    "engine.flow_runner": "FlowRunnerInitializeResult run_task",
    "engine.result": "NoResultType",
    "engine.result.base": "NoResultType ResultNotImplementedError",
    "engine.runner": "Runner call_state_handlers",
    "engine.task_runner": "TaskRunnerInitializeResult",
    "executors.dask": "PrefectCallback",
    "storage.docker": "multiline_indent",
    "tasks.core.collections": "VarArgsTask",
    "utilities.collections": "CompoundKey dict_to_flatdict flatdict_to_dict",
    "utilities.debug": "is_serializable",
    "utilities.graphql": "GQLObject GraphQLResult LiteralSetValue compress decompress"
    " format_graphql_request_error lowercase_first_letter multiline_indent parse_graphql_arguments",
    "utilities.logging": "CloudHandler LOG_MANAGER LogManager RedirectToLog configure_extra_loggers"
    " configure_logging create_diagnostic_logger getlogsize temporary_logger_config",
    "utilities.notifications": "jira_notifier slack_message_formatter snowflake_logger"
    " snowflake_message_formatter",
}
_OWN = "a function of your own"


def complete(module: ModuleType, name: str) -> None:
    """Give a module that stands for one of classic the names that can only be imported."""
    for missing in PARTLY.get(name, "").split():
        if not hasattr(module, missing):
            setattr(module, missing, library.Unserved(f"prefect.{name}.{missing}", _OWN))


class _Home(ModuleType):
    """A module whose names are those of others."""

    _sources: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            for source in self._sources:
                module = importlib.import_module(source)
                if hasattr(module, name):
                    return getattr(module, name)
            below = f"{self.__name__}.{name}"
            if below.removeprefix("flowkit.") in HOMES:
                return importlib.import_module(below)
        raise AttributeError(f"module `{self.__name__}` has no attribute `{name}`")


def made(name: str) -> ModuleType | None:
    """The module that classic had under a name without `prefect.` before it; None where it had none."""
    sources = HOMES.get(name)
    if sources is not None:
        home = _Home(f"flowkit.{name}")
        home._sources = sources
        home.__path__ = []
        return home
    if name.startswith("tasks."):
        return library.module(name.removeprefix("tasks."))
    for part, instead in GONE.items():
        if name == part or name.startswith(f"{part}."):
            return library.Gone(f"flowkit.{name}", instead)
    return None
