"""Digests of values, for the keys of a cache.

Guarantees: those of `encoding`; a path is worth what lies there; a function or a class of the project inside
a value is worth its code.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from types import FunctionType
from typing import Any

from flowkit.fingerprint import files, origin
from flowkit.fingerprint.encoding import Encoder
from flowkit.fingerprint.origin import Origin
from flowkit.fingerprint.plain import LEAVES, composite, raw, text
from flowkit.fingerprint.tracer import Tracer

SIZE = 32
"""Bytes of a digest."""


def digest(value: Any, *, name: str = "value", tracer: Tracer | None = None, content: bool = True) -> bytes:
    """The fingerprint of a value: 32 bytes, the same for equal values of equal types.

    `1`, `1.0`, `True` and `"1"` differ; the order of a dict or of a set does not count.

    Args:
        name: what messages call the value.
        content: whether a path counts by what lies there; else by its name.
        tracer: knows the code of classes and functions already; it says what the root of the project is.

    Raises:
        UndigestibleError: something inside has no value that can be compared.
    """
    plain = LEAVES.get(type(value))
    return sha256(plain(value) if plain is not None else _Values(name, tracer, content).token(value)).digest()


def combine(*parts: bytes) -> bytes:
    """One digest of several, or of any bytes; the order and the number count."""
    return sha256(b"".join(map(raw, parts))).digest()


class _Values(Encoder):
    """Encodes one value."""

    def __init__(self, name: str, tracer: Tracer | None, content: bool) -> None:
        super().__init__(name)
        self._content = content
        self._tracer = tracer

    def code(self, value: Any) -> bytes:
        if isinstance(value, type) and origin.of_class(value) is not Origin.PROJECT:
            return composite(b"named", text(value.__module__), text(value.__qualname__))
        if self._tracer is None:
            self._tracer = Tracer()
        if isinstance(value, type | FunctionType):
            return self._tracer.worth(value)
        return composite(b"module", text(origin.said(value.__name__)), self._tracer.code_of(value).digest)

    def path(self, value: Path) -> bytes:
        root = self._tracer.root if self._tracer is not None else None
        return files.by_content(value, root) if self._content else files.by_place(value, root)
