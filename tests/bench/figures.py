"""Figures with their limits, and the tables they are printed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# A limit counts as missed from here on. Repeated on a busy machine with two cores, the medians of the
# same code move by up to a fifth (docs/benchmarks.md); a regression worth stopping for is larger.
NOISE = 1.2


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        table: the heading that it stands under.
        labels: what it is a figure of, a cell each.
        shown: more cells, such as the same figure in another unit.
        limit: what it may be at most; None: it is for information.
        exact: whether it is the same each time, so that there is no noise to allow for.
    """

    table: str
    labels: tuple[str, ...]
    value: float
    shown: tuple[str, ...] = ()
    limit: float | None = None
    exact: bool = False

    @property
    def verdict(self) -> str:
        """PASS, `noise` for a limit that is missed by less than the noise, or OVER."""
        if self.limit is None:
            return ""
        if self.value <= self.limit:
            return "PASS"
        return "noise" if self.value <= self.limit * NOISE and not self.exact else "OVER"

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table."""
        limit = "" if self.limit is None else f"{self.limit:g}"
        return (*self.labels, *self.shown, _short(self.value), limit, self.verdict)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(figures: Sequence[Figure], heads: tuple[str, ...]) -> str:
    """Figures under their heading, in columns; numbers to the right."""
    rows = [(*heads, "limit", ""), *(figure.cells for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    left = len(figures[0].labels)
    lines = [figures[0].table, "-" * (sum(widths) + 2 * len(widths) - 2)]
    for row in rows:
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
