"""What was still failing when a run was stopped: cancelled by its state, and yet what its end is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flowkit.cli.failures import Alike, attempt_text, block, failure_of, headline
from flowkit.cli.styled import Styled
from flowkit.cli.tally import Tally
from flowkit.plan.events import Row

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

_MOST_FULL = 3
_MOST_LISTED = 10


def still_failing(engine: Engine, tally: Tally, *, debug: bool, columns: int) -> Iterator[Styled]:
    """The last failure of each task that was to be tried again, the first ones with source and values.

    Args:
        debug: add whole tracebacks.
        columns: where lines of source are cut.
    """
    alike, full = Alike(), 0
    for failed, cancelled in tally.cut_short[:_MOST_LISTED]:
        how = _how(engine, cancelled)
        if full < _MOST_FULL and alike.is_new(failure_of(failed)):
            full += 1
            yield []
            yield from block(engine, failed, debug=debug, columns=columns, then=how)
            yield []
        else:
            yield [*headline(engine, failed), (f"  {how}", "dim")]
    more = len(tally.cut_short) - _MOST_LISTED
    if more > 0:
        yield [(f"… {more:,} more {'was' if more == 1 else 'were'} to be tried again", "dim")]


def _how(engine: Engine, cancelled: Row) -> str:
    """`stopped while waiting for attempt 3 of 5`, or during it."""
    node, index, attempt = cancelled[:3]
    when = "during" if attempt else "while waiting for"
    return f"stopped {when} {attempt_text(engine, cancelled, attempt or engine.machine.attempt(node, index))}"
