"""Where Prefect classic kept flows for its agents; flowkit runs the file itself.

Source of the arguments: Prefect 1.4.1 (20.17).
"""

from __future__ import annotations

from typing import Any

from flowkit.compat.kept import Kept, as_set, names
from flowkit.flow.flow import Flow


class Storage(Kept):
    """Base of all storage.

    Attributes:
        flows: where each flow that was added lies, by its name.
    """

    labels: Any
    secrets: Any
    path: Any

    takes = names("result secrets labels add_default_labels stored_as_script", stored_as_script=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        common = names(
            "result secrets labels add_default_labels stored_as_script path", stored_as_script=False
        )
        vars(self).update({name: value for name, value in common.items() if name not in vars(self)})
        self.labels = as_set(self.labels)
        self.secrets = list(self.secrets or ())
        self.flows: dict[str, str] = {}
        self._flows: dict[str, Flow] = {}

    def add_flow(self, flow: Flow) -> str:
        """Keep a flow; returns where it lies."""
        self._flows[flow.name] = flow
        self.flows[flow.name] = found = str(self.path or flow.source or flow.name)
        return found

    def get_flow(self, flow_name: str) -> Flow:
        """A flow that was added.

        Raises:
            ValueError: it was not.
        """
        if flow_name not in self._flows:
            raise ValueError(f"the flow `{flow_name}` is not contained in this storage")
        return self._flows[flow_name]

    def build(self) -> Storage:
        """Nothing has to be built."""
        return self

    @property
    def name(self) -> str:
        """The name of the storage: in the image of a `Docker`, say."""
        return type(self).__name__

    @property
    def default_labels(self) -> list[str]:
        """Labels that this storage would have had by itself."""
        return []

    def __contains__(self, flow: object) -> bool:
        return flow in self.flows


class Azure(Storage):
    takes = names(
        "container connection_string_secret blob_name overwrite stored_as_script",
        overwrite=False,
        stored_as_script=False,
    )


class Bitbucket(Storage):
    takes = names(
        "project repo workspace host path ref access_token_secret cloud_username_secret"
        " cloud_app_password_secret"
    )


class CodeCommit(Storage):
    takes = names("repo path commit client_options")


class Docker(Storage):
    takes = names(
        "registry_url base_image dockerfile dockerignore python_dependencies image_name image_tag env_vars"
        " files prefect_version local_image ignore_healthchecks base_url tls_config build_kwargs"
        " prefect_directory path stored_as_script extra_dockerfile_commands",
        local_image=False,
        ignore_healthchecks=False,
        tls_config=False,
        prefect_directory="/opt/prefect",
        stored_as_script=False,
    )


class GCS(Storage):
    takes = names("bucket key project stored_as_script local_script_path", stored_as_script=False)


class Git(Storage):
    takes = names(
        "flow_path repo repo_host flow_name git_token_secret_name git_token_username"
        " git_clone_url_secret_name branch_name tag commit clone_depth use_ssh format_access_token",
        repo_host="github.com",
        clone_depth=1,
        use_ssh=False,
        format_access_token=True,
    )


class GitHub(Storage):
    takes = names("repo path ref access_token_secret base_url")


class GitLab(Storage):
    takes = names("repo host path ref access_token_secret")


class Local(Storage):
    takes = names("directory validate path stored_as_script", validate=True, stored_as_script=False)


class Module(Storage):
    takes = names("module")


class S3(Storage):
    takes = names(
        "bucket key stored_as_script local_script_path client_options upload_options", stored_as_script=False
    )


class Webhook(Storage):
    takes = names(
        "build_request_kwargs build_request_http_method get_flow_request_kwargs get_flow_request_http_method"
        " stored_as_script flow_script_path",
        stored_as_script=False,
    )


def get_default_storage_class() -> type[Storage]:
    """The storage of a flow that names none."""
    return Local
