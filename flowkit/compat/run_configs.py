"""What Prefect classic told its agents of a flow; flowkit runs it here.

Source of the arguments: Prefect 1.4.1 (20.18).
"""

from __future__ import annotations

from typing import Any

from flowkit.compat.kept import Kept, as_set, names


class RunConfig(Kept):
    """Base of all run configurations."""

    labels: Any

    takes = names("env labels")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.labels = as_set(self.labels)


class UniversalRun(RunConfig):
    """For any agent."""


class LocalRun(RunConfig):
    takes = names("env working_dir labels")


class DockerRun(RunConfig):
    takes = names("image env labels ports host_config")


class KubernetesRun(RunConfig):
    takes = names(
        "job_template_path job_template image env cpu_limit cpu_request memory_limit memory_request"
        " service_account_name image_pull_secrets labels image_pull_policy"
    )


class ECSRun(RunConfig):
    takes = names(
        "task_definition task_definition_path task_definition_arn image env cpu memory task_role_arn"
        " execution_role_arn run_task_kwargs labels"
    )


class VertexRun(RunConfig):
    takes = names(
        "env labels image machine_type scheduling service_account network worker_pool_specs",
        machine_type="e2-standard-4",
    )
