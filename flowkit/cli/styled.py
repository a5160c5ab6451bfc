"""A line of text in styles, without markup: user text can never be mistaken for a style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Part = tuple[str, str]
Styled = Sequence[Part]
"""Texts with the name of a style each, as rich names it; "" is the terminal's own."""


def plain(line: Styled) -> str:
    """The text alone."""
    return "".join([text for text, _ in line])


def cells(text: str) -> int:
    """How many columns a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def width(line: Styled) -> int:
    """How many columns a line takes."""
    return sum(cells(text) for text, _ in line)


def cropped(line: Styled, columns: int) -> Styled:
    """A line of at most so many columns; what was cut is marked by an ellipsis."""
    if width(line) <= columns:
        return line
    kept: list[Part] = []
    left = columns - 1
    for text, style in line:
        part = _first_cells(text, left)
        kept.append((part, style))
        left -= cells(part)
        if part != text:
            break
    return [*kept, ("…", "dim")] if columns > 0 else []


def padded(text: str, columns: int) -> str:
    """A text in exactly so many columns."""
    text = shortened(text, columns)
    return text + " " * (columns - cells(text))


def shortened(text: str, columns: int) -> str:
    """A text of at most so many columns, without its middle: names that are long differ at the end."""
    if cells(text) <= columns:
        return text
    end = _first_cells(text[::-1], (columns - 1) // 2)[::-1]
    return f"{_first_cells(text, columns - 1 - cells(end))}…{end}"


def _first_cells(text: str, columns: int) -> str:
    if text.isascii():
        return text[: max(0, columns)]
    from rich.cells import cell_len

    used = 0
    for position, character in enumerate(text):
        used += cell_len(character)
        if used > columns:
            return text[:position]
    return text


def joined(parts: Iterable[str], separator: str = " · ") -> str:
    """The parts that say something, with a separator between."""
    return separator.join([part for part in parts if part])
