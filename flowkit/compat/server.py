"""What talked to a server of Prefect classic: it takes what it took, says once what it would have done, and
does nothing.

Source of the names and arguments: Prefect 1.4.1 (20.13, 20.19).
"""

from __future__ import annotations

import uuid
from typing import Any

from flowkit.compat.exceptions import AuthorizationError, ClientError, ObjectNotFoundError
from flowkit.compat.kept import Kept, as_set, names
from flowkit.compat.views import FlowRunView, FlowView, TaskRunView, TenantView
from flowkit.flow.warning import say_once

__all__ = [
    "Agent",
    "AuthorizationError",
    "Client",
    "ClientError",
    "DockerAgent",
    "ECSAgent",
    "FlowRunView",
    "FlowView",
    "KubernetesAgent",
    "LocalAgent",
    "ObjectNotFoundError",
    "TaskRunView",
    "TenantView",
    "VertexAgent",
]


class Client(Kept):
    """The client of a server: each of its methods says what it would have asked for."""

    takes = names("api_server api_key tenant_id")

    def register(self, flow: Any, project_name: str | None = None, **options: Any) -> str:
        """Register a flow, in the project at hand."""
        return str(flow.register(project_name=project_name))

    def graphql(self, query: Any, *args: Any, **options: Any) -> dict[str, Any]:
        """An answer without data."""
        say_once("`Client.graphql` would have asked a server; `flowkit runs --json` tells of runs here.")
        return {"data": {}}

    def create_flow_run(self, *args: Any, **options: Any) -> str:
        """An id that no run has."""
        say_once(
            "`Client.create_flow_run` would have asked a server for a run; "
            "`flowkit.tasks.prefect.create_flow_run` starts a registered flow here."
        )
        return str(uuid.uuid4())

    def create_project(self, project_name: str, project_description: str | None = None) -> str:
        """An id that no project has: a project is a folder."""
        say_once(f"The project `{project_name}` would have been made on a server; here it is the folder.")
        return str(uuid.uuid4())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def nothing(*args: Any, **options: Any) -> None:
            say_once(f"`Client.{name}` would have asked a server; flowkit has none.")

        return nothing


class Agent(Kept):
    """What waited for runs to start on its machine."""

    labels: Any

    takes = names("agent_config_id name labels env_vars max_polls agent_address no_cloud_logs")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.labels = as_set(self.labels)

    def start(self) -> None:
        """Return at once."""
        say_once(
            f"`{type(self).__name__}.start` would have waited for a server's runs; "
            "`flowkit serve` runs flows at their times."
        )


class LocalAgent(Agent):
    takes = names(
        "agent_config_id name labels env_vars import_paths show_flow_logs hostname_label max_polls"
        " agent_address no_cloud_logs",
        show_flow_logs=False,
        hostname_label=True,
    )


class DockerAgent(Agent):
    takes = names(
        "agent_config_id name labels env_vars max_polls agent_address no_cloud_logs base_url no_pull volumes"
        " show_flow_logs networks reg_allow_list docker_client_timeout",
        show_flow_logs=False,
    )


class KubernetesAgent(Agent):
    takes = names(
        "agent_config_id namespace service_account_name image_pull_secrets job_template_path name labels"
        " env_vars max_polls agent_address no_cloud_logs volume_mounts volumes delete_finished_jobs",
        delete_finished_jobs=True,
    )


class ECSAgent(Agent):
    takes = names(
        "agent_config_id name labels env_vars max_polls agent_address no_cloud_logs task_definition_path"
        " run_task_kwargs_path aws_access_key_id aws_secret_access_key aws_session_token region_name cluster"
        " launch_type task_role_arn execution_role_arn botocore_config"
    )


class VertexAgent(Agent):
    takes = names(
        "project region_name service_account agent_config_id name labels env_vars max_polls agent_address"
        " no_cloud_logs"
    )


def _artifact(what: str, content: str) -> str:
    say_once(f"An artifact, {what}, would have been sent to a server; print it, and `flowkit logs` has it.")
    return str(uuid.uuid4())


def create_link(link: str) -> str:
    """An id that no artifact has."""
    return _artifact("a link", link)


def create_markdown(markdown: str) -> str:
    """An id that no artifact has."""
    return _artifact("a text", markdown)


def update_link(task_run_artifact_id: str, link: str) -> None:
    """Nothing is there to be changed."""
    _artifact("a link", link)


def update_markdown(task_run_artifact_id: str, markdown: str) -> None:
    """Nothing is there to be changed."""
    _artifact("a text", markdown)


def delete_artifact(task_run_artifact_id: str) -> None:
    """Nothing is there to be deleted."""


create_link_artifact, create_markdown_artifact = create_link, create_markdown
update_link_artifact, update_markdown_artifact = update_link, update_markdown

_NO_STORE = "flowkit has no key-value store; a file, or SQLite, keeps values between runs"


def set_key_value(key: str, value: Any) -> str:
    """Raises: there is no server that would keep it."""
    raise ClientError(_NO_STORE)


def get_key_value(key: str) -> Any:
    """Raises: there is no server that would have it."""
    raise ClientError(_NO_STORE)


def delete_key(key: str) -> bool:
    """Raises: there is no server that would have it."""
    raise ClientError(_NO_STORE)


def list_keys() -> list[str]:
    """Raises: there is no server that would have some."""
    raise ClientError(_NO_STORE)


class EnumValue:
    """A word of a query that stands without quotes."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return self.value


def with_args(gql_object: Any, arguments: Any) -> str:
    """A field of a query with its arguments, as text."""
    return f"{gql_object}({', '.join(f'{name}: {value!r}' for name, value in dict(arguments).items())})"


def parse_graphql(document: Any) -> str:
    """A query, as text."""
    return str(document)
