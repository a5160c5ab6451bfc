"""How instances of ordinary classes are encoded: their class, and what their class says is their state.

Guarantees: what a `functools.cached_property` keeps does not count, for it depends on who has looked.
"""

from __future__ import annotations

import copyreg
import functools
import sys
from collections.abc import Callable
from typing import Any, NewType

from flowkit.fingerprint import origin
from flowkit.fingerprint.containers import Tokens, sequence
from flowkit.fingerprint.origin import Origin
from flowkit.fingerprint.plain import NoValueError, composite, text
from flowkit.fingerprint.walk import Steps

_PLAIN_STATE: Any = object.__getstate__
_KEPT_HASHES = frozenset({"_attrs_cached_hash"})


def special(cls: type) -> Callable[[Any], Steps] | None:
    """How instances of `cls` are encoded where they have a way of their own."""
    if isinstance(cls.__dict__.get("__pydantic_fields__"), dict) and hasattr(cls, "__pydantic_private__"):
        return _model
    if cls.__module__ == "zoneinfo" and cls.__name__ == "ZoneInfo":
        return _zone
    if cls is NewType:
        return _new_type
    if hasattr(cls, "run") and any(map(is_ours, cls.__mro__)):
        return _flow if hasattr(cls, "slugs") else _task
    return None


def ordinary(value: Any) -> Steps:
    """An instance by its class and what `pickle` would keep of it, but for what is only kept for speed."""
    cls = type(value)
    if cls.__module__ == "itertools":
        raise NoValueError("an iterator is consumed by who looks")
    # Of an exception those who register something there (tblib, which Dask brings) keep how it was raised.
    reduce = None if isinstance(value, BaseException) else copyreg.dispatch_table.get(cls)
    reduced = reduce(value) if reduce is not None else value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return (yield from _by_name(value, reduced))
    make, args, state, items, entries = (*reduced, None, None, None)[:5]
    parts = yield from _made(make, args)
    if _PLAIN_STATE is cls.__getstate__:
        parts.extend((yield from attributes(cls, state)))
    else:
        parts.append((yield "", state))
    parts.append(composite(b"items", *(yield from sequence(items or ()))))
    parts.append(composite(b"entries", *(yield from sequence(entries or ()))))
    return composite(b"object", *parts)


def _by_name(value: Any, name: str) -> Steps:
    """What `pickle` finds again by its name; an instance of a class of the project by what it is, too."""
    cls = type(value)
    where = str(getattr(value, "__module__", cls.__module__))
    owner = sys.modules.get(where)
    whose = origin.of_module(owner) if owner is not None else Origin.PROJECT
    parts = [text(origin.full_name(where, name)), (yield "", owner if whose is Origin.INSTALLED else None)]
    if whose is Origin.PROJECT and origin.of_class(cls) is Origin.PROJECT:
        parts.append((yield ".__class__", cls))
        parts.extend((yield from attributes(cls, object.__getstate__(value))))
    return composite(b"global", *parts)


def _made(make: Any, args: Any) -> Tokens:
    """The tokens of the class, or of the function that makes the instance, and of the arguments."""
    if getattr(make, "__name__", "") in ("__newobj__", "__newobj_ex__"):
        make, args = args[0], args[1:]
    parts = [(yield ".__class__", make)]
    parts.append((yield "", args))
    return parts


def attributes(cls: type, state: Any) -> Tokens:
    """The tokens of attributes by name, as `object.__getstate__` gives them."""
    if type(state) is tuple and len(state) == 2:
        inner = yield from attributes(cls, state[0])
        return inner + (yield from attributes(cls, state[1]))
    if state is None:
        # It has no attributes yet; that is nothing else than having none that count.
        state = {}
    if type(state) is not dict:
        return [(yield "", state)]
    tokens = []
    for name in sorted(name for name in state if not _is_kept(cls, name)):
        tokens += [text(name), (yield f".{name}", state[name])]
    return [composite(b"attributes", *tokens)]


def _is_kept(cls: type, name: str) -> bool:
    """Whether this attribute is there only once someone has looked at a property."""
    found = next((base.__dict__[name] for base in cls.__mro__ if name in base.__dict__), None)
    return isinstance(found, functools.cached_property) or name in _KEPT_HASHES


def derived(content: Callable[[Any], Any]) -> Callable[[Any], Steps]:
    """Encodes an instance of a subclass: its class, what the built-in type holds, its own attributes."""

    def steps(value: Any) -> Steps:
        cls = yield ".__class__", type(value)
        held = yield "", content(value)
        own = yield from attributes(type(value), object.__getstate__(value))
        return composite(b"derived", cls, held, *own)

    return steps


def _model(value: Any) -> Steps:
    """A pydantic model: its fields, private attributes and extra values; not which of them were given."""
    cls = type(value)
    own = object.__getattribute__
    fields = own(value, "__dict__")
    parts = [(yield ".__class__", cls)]
    for name in sorted(cls.__pydantic_fields__):
        parts += [text(name), (yield f".{name}", fields.get(name))]
    for name in ("__pydantic_private__", "__pydantic_extra__"):
        parts.append((yield "", own(value, name)))
    return composite(b"model", *parts)


def _zone(value: Any) -> Steps:
    """A time zone by its name; `pickle` would also say whether it came from the cache."""
    if value.key is None:
        raise NoValueError("a time zone without a name")
    return composite(b"zone", text(value.key))
    yield


def _new_type(value: Any) -> Steps:
    where = origin.full_name(value.__module__, value.__qualname__)
    return composite(b"newtype", text(where), (yield ".__supertype__", value.__supertype__))


def _task(value: Any) -> Steps:
    """A task of flowkit by what it does: its function, or its class and the attributes that this adds.

    Its policy (name, tags, retries, …) is no part of what it computes.
    """
    run = getattr(value, "run", None)
    if getattr(run, "__self__", None) is not value:
        return composite(b"task", (yield "", run))
    added = dict(getattr(value, "__dict__", {}))
    for name in _slots(type(value)):
        added[name] = getattr(value, name, None)
    cls = yield ".__class__", type(value)
    return composite(b"task", cls, *(yield from attributes(type(value), added)))


def _flow(value: Any) -> Steps:
    """A flow by the function that builds it, or by its tasks and edges."""
    function = getattr(value, "function", None)
    if function is not None:
        return composite(b"flow", (yield "", function))
    tasks, edges = (yield "", dict(value.slugs)), (yield "", value.edges)
    return composite(b"flow", tasks, edges)


def _slots(cls: type) -> list[str]:
    """The slots of the classes that are not flowkit's own."""
    return [
        name
        for base in cls.__mro__
        if not is_ours(base)
        for name in copyreg._slotnames(base)  # type: ignore[attr-defined]
    ]


def is_ours(cls: type) -> bool:
    """Whether flowkit itself defines this class."""
    return cls.__module__.partition(".")[0] == "flowkit"
