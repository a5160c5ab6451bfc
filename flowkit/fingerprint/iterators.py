"""How iterators that a module holds are encoded: by what they would still give.

Guarantees: nothing is taken of them. What they refer to is asked of `gc`, for their `__reduce__` warns from
Python 3.12 on and is gone in 3.14; where `gc` does not say all, the iterator is refused.
Relies on: a module holds it. As an argument it has no digest, for a hit would not consume it.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from typing import Any

from flowkit.fingerprint.containers import sequence
from flowkit.fingerprint.plain import NoValueError, composite, text
from flowkit.fingerprint.walk import Steps


def _held(value: Any) -> list[Any]:
    return [each for each in gc.get_referents(value) if each is not type(value)]


def _chain(value: itertools.chain[Any]) -> Steps:
    return composite(b"chain", *(yield from sequence(_held(value))))


def _circle(value: itertools.cycle[Any]) -> Steps:
    held = _held(value)
    if len(held) != 2:
        raise NoValueError("it does not say at which place of the circle it is")
    return composite(b"circle", *(yield from sequence(held)))


def _repeated(value: itertools.repeat[Any]) -> Steps:
    try:
        left = value.__length_hint__()
    except TypeError:  # endless
        left = None
    return composite(b"repeat", (yield "", left), *(yield from sequence(_held(value))))


def _count(value: itertools.count[Any]) -> Steps:
    held = _held(value)
    # Where the next number is small it is not among these; no `__repr__` of a user's class is called then.
    if all(type(each) is int for each in held):
        return composite(b"count", text(repr(value)))
    if len(held) != 2:
        raise NoValueError("it does not say where it is")
    return composite(b"count", *(yield from sequence(held)))


EXACT: dict[type, Callable[[Any], Steps]] = {
    itertools.chain: _chain,
    itertools.cycle: _circle,
    itertools.repeat: _repeated,
    itertools.count: _count,
}
"""How an iterator of this very type is encoded."""
