"""How a value becomes bytes, where a user says where results are written.

Source of the vocabulary: Prefect classic, 14.6. What the history keeps is pickled by its own rules.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import json
import lzma
import pickle
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from io import BytesIO
from typing import Any

from flowkit.errors import DefinitionError, UsageError

_FORMATS = {module.__name__: module for module in (bz2, gzip, lzma, zlib)}


class Serializer:
    """Makes bytes of values and values of bytes; two of one class with the same options are equal.

    Attributes:
        is_code: whether who writes the bytes can have code run when they are read; it is so unless a class
            says otherwise, as one of the user's own may unpickle.
    """

    is_code = True

    def serialize(self, value: Any) -> bytes:
        """The bytes of a value."""
        raise NotImplementedError

    def deserialize(self, value: bytes) -> Any:
        """The value of some bytes."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = object.__hash__


class PickleSerializer(Serializer):
    """Any value that can be pickled: by `cloudpickle`, where `pickle` cannot and that is installed."""

    def serialize(self, value: Any) -> bytes:
        """The pickle of a value."""
        try:
            return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            try:
                cloudpickle = importlib.import_module("cloudpickle")
            except ImportError:
                hint = "`pip install cloudpickle` lets functions and classes of a script be pickled too"
                raise UsageError(f"{type(error).__name__}: {error}", hints=(hint,)) from None
            return bytes(cloudpickle.dumps(value))

    def deserialize(self, value: bytes) -> Any:
        """The value of a pickle."""
        return pickle.loads(value)


class JSONSerializer(Serializer):
    """What JSON knows."""

    is_code = False

    def serialize(self, value: Any) -> bytes:
        """The JSON of a value."""
        return json.dumps(value).encode()

    def deserialize(self, value: bytes) -> Any:
        """The value of some JSON."""
        return json.loads(value)


class DateTimeSerializer(Serializer):
    """Times, in ISO 8601."""

    is_code = False

    def serialize(self, value: Any) -> bytes:
        """The text of a `datetime`, or of text that is one."""
        return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).isoformat().encode()

    def deserialize(self, value: bytes) -> Any:
        """The `datetime` of a text."""
        return datetime.fromisoformat(value.decode())


class PandasSerializer(Serializer):
    """Frames of pandas, by its own readers and writers.

    Args:
        file_type: `csv`, `parquet`, …: for `read_csv` and `to_csv`.
        deserialize_kwargs, serialize_kwargs: for those.
    """

    def __init__(
        self,
        file_type: str,
        deserialize_kwargs: Mapping[str, Any] | None = None,
        serialize_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.file_type = file_type
        self.deserialize_kwargs = dict(deserialize_kwargs or {})
        self.serialize_kwargs = dict(serialize_kwargs or {})

    @property
    def is_code(self) -> bool:  # type: ignore[override]
        """Pickles are code here too, and HDF may have some in it."""
        return self.file_type in ("pickle", "hdf")

    def serialize(self, value: Any) -> bytes:
        """The bytes of a frame."""
        write = getattr(value, f"to_{self.file_type}", None)
        if write is None:
            raise ValueError(f"`{type(value).__name__}` cannot be written as `{self.file_type}`")
        buffer = BytesIO()
        write(buffer, **self.serialize_kwargs)
        return buffer.getvalue()

    def deserialize(self, value: bytes) -> Any:
        """The frame of some bytes."""
        pandas = importlib.import_module("pandas")  # who has written a frame has it
        return getattr(pandas, f"read_{self.file_type}")(BytesIO(value), **self.deserialize_kwargs)


class CompressedSerializer(Serializer):
    """The bytes of another serializer, compressed.

    Args:
        format: `bz2`, `gzip`, `lzma` or `zlib`; else give `compress` and `decompress`.

    Raises:
        DefinitionError: neither of both, or an unknown format.
    """

    def __init__(
        self,
        serializer: Serializer,
        format: str | None = None,
        compress: Callable[..., bytes] | None = None,
        decompress: Callable[..., bytes] | None = None,
        compress_kwargs: Mapping[str, Any] | None = None,
        decompress_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if format is None and (compress is None or decompress is None):
            raise DefinitionError("`CompressedSerializer` takes a `format`, or `compress` and `decompress`")
        if format is not None and format not in _FORMATS:
            raise DefinitionError(
                f"there is no compression `{format}`", hints=(f"there are {', '.join(_FORMATS)}",)
            )
        module: Any = _FORMATS.get(format or "")
        self._serializer = serializer
        self._compress = compress or module.compress
        self._decompress = decompress or module.decompress
        self._compress_kwargs = dict(compress_kwargs or {})
        self._decompress_kwargs = dict(decompress_kwargs or {})

    @property
    def is_code(self) -> bool:  # type: ignore[override]
        """As what is compressed."""
        return self._serializer.is_code

    def serialize(self, value: Any) -> bytes:
        """The compressed bytes of a value."""
        return self._compress(self._serializer.serialize(value), **self._compress_kwargs)

    def deserialize(self, value: bytes) -> Any:
        """The value of compressed bytes."""
        return self._serializer.deserialize(self._decompress(value, **self._decompress_kwargs))
