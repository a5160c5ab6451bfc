"""What stands on the screen of a terminal that was sent something: rows, the cursor, all that scrolled by.

It breaks long lines, scrolls, and when its size changes breaks them anew, as most terminals do. It knows the
sequences that flowkit writes, and no other. Colours are kept until the size changes.
"""

from __future__ import annotations

import re

from rich.cells import cell_len

_SEQUENCE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")
_BEHIND_WIDE = ""  # stands in the second cell of a character that takes two


class Row:
    """A row of cells.

    Attributes:
        goes_on: whether the next row is of the same line, which was too long.
        looks: by column, the codes of the colours and so on that a cell was written in; none where plain.
    """

    def __init__(self, cells: list[str] | None = None, *, goes_on: bool = False) -> None:
        self.cells = cells or []
        self.goes_on = goes_on
        self.looks: dict[int, tuple[int, ...]] = {}


class DrawnScreen:
    """See the module.

    Attributes:
        row, column: of the cursor; rows count from the first that ever was.
        shows_cursor: whether it is seen.
        is_updating: whether what comes is to be shown later, at once.
    """

    def __init__(self, columns: int = 100, rows: int = 30) -> None:
        self.columns, self.height = columns, rows
        self.all_rows = [Row()]
        self.row = self.column = 0
        self.shows_cursor = True
        self.is_updating = False
        self._rest = ""
        self._look: tuple[int, ...] = ()

    # -- what is seen -------------------------------------------------------------------------

    @property
    def visible(self) -> list[str]:
        """The rows of the screen, without what is empty at their end."""
        return [_text(row) for row in self.all_rows[self._top :]]

    @property
    def lines(self) -> list[str]:
        """All lines that ever were and were not erased, whole."""
        found = [""]
        for row in self.all_rows:
            found[-1] += "".join(row.cells)
            if not row.goes_on:
                found.append("")
        return [line.rstrip() for line in found[:-1]]

    @property
    def _top(self) -> int:
        return max(0, len(self.all_rows) - self.height)

    # -- what is sent -------------------------------------------------------------------------

    def take(self, text: str) -> None:
        """Obey what was sent; what is torn waits for its rest."""
        text = self._rest + text
        self._rest = ""
        while text:
            found = _SEQUENCE.match(text)
            if found:
                self._obey(found[1], found[2])
                text = text[found.end() :]
            elif text[0] == "\x1b" and len(text) < 12:
                self._rest, text = text, ""
            else:
                self._put(text[0])
                text = text[1:]

    def resize(self, columns: int, rows: int) -> None:
        """Have another size; lines are broken anew, and the cursor stays at its character."""
        before = self._line_of_cursor()
        broken: list[Row] = []
        line: list[str] = []
        for number, row in enumerate(self.all_rows):
            if number == before[0]:
                place = len(broken), before[1]
            line += row.cells
            if not row.goes_on:
                pieces = [line[at : at + columns] for at in range(0, len(line), columns)] or [[]]
                broken += [Row(piece, goes_on=True) for piece in pieces]
                broken[-1].goes_on = False
                line = []
        self.columns, self.height, self.all_rows = columns, rows, broken
        first, offset = place
        self.row, self.column = first + max(0, offset - 1) // columns, offset
        self.column -= (self.row - first) * columns

    def _line_of_cursor(self) -> tuple[int, int]:
        """The first row of the line that the cursor is in, and how far it is behind its beginning."""
        first, offset = self.row, self.column
        while first and self.all_rows[first - 1].goes_on:
            first -= 1
            offset += self.columns
        return first, offset

    def _obey(self, argument: str, letter: str) -> None:
        row = self.all_rows[self.row]
        if letter == "A":
            self.row = max(self._top, self.row - int(argument or 1))
        elif letter == "K":
            row.cells = [] if argument == "2" else row.cells[: self.column]
            row.goes_on = False
        elif letter == "J":
            row.cells = row.cells[: self.column]
            row.goes_on = False
            for below in self.all_rows[self.row + 1 :]:
                below.cells, below.goes_on = [], False
            del self.all_rows[self.row + 1 :]
        elif argument == "?25":
            self.shows_cursor = letter == "h"
        elif argument == "?2026":
            self.is_updating = letter == "h"
        else:
            assert letter == "m", f"unknown sequence {argument}{letter}"
            codes = tuple(int(code or 0) for code in argument.split(";"))
            self._look = () if codes == (0,) else (*self._look, *codes)

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._down()
        else:
            wide = cell_len(character)
            if self.column + wide > self.columns:
                self.all_rows[self.row].goes_on = True
                self._down()
                self.column = 0
            cells, looks = self.all_rows[self.row].cells, self.all_rows[self.row].looks
            for place in range(len(cells), self.column):
                looks.pop(place, None)
            cells += [" "] * (self.column - len(cells))
            looks.pop(self.column, None)
            if self._look:
                looks[self.column] = self._look
            cells[self.column : self.column + wide] = [character, *[_BEHIND_WIDE] * (wide - 1)]
            self.column += wide

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.all_rows):
            self.all_rows.append(Row())


def _text(row: Row) -> str:
    return "".join(row.cells).rstrip()
