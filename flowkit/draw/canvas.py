"""Canvas: lines and texts on a grid of terminal cells.

Lines are kept as the directions in which they leave each cell, and turned into characters at the
end. Where lines of different owners cross, the vertical one is drawn unbroken and the horizontal
one passes behind it: `─│─`. A join is always drawn as one: `┼`, `├`, `┬`.
"""

from __future__ import annotations

from flowkit.draw.labels import cells

_UP, _RIGHT, _DOWN, _LEFT = 1, 2, 4, 8
_VERTICAL, _HORIZONTAL = _UP | _DOWN, _LEFT | _RIGHT
_UNICODE = " │─╰││╭├─╯─┴╮┤┬┼"
_ASCII = " |-+||++-+-+++++"


class Canvas:
    """A grid that grows as needed; rows and columns count from 0."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        self._characters = _ASCII if ascii_only else _UNICODE
        self._lines: dict[tuple[int, int], tuple[int, int]] = {}
        self._texts: dict[tuple[int, int], str] = {}

    def vertical(self, owner: int, column: int, top: int, bottom: int) -> None:
        """Draw a line; at its ends it stops in the middle of the cell, ready to turn."""
        for row in range(top, bottom + 1):
            self._add(owner, row, column, _UP * (row > top) | _DOWN * (row < bottom))

    def horizontal(self, owner: int, row: int, left: int, right: int) -> None:
        """Draw a line; at its ends it stops in the middle of the cell, ready to turn."""
        for column in range(left, right + 1):
            self._add(owner, row, column, _LEFT * (column > left) | _RIGHT * (column < right))

    def write(self, row: int, column: int, text: str) -> None:
        """Put printable text over whatever is there; a wide character takes two cells."""
        for character in text:
            width = cells(character)
            if width == 0:
                self._texts[row, column - 1] = self._texts.get((row, column - 1), "") + character
            for covered in range(width):
                self._texts[row, column + covered] = "" if covered else character
            column += width

    def rows(self) -> list[str]:
        """Return the picture, without blanks at the ends of rows."""
        height = 1 + max((row for row, _ in (*self._lines, *self._texts)), default=-1)
        grid: list[dict[int, str]] = [{} for _ in range(height)]
        for (row, column), (directions, _) in self._lines.items():
            grid[row][column] = self._characters[directions]
        for (row, column), text in self._texts.items():
            grid[row][column] = text
        return [_joined(row) for row in grid]

    def _add(self, owner: int, row: int, column: int, directions: int) -> None:
        before, other = self._lines.get((row, column), (0, owner))
        together = before | directions
        if owner != other and {before, directions} == {_VERTICAL, _HORIZONTAL}:
            together = _VERTICAL
        self._lines[row, column] = (together, owner)


def _joined(row: dict[int, str]) -> str:
    return "".join(row.get(column, " ") for column in range(max(row, default=-1) + 1)).rstrip()
