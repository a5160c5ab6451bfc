"""Counts where the lines of a picture cross, from the lines alone, whoever has drawn them.

A line is a chain of straight pieces and cubic Bézier curves; curves are cut into `PIECES` straight
ones. Two lines cross as often as pieces of theirs do, where a crossing at a joint of pieces counts once;
lines that run along each other or end in one point do not cross. Near a node that two lines share they
run together anyway: within `NEAR` pixels of its box nothing is counted. The same code counts for every
picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

PIECES = 11
NEAR = 15.0
_ROWS = 200

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Picture:
    """Lines with the numbers of the nodes at their ends; the boxes of all nodes: left, top, right, bottom."""

    lines: Sequence[tuple[int, int, Sequence[Point]]]
    boxes: Sequence[Box]


def bezier(points: Sequence[Point]) -> list[Point]:
    """The straight pieces of one cubic curve, without its first point."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
    found = []
    for step in range(1, PIECES + 1):
        t = step / PIECES
        a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        found.append((a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy))
    return found


def crossings(picture: Picture) -> int:
    """How often two lines of a picture cross."""
    pieces = np.array(
        [
            (number, *first, *second)
            for number, (_, _, points) in enumerate(picture.lines)
            for first, second in pairwise(points)
        ]
    )
    if not len(pieces):
        return 0
    found = {pair for rows in _rows(pieces) for pair in _crossing_pairs(pieces, rows)}
    return sum(not _is_near_shared(picture, pieces, first, second) for first, second in found)


def _rows(pieces: np.ndarray) -> Iterable[np.ndarray]:
    """The pieces in each of many horizontal strips; two that cross are in one strip together."""
    tops, bottoms = np.minimum(pieces[:, 2], pieces[:, 4]), np.maximum(pieces[:, 2], pieces[:, 4])
    edges = np.linspace(tops.min(), bottoms.max() + 1e-6, _ROWS + 1)
    for top, bottom in pairwise(edges):
        yield np.flatnonzero((tops <= bottom) & (bottoms >= top))


def _crossing_pairs(pieces: np.ndarray, rows: np.ndarray) -> Iterable[tuple[int, int]]:
    order = rows[np.argsort(np.minimum(pieces[rows, 1], pieces[rows, 3]), kind="stable")]
    lefts = np.minimum(pieces[order, 1], pieces[order, 3])
    rights = np.maximum(pieces[order, 1], pieces[order, 3])
    ends = np.searchsorted(lefts, rights, side="right")
    for at, end in enumerate(ends):
        others = order[at + 1 : end]
        others = others[pieces[others, 0] != pieces[order[at], 0]]
        for other in others[_cross(pieces[order[at]], pieces[others])]:
            yield min(order[at], other), max(order[at], other)


def _cross(piece: np.ndarray, others: np.ndarray) -> np.ndarray:
    ax, ay, bx, by = piece[1:]
    cx, cy, dx, dy = others[:, 1:].T
    first = ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)) >= 0
    second = ((bx - ax) * (dy - ay) - (by - ay) * (dx - ax)) >= 0
    third = ((dx - cx) * (ay - cy) - (dy - cy) * (ax - cx)) >= 0
    fourth = ((dx - cx) * (by - cy) - (dy - cy) * (bx - cx)) >= 0
    return (first != second) & (third != fourth)


def _is_near_shared(picture: Picture, pieces: np.ndarray, first: int, second: int) -> bool:
    ends = [set(picture.lines[int(pieces[at, 0])][:2]) for at in (first, second)]
    x, y = pieces[first, [1, 3]].mean(), pieces[first, [2, 4]].mean()
    for node in ends[0] & ends[1]:
        left, top, right, bottom = picture.boxes[node]
        if left - NEAR <= x <= right + NEAR and top - NEAR <= y <= bottom + NEAR:
            return True
    return False
