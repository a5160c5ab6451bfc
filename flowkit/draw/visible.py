"""Text of users in pages: what would not be seen, or would turn the direction of writing, as an escape."""

from __future__ import annotations

import re

# Control characters but for tab and newline, marks of direction, spaces without width, lone surrogates.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_COLOURS = re.compile("\x1b\\[[0-9;]*m")


def visible(text: str) -> str:
    """The text with what cannot be seen as `\\x1b`; newlines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(_escaped, text)


def printed(line: str) -> str:
    """A line that a program printed: without colours; of parts that overwrite each other, the last."""
    if line.isascii() and line.isprintable():
        return line
    line = _COLOURS.sub("", line.rstrip("\r"))
    return visible(line.rpartition("\r")[2])


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
