"""Labels in cells of a terminal: shown as they are where that is safe, escaped where it is not.

Guarantee: `printable` text moves no cursor, changes no colour and turns no writing direction, and
`cells` is the room that a terminal gives it.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = ("Zl", "Zp")


def printable(text: str) -> str:
    """Return the text on one line, with control, format and unassigned characters as Python escapes."""
    return "".join(map(_visible, text))


def cells(text: str) -> int:
    """Return the width of printable text in cells: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return sum(map(cell_len, text))


def fit(text: str, width: int, ellipsis: str = "…") -> str:
    """Return printable text, cut at its end so that it takes at most `width` cells, width ≥ 1."""
    if cells(text) <= width:
        return text
    room = width - len(ellipsis)
    kept: list[str] = []
    for character in text:
        room -= cells(character)
        if room < 0:
            break
        kept.append(character)
    return ("".join(kept) + ellipsis)[: max(width, 1)]


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "C" or category in _HIDDEN:
        return character.encode("unicode_escape").decode("ascii")
    return character
