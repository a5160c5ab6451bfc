"""Pickling functions and classes as they are, where another process cannot find them by name."""

from __future__ import annotations

import io
from collections import ChainMap
from collections.abc import Callable
from types import CodeType
from typing import Any

import cloudpickle

_KNOWN = cloudpickle.Pickler.dispatch_table


def _code(code: CodeType) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    made, arguments = _KNOWN[CodeType](code)
    return made, tuple([code.co_filename if each == "<dynamic-code>" else each for each in arguments])


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Keeps the files of functions, which cloudpickle leaves out: tracebacks are to show the user's lines."""

    dispatch_table = ChainMap({CodeType: _code}, _KNOWN)


def dumps(value: Any, protocol: int, buffer_callback: Callable[[Any], Any]) -> bytes:
    """As `pickle.dumps`."""
    with io.BytesIO() as file:
        _Pickler(file, protocol=protocol, buffer_callback=buffer_callback).dump(value)
        return file.getvalue()
