"""What came before the run configurations of Prefect classic, until 0.15."""

from __future__ import annotations

from typing import Any

from flowkit.compat.kept import Kept, as_set, names


class Environment(Kept):
    """Base of all environments."""

    takes = names("labels on_start on_exit metadata logger")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.labels = as_set(vars(self).get("labels"))


class LocalEnvironment(Environment):
    takes = names("executor labels on_start on_exit metadata")


class DaskKubernetesEnvironment(Environment):
    takes = names(
        "min_workers max_workers work_stealing_enabled scheduler_logs private_registry docker_secret labels"
        " on_start on_exit metadata scheduler_spec_file worker_spec_file image_pull_secret log_k8s_errors",
        min_workers=1,
        max_workers=2,
    )


class DaskCloudProviderEnvironment(Environment):
    takes = names(
        "provider_class adaptive_min_workers adaptive_max_workers security executor_kwargs labels on_execute"
        " on_start on_exit metadata"
    )


class KubernetesJobEnvironment(Environment):
    takes = names("job_spec_file unique_job_name executor labels on_start on_exit metadata")


class FargateTaskEnvironment(Environment):
    takes = names(
        "launch_type aws_access_key_id aws_secret_access_key aws_session_token region_name executor"
        " executor_kwargs labels on_start on_exit metadata",
        launch_type="FARGATE",
    )


class RemoteEnvironment(Environment):
    takes = names("executor executor_kwargs labels on_start on_exit metadata")


class RemoteDaskEnvironment(Environment):
    takes = names("address security executor_kwargs labels on_start on_exit metadata")
