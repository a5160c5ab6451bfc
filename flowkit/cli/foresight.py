"""When a run will have ended, as the display says it.

Guarantees: a run that is over within the first seconds pays nothing for it.
Relies on: `see` and `seconds` are called one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from flowkit.plan.events import Row

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine
    from flowkit.plan.durations import Durations
    from flowkit.plan.time_left import TimeLeft

_FROM = 2.0  # seconds that a run has gone on before anybody asks when it ends
_MOST_ROWS = 200_000  # that are kept until then

Foreseeing = Callable[["Engine"], "TimeLeft"]


def foreseeing(durations: Durations | None) -> Foreseeing:
    """What tells of an engine how long it will take.

    Args:
        durations: of earlier runs; None: nothing is known.
    """

    def make(engine: Engine) -> TimeLeft:
        from flowkit.plan.time_left import TimeLeft

        left = TimeLeft(engine.plan, durations, engine.workers, getattr(engine.machine, "limits", None))
        left.take_over(engine.earlier.rows)
        return left

    return make


class Foresight:
    """Of one run.

    Args:
        make: see `foreseeing`; None: nobody wants to know.
    """

    def __init__(self, engine: Engine, make: Foreseeing | None) -> None:
        self._engine = engine
        self._make = make
        self._left: TimeLeft | None = None
        self._rows: list[Sequence[Row]] = []
        self._kept = 0

    def see(self, rows: Sequence[Row]) -> None:
        """Take what happened."""
        if self._left is not None:
            self._left.see(rows)
        elif self._make is not None:
            self._rows.append(rows)
            self._kept += len(rows)
            if self._kept > _MOST_ROWS:
                self._begin()

    def seconds(self, now: float, elapsed: float) -> float | None:
        """Seconds until the run ends; None where that is not known.

        Args:
            now: of the run's clock.
            elapsed: seconds since the run began.
        """
        if self._left is None and self._make is not None and elapsed >= _FROM:
            self._begin()
        return self._left.seconds(now) if self._left is not None else None

    def _begin(self) -> None:
        assert self._make is not None
        self._left = self._make(self._engine)
        for rows in self._rows:
            self._left.see(rows)
        self._rows = []
