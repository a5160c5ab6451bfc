"""Where results are written, for others to read, and how."""

from flowkit.store.buckets import AzureResult, GCSResult, S3Result
from flowkit.store.local_result import LocalResult
from flowkit.store.locations import ConstantResult, PrefectResult, Result, SecretResult
from flowkit.store.serializers import (
    CompressedSerializer,
    DateTimeSerializer,
    JSONSerializer,
    PandasSerializer,
    PickleSerializer,
    Serializer,
)

__all__ = [
    "AzureResult",
    "CompressedSerializer",
    "ConstantResult",
    "DateTimeSerializer",
    "GCSResult",
    "JSONSerializer",
    "LocalResult",
    "PandasSerializer",
    "PickleSerializer",
    "PrefectResult",
    "Result",
    "S3Result",
    "SecretResult",
    "Serializer",
]
