"""Facts on the terminal, a name and a text each: folded where a terminal is narrower, whole for programs."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

from flowkit.cli.table import columns
from flowkit.draw.labels import cells, printable

_NARROWEST = 20  # columns for the texts, below which folding helps nobody


def facts(rows: Sequence[tuple[str, str]], indent: str = "") -> str:
    """Names and texts in two columns; a text that goes on does so below its beginning."""
    width = _width()
    room = width - 2 - max((cells(printable(name)) for name, _ in rows), default=0) - len(indent)
    found = [(indent + first, line) for name, text in rows for first, line in _folded(name, text, room)]
    return columns(found)


def sentence(text: str) -> str:
    """A text, folded between words where a terminal is narrower."""
    return "\n".join(_lines(printable(text), _width()))


def _folded(name: str, text: str, room: int) -> Iterator[tuple[str, str]]:
    for place, line in enumerate(_lines(printable(text), room)):
        yield ("" if place else name, line)


def _lines(text: str, room: int) -> list[str]:
    if room < _NARROWEST or cells(text) <= room:
        return [text]
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)


def _width() -> int:
    """Columns of the terminal; where there is none lines are as long as they are."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 1 << 20
