"""Names as people type and see them: the nearest known one, equal looks, safe display."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """At most three of the known names that `name` may have meant, the likeliest first."""
    folded: dict[str, str] = {}
    for each in known:
        folded.setdefault(fold(each), each)
    return tuple(folded[near] for near in difflib.get_close_matches(fold(name), folded, n=3, cutoff=0.6))


def suggestions(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """`nearest` as hint lines: one line, or none."""
    near = nearest(name, known)
    return (f"did you mean {' or '.join(quoted(each) for each in near)}?",) if near else ()


def fold(name: str) -> str:
    """Equal for names that differ only in case or in Unicode form."""
    return unicodedata.normalize("NFC", name).casefold()


def same(first: str, second: str) -> bool:
    """Equal for names that differ in Unicode form only, as file systems change it."""
    return unicodedata.normalize("NFC", first) == unicodedata.normalize("NFC", second)


def quoted(name: str) -> str:
    """`name` in backticks, on one line, unable to steer a terminal, cut after 80 characters."""
    cut = name if len(name) <= 80 else f"{name[:79]}…"
    return f"`{''.join(char if char.isprintable() else repr(char)[1:-1] for char in cut)}`"
