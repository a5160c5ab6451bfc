"""Results in a bucket, by way of fsspec, which is an extra.

A name is handed to the file system of the bucket as it is, never as a URL, in which fsspec reads more than a
name. Who may write to a bucket can have code run where a pickle is read from it: flowkit cannot see who that
is, so a bucket that others write to wants a serializer that is no pickle.

Source of the vocabulary: Prefect classic, 14.5.
"""

from __future__ import annotations

import importlib
import os
from typing import Any, ClassVar

from flowkit.errors import UsageError
from flowkit.store.locations import BytesResult

_OF_BOTO3 = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "aws_session_token": "token"}


class _Bucket(BytesResult):
    protocol: ClassVar[str]

    def _name(self) -> str:
        raise NotImplementedError

    def _place(self) -> str:
        return f"the bucket `{self._name()}`"

    def _options(self) -> dict[str, Any]:
        """For the file system of fsspec."""
        return {}

    def _uploading(self) -> dict[str, Any]:
        """For each object that is written."""
        return {}

    def _files(self) -> Any:
        try:
            fsspec = importlib.import_module("fsspec")
        except ImportError:
            raise UsageError(
                "results in a bucket need `fsspec`", hints=("`pip install 'flowkit-runner[remote]'`",)
            ) from None
        return fsspec.filesystem(self.protocol, **self._options())

    def _path(self, location: str) -> str:
        return f"{self._name()}/{location}"

    def _has(self, location: str) -> bool:
        return bool(self._files().exists(self._path(location)))

    def _get(self, location: str) -> bytes:
        return bytes(self._files().cat_file(self._path(location)))

    def _put(self, location: str, data: bytes) -> str:
        # At once: a file that is opened, and closed as writing fails, would leave a part of it there.
        self._files().pipe_file(self._path(location), data, **self._uploading())
        return location


class S3Result(_Bucket):
    """Objects in a bucket of S3.

    Args:
        boto3_kwargs: for the client, as `endpoint_url` and `aws_access_key_id`.
        upload_options: for each object, as `ServerSideEncryption`.
    """

    protocol = "s3"

    def __init__(
        self,
        bucket: str,
        boto3_kwargs: dict[str, Any] | None = None,
        upload_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.boto3_kwargs = dict(boto3_kwargs or {})
        self.upload_options = dict(upload_options or {})

    def _name(self) -> str:
        return self.bucket

    def _options(self) -> dict[str, Any]:
        given = dict(self.boto3_kwargs)
        options = {ours: given.pop(theirs) for theirs, ours in _OF_BOTO3.items() if theirs in given}
        return {**options, **({"client_kwargs": given} if given else {})}

    def _uploading(self) -> dict[str, Any]:
        return self.upload_options


class GCSResult(_Bucket):
    """Objects in a bucket of Google Cloud Storage."""

    protocol = "gs"

    def __init__(self, bucket: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket

    def _name(self) -> str:
        return str(self.bucket)


class AzureResult(_Bucket):
    """Blobs in a container of Azure.

    Args:
        connection_string: else the secret of flowkit that `connection_string_secret` names, else that of the
            environment, `AZURE_STORAGE_CONNECTION_STRING`.
    """

    protocol = "abfs"

    def __init__(
        self,
        container: str,
        connection_string: str | None = None,
        connection_string_secret: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.container = container
        self.connection_string_secret = connection_string_secret
        self._connection_string = connection_string

    def _name(self) -> str:
        return self.container

    def _options(self) -> dict[str, Any]:
        found = self._connection_string
        if found is None and self.connection_string_secret is not None:
            # By the package's front door, as the store knows nothing of runs and their secrets.
            found = importlib.import_module("flowkit").Secret(self.connection_string_secret).get()
        found = found or os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
        return {"connection_string": found} if found else {}
