"""When a run will have ended, as the display says it.

Guarantees: a run that is over within the first seconds pays nothing for it: what has happened by then is
taken from what is counted anyway.
Relies on: `see` and `seconds` are called one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from flowkit.cli.guesses import attempts_left
from flowkit.plan.events import Row
from flowkit.plan.status import CANCELLED, EXPANDED, RUNNING, SUCCESS

if TYPE_CHECKING:
    from flowkit.cli.tally import Tally
    from flowkit.engine.engine import Engine
    from flowkit.plan.durations import Durations
    from flowkit.plan.time_left import TimeLeft

_FROM = 2.0  # seconds that a run has gone on before anybody asks when it ends

Foreseeing = Callable[["Engine"], "TimeLeft"]


def foreseeing(durations: Durations | None) -> Foreseeing:
    """What tells of an engine how long it will take.

    Args:
        durations: of earlier runs; None: nothing is known.
    """

    def make(engine: Engine) -> TimeLeft:
        from flowkit.plan.time_left import TimeLeft

        return TimeLeft(engine.plan, durations, engine.workers, getattr(engine.machine, "limits", None))

    return make


class Foresight:
    """Of one run.

    Args:
        tally: of the same run; it has counted what is told here.
        make: see `foreseeing`; None: nobody wants to know.
    """

    def __init__(self, engine: Engine, tally: Tally, make: Foreseeing | None) -> None:
        self._engine = engine
        self._tally = tally
        self._make = make
        self._left: TimeLeft | None = None

    def see(self, rows: Sequence[Row]) -> None:
        """Take what happened."""
        if self._left is not None:
            self._left.see(rows)

    def seconds(self, now: float, elapsed: float) -> float | None:
        """Seconds until the run ends; None where that is not known.

        Args:
            now: of the run's clock.
            elapsed: seconds since the run began.
        """
        if self._left is None and self._make is not None and elapsed >= _FROM:
            self._left = self._make(self._engine)
            self._left.take_over(self._ended())
            self._left.see([*self._expanded(), *self._at_work()])
        if self._left is None:
            return None
        return self._left.seconds(now, attempts_left(self._tally, now))

    # -- what has happened so far, as rows ----------------------------------------------------

    def _ended(self) -> Iterator[Row]:
        """Tasks, and children. The machine may know of more ends than were told, which does no harm."""
        groups = self._tally.groups
        for node, status in enumerate(self._engine.machine.status):
            if node in groups and not groups[node].ended:
                for index in range(self._tally.ended[node]):
                    yield (node, index, 0, SUCCESS, 0.0, 0.0, None, None)
            elif SUCCESS <= status <= CANCELLED:
                yield (node, -1, 0, status, 0.0, 0.0, None, None)

    def _expanded(self) -> Iterator[Row]:
        for node, group in self._tally.groups.items():
            if not group.ended:
                yield (node, -1, group.width, EXPANDED, group.began, group.began, None, None)

    def _at_work(self) -> Iterator[Row]:
        """What runs, and what has run and will again."""
        again = [*self._tally.retrying.values(), *self._tally.paused.values()]
        for row in [*self._tally.running.values(), *again]:
            yield (row[0], row[1], 1, RUNNING, row[4], 0.0, None, None)
        yield from again
