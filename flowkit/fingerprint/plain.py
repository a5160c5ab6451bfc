"""Tokens of plain values: typed, and such that no token is the beginning of another.

Guarantees: `1`, `1.0`, `True`, `"1"` and `b"1"` all differ, as do `0.0` and `-0.0`; every `nan` is the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha256
from typing import Any


class NoValueError(Exception):
    """Something has no value to be encoded; the message is the reason, for people."""


_LONG = 512
_double = struct.Struct(">d").pack
_NAN = b"f" + _double(float("nan"))


def composite(kind: bytes, *parts: bytes) -> bytes:
    """The token of what is made of tokens; `kind` has no `;` in it."""
    return b"#" + sha256(kind + b";" + b"".join(parts)).digest()


def text(value: str) -> bytes:
    """The token of a text."""
    try:
        data = value.encode()
    except UnicodeEncodeError:
        data = value.encode("utf-8", "surrogatepass")
    return b"s%d;" % len(data) + data if len(data) < _LONG else b"S" + sha256(data).digest()


def raw(value: bytes) -> bytes:
    """The token of some bytes."""
    return b"b%d;" % len(value) + value if len(value) < _LONG else b"B" + sha256(value).digest()


def _whole(value: int) -> bytes:
    return b"i%x;" % value


def _real(value: float) -> bytes:
    return b"f" + _double(value) if value == value else _NAN


def _complex(value: complex) -> bytes:
    return b"c" + _real(value.real) + _real(value.imag)


LEAVES: dict[type, Callable[[Any], bytes]] = {
    str: text,
    int: _whole,
    float: _real,
    bool: lambda value: b"T" if value else b"F",
    type(None): lambda value: b"N",
    bytes: raw,
    complex: _complex,
    type(...): lambda value: b"E",
    type(NotImplemented): lambda value: b"I",
}
"""The token of a value by its very type; a subclass is another type."""
