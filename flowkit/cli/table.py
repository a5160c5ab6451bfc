"""Lists on the terminal: plain columns, which can be read and cut by other programs too."""

from __future__ import annotations

from collections.abc import Sequence

from flowkit.draw.labels import cells, printable


def columns(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> str:
    """Rows in columns as wide as their content; what could steer a terminal is escaped."""
    shown = [[printable(cell) for cell in row] for row in ([header] if header else []) + list(rows)]
    if not shown:
        return ""
    widths = [max(cells(row[place]) for row in shown) for place in range(len(shown[0]))]
    lines = []
    for row in shown:
        padded = [cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)
