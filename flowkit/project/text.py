"""Types and values as people write them, the same on every machine."""

from __future__ import annotations

import types
import typing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

_LONGEST = 200
_PLAIN = (PurePath, date, time, timedelta, Decimal, UUID)


def type_text(annotation: Any) -> str:
    """`int`, `Path`, `list[int]`, `Literal['a', 'b']`, `int | None`."""
    if isinstance(annotation, str):
        return annotation
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is ...:
        return "..."
    if isinstance(annotation, typing.TypeVar):
        return annotation.__name__
    origin = typing.get_origin(annotation)
    if origin is None:
        return getattr(annotation, "__qualname__", None) or str(annotation).removeprefix("typing.")
    return _generic_text(origin, typing.get_args(annotation))


def _generic_text(origin: Any, arguments: tuple[Any, ...]) -> str:
    if origin is typing.Annotated:
        return type_text(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " | ".join(type_text(each) for each in arguments)
    if origin is typing.Literal:
        return f"Literal[{', '.join(_literal_text(each) for each in arguments)}]"
    if isinstance(arguments[0], list):  # Callable[[int], str]
        inner = f"[{', '.join(type_text(each) for each in arguments[0])}], {type_text(arguments[1])}"
    else:
        inner = ", ".join(type_text(each) for each in arguments)
    return f"{getattr(origin, '__name__', str(origin))}[{inner}]"


def _literal_text(value: Any) -> str:
    return str(value) if isinstance(value, Enum) else repr(value)


def value_text(value: Any, root: str) -> str:
    """`5`, `'csv'`, `flows/data.csv`, `2026-01-31`; one line, without the project's root.

    What cannot be said in a line, or would differ between two processes, is `<type>`.
    """
    try:
        text = _raw_text(value)
    except Exception:  # a user's `__repr__`
        return f"<{type(value).__name__}>"
    text = "." if text == root else text.replace(f"{root}/", "")
    if len(text) > _LONGEST or not text.isprintable() or " at 0x" in text:
        return f"<{type(value).__name__}>"
    return text


def _raw_text(value: Any) -> str:
    match value:
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case datetime():
            return value.isoformat()
        case _ if isinstance(value, _PLAIN):
            return str(value)
        case set() | frozenset() if value:  # in an order that does not change with the hash seed
            return f"{{{', '.join(sorted(map(_raw_text, value)))}}}"
        case list() if type(value) is list:
            return f"[{', '.join(map(_raw_text, value))}]"
        case tuple() if type(value) is tuple:
            return f"({', '.join(map(_raw_text, value))}{',' if len(value) == 1 else ''})"
        case dict() if type(value) is dict:
            pairs = (f"{_raw_text(key)}: {_raw_text(each)}" for key, each in value.items())
            return f"{{{', '.join(pairs)}}}"
        case _:
            return repr(value)
