"""How the work of a run should go on, from a run that is played through by what is known before it. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from flowkit.plan.durations import Children, Durations, TaskRecord
from flowkit.plan.expected import Expected
from flowkit.plan.limits import Limits
from flowkit.plan.plan import Plan
from flowkit.plan.script import Facts
from flowkit.plan.simulation import Script, Span, spans
from flowkit.plan.status import SUCCESS

_MOST = 2_000  # calls: playing them through takes some milliseconds


class Foreseen:
    """When how much of the work should be done.

    Args:
        some: when each call begins and ends.
    """

    def __init__(self, some: Sequence[Span]) -> None:
        changes = sorted([(began, 1) for began, _ in some] + [(ended, -1) for _, ended in some])
        self._times, self._done = [0.0], [0.0]
        running = 0
        for now, change in changes:
            self._done.append(self._done[-1] + running * (now - self._times[-1]))
            self._times.append(now)
            running += change

    @property
    def work(self) -> float:
        """Seconds of all calls."""
        return self._done[-1]

    def left(self, done: float) -> float:
        """Seconds to the end from the moment at which so many seconds of work are done."""
        times, work = self._times, self._done
        place = bisect_left(work, done)
        if place == len(work):
            return 0.0
        if not place or work[place] == done:
            return times[-1] - times[place]
        share = (done - work[place - 1]) / (work[place] - work[place - 1])
        return times[-1] - times[place - 1] - share * (times[place] - times[place - 1])


def foreseen(
    plan: Plan,
    expected: Expected,
    durations: Durations | None,
    workers: Sequence[int],
    limits: Limits | None,
) -> Foreseen | None:
    """How a run should go; None where that would cost too much, or nothing is known."""
    calls = plan.size + sum(expected.widths.values())
    if durations is None or expected.guess is None or calls > _MOST:
        return None
    mapped = {node: durations.mapped[plan.keys[node]] for node in expected.widths}
    records = [TaskRecord(width=mapped[node].width if node in mapped else -1) for node in range(plan.size)]
    children = {node: _seconds(some) for node, some in mapped.items() if some.width > 1}
    script = Script(seconds=expected.own, children=children, details=Facts(plan, records).details)
    script.known = [
        (node, -1, 1, SUCCESS, 0.0, 0.0, None, script.details.get((node, -1)))
        for node in (*plan.known, *plan.parameters.values())
    ]
    return Foreseen(spans(plan, script, workers, limits))


def _seconds(some: Children) -> list[float]:
    """Of each child: the longest, and the others alike."""
    others = (some.mean * some.width - some.longest) / (some.width - 1)
    return [some.longest, *[max(0.0, others)] * (some.width - 1)]
