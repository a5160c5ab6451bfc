"""Bars, and the figures and notes beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flowkit.cli.styled import Part, Styled, cells
from flowkit.plan.events import Report

_SEPARATOR = 3  # columns


class Note(NamedTuple):
    """A word or two at the end of a row.

    Attributes:
        weight: of notes that do not all fit, those of the greatest weight stay.
    """

    text: str
    style: str
    weight: int


_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"))


def bar(share: float, columns: int) -> Styled:
    """`━━━━╸────`: also without colours one sees how far it is; it is full only where nothing is left."""
    halves = min(round(max(0.0, share) * columns * 2), columns * 2 - (share < 1))
    full, half = divmod(halves, 2)
    line: list[Part] = [("━" * full + "╸" * half, "green")]
    return [*line, ("─" * (columns - full - half), "bright_black")]


def share_of(report: Report) -> float | None:
    """From 0 to 1; None where it is not known of how much."""
    return None if report.total is None else max(0.0, min(1.0, report.done / report.total))


def figures_of(report: Report, *, short: bool) -> str:
    """`340/1,000`, short `34%`; `340` where it is not known of how much."""
    share = share_of(report)
    if share is None or report.total is None:
        return _figure(report.done)
    return f"{share:.0%}" if short else f"{_figure(report.done)}/{_figure(report.total)}"


def _figure(number: float) -> str:
    for size, unit in _UNITS:
        if abs(number) >= size:
            return f"{number / size:,.1f}{unit}"
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def fitting(notes: Sequence[Note], columns: int) -> list[Note]:
    """The notes that fit into so many columns, with a separator between, in their order."""
    kept: set[Note] = set()
    left = columns + _SEPARATOR
    for note in sorted(notes, key=lambda note: -note.weight):
        if note.text and cells(note.text) + _SEPARATOR <= left:
            left -= cells(note.text) + _SEPARATOR
            kept.add(note)
    return [note for note in notes if note in kept]


def joined(notes: Sequence[Note]) -> Iterator[Part]:
    """The notes with ` · ` between."""
    for position, note in enumerate(notes):
        if position:
            yield (" · ", "dim")
        yield (note.text, note.style)
