"""How instances of subclasses of the built-in types are encoded.

Guarantees: the class counts, and the attributes that it adds; the content is read by the methods of the
built-in type, never by those of the subclass.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from enum import Enum
from pathlib import PurePath
from typing import Any

from flowkit.fingerprint.objects import derived
from flowkit.fingerprint.plain import composite, text
from flowkit.fingerprint.walk import Steps


def _member(value: Enum) -> Steps:
    cls = yield ".__class__", type(value)
    name = yield ".name", value._name_
    return composite(b"member", cls, name, (yield ".value", value._value_))


def _pure_path(value: PurePath) -> Steps:
    return composite(b"path", text(type(value).__name__), text(str(value)))
    yield


_CONTENT: dict[type, Callable[[Any], Any]] = {
    OrderedDict: lambda value: list(dict.items(value)),
    defaultdict: lambda value: (value.default_factory, dict(dict.items(value))),
    dict: lambda value: dict(dict.items(value)),
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
}

FAMILIES: tuple[tuple[type, Callable[[Any], Steps]], ...] = (
    (PurePath, _pure_path),
    (Enum, _member),
    *((kind, derived(read)) for kind, read in _CONTENT.items()),
)
"""How an instance of a subclass is encoded; the first family that it is of counts."""
