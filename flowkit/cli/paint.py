"""Styled lines as a terminal takes them: text, and the sequences that colour it and move the cursor."""

from __future__ import annotations

from functools import cache

from flowkit.cli.styled import Styled, plain

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
# A terminal that knows them shows what is written in between at once; others pass over them.
BEGIN_UPDATE, END_UPDATE = "\x1b[?2026h", "\x1b[?2026l"
TO_LINE_START = "\r"
ERASE_LINE, ERASE_LINE_REST, ERASE_BELOW = "\x1b[2K", "\x1b[K", "\x1b[J"


def up(rows: int) -> str:
    """Moves the cursor up."""
    return f"\x1b[{rows}A" if rows > 0 else ""


def painted(line: Styled, *, color: bool) -> str:
    """A line in its colours, or without."""
    if not color:
        return plain(line)
    found = []
    for text, style in line:
        if style and text:
            before, after = _sequences(style)
            found += [before, text, after]
        else:
            found.append(text)
    return "".join(found)


@cache
def _sequences(style: str) -> tuple[str, str]:
    """What begins and what ends a style, as rich names it."""
    from rich.color import ColorSystem
    from rich.style import Style

    before, _, after = Style.parse(style).render("\0", color_system=ColorSystem.STANDARD).partition("\0")
    return before, after
