"""The files that a cached result speaks of: a result that is a path, or holds some, is found again only while
what lies there is what lay there when it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from flowkit.fingerprint import UndigestibleError, digest
from flowkit.store.records import table

_MARK = '"files": "'
_LEAVES = frozenset({int, float, bool, str, bytes, type(None)})


def files_digest(value: Any) -> str:
    """A digest of what lies at the paths in a value, "" where there are none.

    They are looked for in containers of Python and in dataclasses, not in objects of the user's.
    """
    paths = list(_paths(value))
    if not paths:
        return ""
    try:
        return digest(paths).hex()
    except UndigestibleError:
        return "unreadable"


def is_altered(origin: str, value: Any) -> bool:
    """Whether the files of a result are others now than its origin remembers (plan/events.py)."""
    return _MARK in origin and table(origin).get("files") != files_digest(value)


def _paths(value: Any) -> Iterator[Path]:
    """In an order that is the same for equal values."""
    todo, seen = [value], set()
    while todo:
        each = todo.pop()
        if isinstance(each, Path):
            yield each
        elif id(each) not in seen:  # which live as long as the value
            seen.add(id(each))
            todo += [part for part in _parts(each) if type(part) not in _LEAVES]


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, set | frozenset):
        return sorted(each for each in value if isinstance(each, Path))
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in fields(value)]
    return ()
