"""The types that are named in an annotation and have annotated fields of their own.

Guarantees: each is given once, also where types name each other; no annotation is evaluated.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from flowkit.fingerprint.origin import Origin, of_class

Fields = dict[str, Any]


def inner(annotation: Any) -> Iterator[tuple[type, Fields]]:
    """Dataclasses, named tuples and typed dicts of the project within an annotation, and their fields."""
    seen: set[int] = set()
    waiting = [annotation]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        fields = _fields(each) if isinstance(each, type) and of_class(each) is Origin.PROJECT else {}
        if fields:
            yield each, fields
        waiting += [*reversed(typing.get_args(each)), *reversed(fields.values())]


def _fields(cls: type) -> Fields:
    held = vars(cls)
    if "__dataclass_fields__" in held:
        return {name: field.type for name, field in held["__dataclass_fields__"].items()}
    if "_fields" in held or "__total__" in held:
        return dict(held.get("__annotations__") or held.get("__annotations_cache__") or {})
    return {}
