"""Where lines end: in the middle of a node, but for those of parameters that have room beside the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from flowkit.draw.drawing import Direction, Edge
from flowkit.draw.scene import Line, Point

_ASIDE = {"down": 14, "right": 10}  # pixels, less than half of the smallest node


def ends_of(lines: Sequence[Line], given: Collection[str], direction: Direction) -> dict[Edge, Point]:
    """The end of each line.

    Guarantee: a line that is moved comes from outside of all that are not, so that it crosses none of them.

    Args:
        given: the keys of parameters.
        direction: where edges go.
    """
    targets: dict[str, list[Line]] = {}
    for line in lines:
        targets.setdefault(line.edge.target, []).append(line)
    found = {line.edge: line.points[-1] for line in lines}
    axis, aside = 0 if direction == "down" else 1, _ASIDE[direction]
    for some in targets.values():
        if any(line.edge.source not in given for line in some):
            for side in (-aside, aside):
                for line in _outside(some, given, axis, side):
                    x, y = line.points[-1]
                    found[line.edge] = (x + side, y) if axis == 0 else (x, y + side)
    return found


def _outside(lines: Sequence[Line], given: Collection[str], axis: int, side: int) -> Iterator[Line]:
    """The lines of parameters that come from farther on a side than any other line to the same node."""
    sign = 1 if side > 0 else -1

    def reach(line: Line) -> int:
        return sign * (line.points[-2][axis] - line.points[-1][axis])

    for line in sorted(lines, key=reach, reverse=True):
        if line.edge.source not in given or reach(line) <= abs(side):
            return
        yield line
