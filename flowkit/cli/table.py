"""Lists on the terminal: plain columns, which can be read and cut by other programs too.

Where a terminal is too narrow, columns that have no room go on in a line of their own below, and what is
still too wide is folded: nothing is cut, and nothing is left to the terminal to break.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence

from flowkit.draw.labels import cells, printable

_GAP = 2
_INDENT = 4
_NARROWEST = 20  # columns in which a text is folded beside others
_NARROWEST_SHORT = 12  # the same where it has two lines then

Row = Sequence[str]


def columns(rows: Sequence[Row], header: Row = (), *, width: int | None = None) -> str:
    """Rows in columns as wide as their content; what could steer a terminal is escaped.

    Args:
        width: columns of the terminal; 0: any; default: those of stdout.
    """
    shown = [[printable(cell) for cell in row] for row in ([header] if header else []) + list(rows)]
    if not shown:
        return ""
    room = stdout_width() if width is None else width
    widths = [max(cells(row[place]) for row in shown) for place in range(len(shown[0]))]
    groups = list(_groups(widths, room))
    return "\n".join(line for row in shown for line in _lines(row, groups, widths, room))


def facts(rows: Sequence[tuple[str, str]], indent: str = "") -> str:
    """Names and texts in two columns."""
    return columns([(indent + name, text) for name, text in rows])


def sentence(text: str) -> str:
    """A text, folded between words where a terminal is narrower."""
    return "\n".join(wrapped(printable(text), stdout_width()))


def stdout_width() -> int:
    """Columns of the terminal that stdout is; 0 where it is none, as lines are as long as they are then."""
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return 0
    return columns or shutil.get_terminal_size().columns  # a terminal that does not say


def wrapped(text: str, width: int) -> list[str]:
    """A printable text in lines of at most so many cells, between words where that can be.

    All lines begin as far from the edge as the text does, where that leaves room.
    """
    if width < 1 or cells(text) <= width:
        return [text]
    start = text[: len(text) - len(text.lstrip(" "))]
    if start and len(start) + _NARROWEST <= width:
        return [start + line for line in wrapped(text[len(start) :], width - len(start))]
    lines, line = [], ""
    for word in text.split(" "):
        if line and cells(line) + 1 + cells(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
        while cells(line) > width:
            first = _without_torn(_first(line, width))
            lines.append(first)
            line = line[len(first) :]
    return [*lines, line]


def _groups(widths: Sequence[int], room: int) -> Iterator[range]:
    """The columns of each line of a row."""
    last, start, used = len(widths) - 1, 0, 0
    for place, width in enumerate(widths):
        wanted = _least(width) if place == last else width
        if room and place > start and used + wanted > room:
            yield range(start, place)
            start, used = place, _INDENT
        used += width + _GAP
    yield range(start, last + 1)


def _least(width: int) -> int:
    """Columns in which the last text of a row may be folded: what is short stays beside the others."""
    return min(width, _NARROWEST, max(_NARROWEST_SHORT, -(-width * 2 // 3)))


def _lines(row: Row, groups: Sequence[range], widths: Sequence[int], room: int) -> list[str]:
    lines: list[str] = []
    for number, group in enumerate(groups):
        lines += _folded(row, group, widths, room, _INDENT if number else 0)
    return list(filter(None, lines)) or lines[:1]


def _folded(row: Row, group: range, widths: Sequence[int], room: int, indent: int) -> Iterator[str]:
    """The lines of a row for some columns; the last one of these is folded."""
    before = [row[place] + " " * (widths[place] - cells(row[place]) + _GAP) for place in group[:-1]]
    start = " " * indent + "".join(before)
    left = room - cells(start) if room else 0
    texts = wrapped(row[group[-1]], max(1, left) if room else 0)
    for number, text in enumerate(texts):
        yield f"{' ' * cells(start) if number else start}{text}".rstrip()


def _first(text: str, width: int) -> str:
    """As many characters as have room, at least one."""
    used = 0
    for place, character in enumerate(text):
        used += cells(character)
        if used > width and place:
            return text[:place]
    return text


def _without_torn(text: str) -> str:
    """The beginning of a path up to its last folder, where that is most of it."""
    end = text.rfind("/") + 1
    return text[:end] if end > len(text) // 2 else text
