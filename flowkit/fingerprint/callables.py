"""How what wraps functions is encoded: methods, descriptors, caches, dispatchers.

Guarantees: what was cached or dispatched so far does not count, only what would be called.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import BuiltinFunctionType, MethodType
from typing import Any

from flowkit.fingerprint.plain import composite, text
from flowkit.fingerprint.walk import Steps


def _method(value: MethodType) -> Steps:
    function = yield "", value.__func__
    return composite(b"method", function, (yield ".__self__", value.__self__))


def _static(value: staticmethod[Any, Any] | classmethod[Any, Any, Any]) -> Steps:
    return composite(type(value).__name__.encode(), (yield "", value.__func__))


def _property(value: property) -> Steps:
    get = yield ".fget", value.fget
    put = yield ".fset", value.fset
    return composite(b"property", get, put, (yield ".fdel", value.fdel))


def _cached_property(value: functools.cached_property[Any]) -> Steps:
    return composite(b"cached_property", (yield "", value.func))


def _partial_method(value: functools.partialmethod[Any]) -> Steps:
    function = yield "", value.func
    args = yield ".args", value.args
    return composite(b"partialmethod", function, args, (yield ".keywords", value.keywords))


def _dispatch_method(value: functools.singledispatchmethod[Any]) -> Steps:
    return composite(b"dispatchmethod", (yield "", value.dispatcher))


def _cached(value: Any) -> Steps:
    """The function behind `functools.lru_cache`, and how the cache is kept."""
    typed = yield ".cache_parameters", value.cache_parameters().get("typed")
    return composite(b"cached", typed, (yield "", value.__wrapped__))


def _of_c(value: BuiltinFunctionType) -> Steps:
    """What is written in C counts by its name, and by the module or the object that it is of."""
    owner = value.__self__ if value.__self__ is not None else sys.modules.get(value.__module__ or "")
    return composite(b"c", text(value.__qualname__), (yield ".__self__", owner))


EXACT: dict[type, Callable[[Any], Steps]] = {
    MethodType: _method,
    staticmethod: _static,
    classmethod: _static,
    property: _property,
    functools.cached_property: _cached_property,
    functools.partialmethod: _partial_method,
    functools.singledispatchmethod: _dispatch_method,
    functools._lru_cache_wrapper: _cached,
    BuiltinFunctionType: _of_c,
}
"""How a wrapper of this very type is encoded."""
