"""Where users say that results are written: a folder, a bucket, for others to read.

Source of the vocabulary: Prefect classic, 14.1 to 14.5. This is beside the history, which keeps results by
itself. Guarantees of `LocalResult`: a file is there whole or not; it is 0600; one that others could have
written is not unpickled.
"""

from __future__ import annotations

import copy
import importlib
import os
import stat
import tempfile
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from flowkit.errors import DefinitionError, HistoryError, UsageError
from flowkit.store.serializers import DateTimeSerializer, JSONSerializer, PickleSerializer, Serializer

Location = str | Callable[..., str]


class Result:
    """A value, and the place that it is written to; this base class has no place.

    Args:
        value: what is, or was, written.
        location: a name, a template of one (`"{flow_name}/{x}.csv"`), or a function of the same names.
        serializer: default: pickle.
    """

    is_place = True  # a state that has one gives the value in it

    def __init__(
        self, value: Any = None, location: Location | None = None, serializer: Serializer | None = None
    ) -> None:
        self.value = value
        self._template = location
        self.location = location if isinstance(location, str) else None
        self.serializer = serializer or PickleSerializer()

    @property
    def default_location(self) -> str:
        """A name that no other result has."""
        now = datetime.now(UTC)
        return f"{now:%Y/%-m/%-d}/{uuid.uuid4()}.prefect_result"

    @property
    def template(self) -> Location | None:
        """The location as it was given."""
        return self._template

    def at(self, location: Location | None) -> Self:
        """The same place with another name in it; None: one that no other result has."""
        new = self.copy()
        new._template = location
        new.location = location if isinstance(location, str) else None
        return new

    def copy(self) -> Self:
        """A shallow copy."""
        return copy.copy(self)

    def from_value(self, value: Any) -> Self:
        """A copy that has a value, and no name yet."""
        new = self.copy()
        new.location, new.value = None, value
        return new

    def format(self, **kwargs: Any) -> Self:
        """A copy whose name is made from these."""
        new = self.copy()
        template = self._template
        if callable(template):
            new.location = template(**kwargs)
        else:
            new.location = template.format(**kwargs) if template is not None else self.default_location
        return new

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Whether something lies there."""
        raise _nowhere()

    def read(self, location: str) -> Self:
        """A copy with what lies there."""
        raise _nowhere()

    def write(self, value_: Any, **kwargs: Any) -> Self:
        """Write a value; returns a copy with it and its location."""
        raise _nowhere()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.value!r}>"


class _Bytes(Result):
    """A place for bytes; what is missing is how they get there."""

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Whether something lies there."""
        return self._has(location.format(**kwargs) if kwargs else location)

    def read(self, location: str) -> Self:
        """A copy with what lies there."""
        new = self.copy()
        new.location = location
        new.value = self.serializer.deserialize(self._get(location))
        return new

    def write(self, value_: Any, **kwargs: Any) -> Self:
        """Write a value; returns a copy with it and its location."""
        new = self.format(**kwargs)
        new.value = value_
        assert new.location is not None
        new.location = self._put(new.location, self.serializer.serialize(value_))
        return new

    def _has(self, location: str) -> bool:
        raise NotImplementedError

    def _get(self, location: str) -> bytes:
        raise NotImplementedError

    def _put(self, location: str, data: bytes) -> str:
        raise NotImplementedError


class LocalResult(_Bytes):
    """Files below a folder.

    Args:
        dir: default: `~/.flowkit/results`.
        validate_dir: refuse a folder that cannot be made.

    Raises:
        DefinitionError: the folder cannot be.
    """

    def __init__(
        self,
        dir: str | os.PathLike[str] | None = None,
        validate_dir: bool = True,
        value: Any = None,
        location: Location | None = None,
        serializer: Serializer | None = None,
    ) -> None:
        super().__init__(value, location, serializer)
        folder = (
            Path(dir).expanduser().absolute() if dir is not None else Path.home() / ".flowkit" / "results"
        )
        if validate_dir and dir is not None:
            nearest = next(each for each in (folder, *folder.parents) if each.exists())
            if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
                raise DefinitionError(f"the folder `{folder}` of a `LocalResult` cannot be written to")
        self.dir = str(folder)

    @property
    def default_location(self) -> str:
        """A name by the time, to the microsecond."""
        return f"prefect-result-{datetime.now(UTC):%Y-%m-%dt%H-%M-%S-%f}-{uuid.uuid4().hex[:4]}"

    def _path(self, location: str) -> Path:
        return Path(self.dir, location)

    def _has(self, location: str) -> bool:
        return self._path(location).exists()

    def _get(self, location: str) -> bytes:
        path = self._path(location)
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            theirs = found.st_uid not in (os.getuid(), 0) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if self.serializer.is_code and theirs:
                raise HistoryError(
                    f"`{path}` is not unpickled, as others could have written it",
                    hints=(f"`chmod go-w {path}` where you trust it, or use `JSONSerializer`",),
                )
            return file.read()

    def _put(self, location: str, data: bytes) -> str:
        path = self._path(location)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return str(path)


class PrefectResult(Result):
    """A value as its own location, in JSON."""

    def __init__(
        self, value: Any = None, location: Location | None = None, serializer: Serializer | None = None
    ) -> None:
        if serializer is not None and not isinstance(serializer, JSONSerializer | DateTimeSerializer):
            raise DefinitionError("a `PrefectResult` is JSON; it takes no other serializer")
        super().__init__(value, location, serializer or JSONSerializer())

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Whether that is JSON."""
        try:
            self.read(location)
        except ValueError:
            return False
        return True

    def read(self, location: str) -> Self:
        """A copy with what the location says."""
        new = self.copy()
        new.location, new.value = location, self.serializer.deserialize(location.encode())
        return new

    def write(self, value_: Any, **kwargs: Any) -> Self:
        """A copy whose location is the value."""
        new = self.copy()
        new.value, new.location = value_, self.serializer.serialize(value_).decode()
        return new


class ConstantResult(Result):
    """A value that is there already."""

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Always."""
        return True

    def read(self, location: str) -> Self:
        """Itself."""
        return self

    def write(self, value_: Any, **kwargs: Any) -> Self:
        """Refuse.

        Raises:
            UsageError: a constant is not written.
        """
        raise UsageError("a `ConstantResult` has its value already; nothing is written to it")


class SecretResult(Result):
    """The result of a task that gives a secret: never written, read by running the task again."""

    def __init__(self, secret_task: Any, **kwargs: Any) -> None:
        super().__init__(location=secret_task.name, **kwargs)
        self.secret_task = secret_task

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Always: the task can be run."""
        return True

    def read(self, location: str) -> Self:
        """A copy with the secret."""
        new = self.copy()
        new.value = self.secret_task.run(name=location)
        return new

    def write(self, value_: Any, **kwargs: Any) -> Self:
        """Refuse.

        Raises:
            UsageError: a secret is not written.
        """
        raise UsageError("a `SecretResult` is never written")


class _Remote(_Bytes):
    """Files of a bucket, by way of fsspec."""

    def _url(self, location: str) -> str:
        raise NotImplementedError

    def _options(self) -> dict[str, Any]:
        return {}

    def _open(self, location: str, mode: str) -> Any:
        return _fsspec().open(self._url(location), mode, **self._options())

    def _has(self, location: str) -> bool:
        files, path = _fsspec().core.url_to_fs(self._url(location), **self._options())
        return bool(files.exists(path))

    def _get(self, location: str) -> bytes:
        with self._open(location, "rb") as file:
            return bytes(file.read())

    def _put(self, location: str, data: bytes) -> str:
        with self._open(location, "wb") as file:
            file.write(data)
        return location


class S3Result(_Remote):
    """Objects in a bucket of S3.

    Args:
        boto3_kwargs: for the client, as `endpoint_url` and `aws_access_key_id`.
    """

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

    def _url(self, location: str) -> str:
        return f"s3://{self.bucket}/{location}"

    def _options(self) -> dict[str, Any]:
        given = dict(self.boto3_kwargs)
        named = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "aws_session_token": "token"}
        options = {ours: given.pop(theirs) for theirs, ours in named.items() if theirs in given}
        return {**options, **({"client_kwargs": given} if given else {})}


class GCSResult(_Remote):
    """Objects in a bucket of Google Cloud Storage."""

    def __init__(self, bucket: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket

    def _url(self, location: str) -> str:
        return f"gs://{self.bucket}/{location}"


class AzureResult(_Remote):
    """Blobs in a container of Azure.

    Args:
        connection_string: else that of the environment, `AZURE_STORAGE_CONNECTION_STRING`.
    """

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

    def _url(self, location: str) -> str:
        return f"abfs://{self.container}/{location}"

    def _options(self) -> dict[str, Any]:
        found = self._connection_string or os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
        return {"connection_string": found} if found else {}


def _nowhere() -> UsageError:
    return UsageError(
        "a plain `Result` has no place that it could be written to or read from",
        hints=("use `LocalResult(dir=...)`, `S3Result(bucket=...)` or another of `flowkit.results`",),
    )


def _fsspec() -> Any:
    try:
        return importlib.import_module("fsspec")
    except ImportError:
        raise UsageError(
            "results in a bucket need `fsspec`", hints=("`pip install 'flowkit-runner[remote]'`",)
        ) from None
