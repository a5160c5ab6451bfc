"""Where results are written, for others to read, and how."""

from flowkit.store.locations import (
    AzureResult,
    ConstantResult,
    GCSResult,
    LocalResult,
    PrefectResult,
    Result,
    S3Result,
    SecretResult,
)
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
