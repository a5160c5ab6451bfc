"""What is known of tasks before a run starts: from an earlier session of it, another run, or a caller."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowkit.engine.rounds import Round
from flowkit.plan.events import Row

Child = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """The ends that need not be found out again, and how far the others were.

    Attributes:
        rows: ends; of a mapped task those of its children first, then its own with the width as its
            attempt, where all have ended.
        values: of those ends, where they are in memory; the others are loaded when they are needed.
        attempts: for tasks that go on, the number of the next attempt, and how many of those before do
            not count against `max_retries`.
        waits: seconds that are left until that attempt.
        rounds: where tasks stand that have looped, or were paused.
        resumed: tasks, and children, that were paused and may go on now.
    """

    rows: Sequence[Row] = ()
    values: Mapping[Child, Any] = field(default_factory=dict)
    attempts: Mapping[Child, tuple[int, int]] = field(default_factory=dict)
    waits: Mapping[Child, float] = field(default_factory=dict)
    rounds: Mapping[Child, Round] = field(default_factory=dict)
    resumed: Collection[Child] = ()
