"""Marks: what became of a node in a run, in words, a sign and a tone: no picture needs colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from flowkit.draw.drawing import Drawing, Edge

Tone = Literal["good", "kept", "busy", "still", "bad", "warn"]

WORST: tuple[Tone, ...] = ("bad", "warn", "busy", "good", "kept", "still")
"""Which of several tones stands for all of them: the first that occurs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What became of a node.

    Args:
        word, symbol: of its state: `ok` and `✓`; of a parameter its value and `=`.
        tone: the family of colours that the state has.
        count: how many children of a mapped task, `38 of 40`; or how many attempts.
        done, total: of a mapped task, its children that succeeded or were skipped, and all.
        took: how long it took, as a person reads it.
        seconds: the same, where it is known.
        began, ended: of the node that ran, in seconds since 1970.
        is_critical: whether it lies on the critical path.
        critical_after: the key of the node before it on that path, empty for the first; None where that is
            not known, so that every edge from another node of the path may be part of it.
    """

    word: str
    symbol: str
    tone: Tone
    count: str = ""
    done: int | None = None
    total: int | None = None
    took: str = ""
    seconds: float | None = None
    began: float | None = None
    ended: float | None = None
    is_critical: bool = False
    critical_after: str | None = None

    @property
    def line(self) -> str:
        """All of it in a line: `✓ ok · 40 of 40 · 1.2s`."""
        parts = (f"{self.symbol} {self.word}", self.count, self.took)
        return " · ".join(part for part in parts if part)

    @property
    def ascii(self) -> str:
        """The same for what has no other characters: `ok, 40 of 40, 1.2s`."""
        return ", ".join(part for part in (self.word, self.count, self.took) if part)


Marks = Mapping[str, Mark]
NO_MARKS: Marks = MappingProxyType({})


def critical_path(drawing: Drawing, marks: Marks) -> tuple[str, ...]:
    """The keys along the path that the end of the run waited for, the first node first.

    It leads from the node that ended last to the one that ended last among those that it had waited for,
    and so on (Hollingsworth 1998, "critical path profiling"). Where no time is known, there is no path.
    """
    before: dict[str, list[str]] = {node.key: [] for node in drawing.nodes}
    for edge in drawing.edges:
        before[edge.target].append(edge.source)
    ends = {key: mark.ended for key, mark in marks.items() if key in before and mark.ended is not None}
    path: list[str] = []
    at: str | None = max(ends, key=ends.__getitem__, default=None)
    while at is not None:
        path.append(at)
        known = [key for key in before[at] if key in ends]
        at = max(known, key=ends.__getitem__, default=None)
    return tuple(reversed(path))


def with_critical_path(drawing: Drawing, marks: Marks) -> dict[str, Mark]:
    """The marks, with those of the critical path marked as such."""
    path = critical_path(drawing, marks)
    found = dict(marks)
    for before, key in zip(("", *path), path, strict=False):
        found[key] = replace(marks[key], is_critical=True, critical_after=before)
    return found


def is_critical_edge(edge: Edge, marks: Marks) -> bool:
    """Whether the critical path runs along an edge."""
    source, target = marks.get(edge.source), marks.get(edge.target)
    if source is None or target is None or not (source.is_critical and target.is_critical):
        return False
    return target.critical_after in (None, edge.source)
