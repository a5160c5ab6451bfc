"""How containers, and the few plain values that `pickle` does not describe, are encoded.

Guarantees: the order of a dict or a set does not count; that of an `OrderedDict` does, as it does to `==`.
"""

from __future__ import annotations

import gc
import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Generator, Iterable
from hashlib import sha256
from operator import itemgetter
from struct import Struct
from types import CellType, MappingProxyType
from typing import Any

from flowkit.fingerprint.plain import LEAVES, composite, raw, text
from flowkit.fingerprint.walk import Steps

Tokens = Generator[tuple[str, Any], bytes, list[bytes]]


def sequence(values: Iterable[Any]) -> Tokens:
    """The tokens of elements, in their order."""
    tokens: list[bytes] = []
    for value in values:
        leaf = LEAVES.get(type(value))
        tokens.append((yield f"[{len(tokens)}]", value) if leaf is None else leaf(value))
    return tokens


def pairs(values: dict[Any, Any], ordered: bool = False) -> Tokens:
    """The tokens of keys, each with that of its value; sorted by key unless `ordered`."""
    entries = list(dict.items(values))
    # Texts are put in order first: so the places in a cycle do not depend on the order of insertion.
    if not ordered and set(map(type, dict.keys(values))) == {str}:
        entries.sort(key=itemgetter(0))
        ordered = True
    # A token is never the beginning of another, so the pairs sort as their keys do.
    found = []
    for key, value in entries:
        leaf = LEAVES.get(type(key))
        named = (yield "[key]", key) if leaf is None else leaf(key)
        leaf = LEAVES.get(type(value))
        found.append(named + ((yield _way(key), value) if leaf is None else leaf(value)))
    return found if ordered else sorted(found)


def _way(key: Any) -> str:
    return f"[{key!r}]" if type(key) in (str, int, bool, float, bytes) else "[…]"


def _list(value: list[Any]) -> Steps:
    return composite(b"list", *(yield from sequence(value)))


def _tuple(value: tuple[Any, ...]) -> Steps:
    return composite(b"tuple", *(yield from sequence(value)))


def _dict(value: dict[Any, Any]) -> Steps:
    return composite(b"dict", *(yield from pairs(value)))


def _set(value: set[Any]) -> Steps:
    return composite(b"set", *sorted((yield from sequence(value))))


def _frozenset(value: frozenset[Any]) -> Steps:
    return composite(b"frozenset", *sorted((yield from sequence(value))))


def _ordered(value: OrderedDict[Any, Any]) -> Steps:
    return composite(b"ordered", *(yield from pairs(value, ordered=True)))


def _default(value: defaultdict[Any, Any]) -> Steps:
    factory = yield ".default_factory", value.default_factory
    return composite(b"default", factory, *(yield from pairs(value)))


def _view(value: MappingProxyType[Any, Any]) -> Steps:
    return composite(b"view", (yield "", dict(value)))


def _keys(value: Any) -> Steps:
    """The keys, values or items of a dict by this dict, which is had without a method of its class."""
    (behind,) = gc.get_referents(value)
    return composite(type(value).__name__.encode(), (yield "", behind))


def _cell(value: CellType) -> Steps:
    held = yield from sequence(gc.get_referents(value))
    return composite(b"cell", *held)


def _structure(value: Struct) -> Steps:
    return composite(b"structure", text(value.format))
    yield


def _match(value: re.Match[Any]) -> Steps:
    pattern, searched = (yield ".re", value.re), (yield ".string", value.string)
    bounds = yield "", (value.pos, value.endpos, value.regs, value.lastindex)
    return composite(b"match", pattern, searched, bounds)


def _bounds(value: range | slice) -> Steps:
    bounds = yield from sequence((value.start, value.stop, value.step))
    return composite(type(value).__name__.encode(), *bounds)


def _bytearray(value: bytearray) -> Steps:
    return composite(b"bytearray", sha256(value).digest())
    yield


def _memory(value: memoryview) -> Steps:
    shape = yield ".shape", value.shape
    return composite(b"memory", text(value.format), shape, raw(value.tobytes()))


_EMPTY: tuple[dict[Any, Any], ...] = ({}, OrderedDict())
_VIEWS = [type(view) for each in _EMPTY for view in (each.keys(), each.values(), each.items())]

EXACT: dict[type, Callable[[Any], Steps]] = {
    list: _list,
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: _frozenset,
    OrderedDict: _ordered,
    defaultdict: _default,
    MappingProxyType: _view,
    **dict.fromkeys(_VIEWS, _keys),
    CellType: _cell,
    Struct: _structure,
    re.Match: _match,
    range: _bounds,
    slice: _bounds,
    bytearray: _bytearray,
    memoryview: _memory,
}
"""How a value of this very type is encoded."""
