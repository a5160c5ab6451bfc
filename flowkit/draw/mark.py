"""Marks: what became of a node in a run, in words, a sign and a tone, so that no picture needs colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from flowkit.draw.drawing import Drawing, Edge

Tone = Literal["good", "kept", "busy", "still", "bad", "warn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What became of a node.

    Args:
        word, symbol: of its state: `ok` and `✓`.
        tone: the family of colours that the state has.
        count: of a mapped task, how many of its children: `38 of 40`.
        took: how long it took, as a person reads it.
        seconds: the same, where it is known.
        started: seconds since the run's start.
        is_critical: whether it lies on the critical path.
    """

    word: str
    symbol: str
    tone: Tone
    count: str = ""
    took: str = ""
    seconds: float | None = None
    started: float | None = None
    is_critical: bool = False

    @property
    def line(self) -> str:
        """All of it in a line: `✓ ok · 40 of 40 · 1.2s`."""
        parts = (f"{self.symbol} {self.word}", self.count, self.took)
        return " · ".join(part for part in parts if part)


Marks = Mapping[str, Mark]


def critical_path(drawing: Drawing, marks: Marks) -> tuple[str, ...]:
    """The keys along the path whose nodes took longest together, the first node first.

    Nodes whose time is not known count as nothing; where no time is known, there is no path.
    """
    before: dict[str, list[str]] = {node.key: [] for node in drawing.nodes}
    for edge in drawing.edges:
        before[edge.target].append(edge.source)
    total: dict[str, float] = {}
    best: dict[str, str | None] = {}
    for key in drawing.sorted_keys():
        best[key] = max(before[key], key=total.__getitem__, default=None)
        above = best[key]
        total[key] = _seconds(marks, key) + (total[above] if above is not None else 0.0)
    at: str | None = max(total, key=total.__getitem__, default=None)
    path: list[str] = []
    while at is not None and total[at] > 0:
        path.append(at)
        at = best[at]
    return tuple(reversed(path))


def with_critical_path(drawing: Drawing, marks: Marks) -> dict[str, Mark]:
    """The marks, with those of the critical path marked as such."""
    path = set(critical_path(drawing, marks))
    return {key: replace(mark, is_critical=key in path) for key, mark in marks.items()}


def is_critical_edge(edge: Edge, marks: Marks) -> bool:
    """Whether the critical path may run along an edge: both its ends lie on it."""
    ends = marks.get(edge.source), marks.get(edge.target)
    return all(end is not None and end.is_critical for end in ends)


def _seconds(marks: Marks, key: str) -> float:
    mark = marks.get(key)
    return (mark.seconds or 0.0) if mark is not None else 0.0
