"""The line of the summary that says what more workers would have done, where that is worth a line.

Guarantees: it costs less than 1 % of the run, or than 50 ms; where it cannot have what it needs, it is not
there.
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from flowkit.cli.styled import Styled
from flowkit.cli.wording import duration
from flowkit.errors import FlowkitError

if TYPE_CHECKING:
    from flowkit.engine.outcome import Outcome
    from flowkit.plan.durations import Recording

_LEAST = 5.0  # seconds of a run that is looked at
_COST = 25e-6  # seconds a call, of reading and of playing through
_SHARE, _LITTLE = 0.01, 0.05  # of the run, and seconds: what may be spent
_SHORT = 0.001  # seconds of a call on average, below which threads mostly wait for each other
_COUNTED = ("threads", "processes")  # lanes that have as many workers as is asked for


def more_workers_line(outcome: Outcome) -> Styled:
    """`with 8 workers  about 41.0s (critical path 38.0s)`; empty where it is not worth a line."""
    engine, plan = outcome.engine, outcome.plan
    if outcome.duration < _LEAST or outcome.exit_code or outcome.paused or engine.number is None:
        return []
    calls = plan.size + sum(group.width for group in engine.machine.groups.values())
    is_dear = calls * _COST > max(_LITTLE, _SHARE * outcome.duration)
    if is_dear or engine.earlier.rows or plan.lanes[0] not in _COUNTED:
        return []
    with suppress(FlowkitError):
        recording = _recording(outcome)
        if recording is not None and outcome.duration > _SHORT * calls:
            return _line(outcome, recording)
    return []


def _recording(outcome: Outcome) -> Recording | None:
    """What the calls of the run took."""
    from flowkit.cli.place import here
    from flowkit.plan.verdicts import GATE_SHUT
    from flowkit.store import database
    from flowkit.store.recorded import recorded

    plan = outcome.plan
    connection = database.open_to_read(here().state / database.FILE)
    if connection is None:
        return None
    with closing(connection):
        return recorded(connection, plan.name, plan.keys, GATE_SHUT, run=outcome.engine.number)


def _line(outcome: Outcome, recording: Recording) -> Styled:
    from flowkit.plan.facts import known_rows
    from flowkit.plan.more_workers import more_workers
    from flowkit.plan.script import basis_of
    from flowkit.runs.prediction import workers_of

    engine, plan = outcome.engine, outcome.plan
    known = [row for row, _ in known_rows(plan, engine.parameters)]
    basis = basis_of(plan, recording, known, is_same=True)
    offer = more_workers(
        plan,
        basis.script,
        engine.workers[0],
        lambda number: workers_of(plan, number),
        took=outcome.duration,
        around=recording.around,
        limits=getattr(engine.machine, "limits", None),
        floor=_computing(plan.lanes[0], outcome.duration),
    )
    if offer is None:
        return []
    words = f"about {duration(offer.seconds)} (critical path {duration(offer.longest)})"
    return [(f"  with {offer.workers} workers  ", "dim"), (words, "")]


def _computing(lane: str, took: float) -> float:
    """Seconds that the run would take at least to compute what it has computed: threads of Python get hardly
    more of the processors than they had; processes may get all."""
    used = sum(os.times()[:4])
    processors = os.cpu_count() or 1
    return used / (processors if lane == "processes" else max(1.0, min(processors, used / took)))
