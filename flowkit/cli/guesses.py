"""When what is at work ends, by how far it has come by itself: without earlier runs.

Pure: what is guessed depends on the arguments alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowkit.cli.bars import share_of
from flowkit.cli.tally import Child, GroupTally, Tally
from flowkit.plan.events import Report, Row
from flowkit.plan.status import CACHED, SKIPPED

_FROM = 3.0  # seconds that something has run before it is worth a guess when it ends
_NEVER = 1e8  # seconds
_NEARLY = 0.99  # the most that an attempt counts before it has ended
_OVERDUE = 0.5  # of the time that it is late: what is left of an attempt that should have ended


def attempt_left(age: float, report: Report) -> float | None:
    """Seconds until an attempt ends, by how far it says that it is; None where that is too early to say."""
    share = share_of(report)
    left = age / share - age if share and age > _FROM and share < 1 else _NEVER
    return left if left < _NEVER else None


def attempts_left(tally: Tally, now: float) -> dict[Child, float]:
    """The same of all attempts at work that say how far they are, and of which it can be guessed."""
    found = {child: attempt_left(now - row[4], report) for child, row, report in _reports(tally)}
    return {child: left for child, left in found.items() if left is not None}


def parts_done(tally: Tally) -> dict[int, float]:
    """By node, how much of attempts at work is done, as they say themselves: half of one and a quarter of
    another are 0.75."""
    found: dict[int, float] = {}
    for (node, _), _, report in _reports(tally):
        if (share := share_of(report)) is not None:
            found[node] = found.get(node, 0.0) + min(share, _NEARLY)
    return found


def _reports(tally: Tally) -> Iterator[tuple[Child, Row, Report]]:
    for child in tally.reports:
        row = tally.running.get(child)
        if row is not None and (report := tally.report_of(row)) is not None:
            yield child, row, report


def group_left(
    group: GroupTally, ended: int, part: float, running: Iterable[float], now: float
) -> float | None:
    """Seconds until the children of a mapped task have ended, where it goes on as it has so far; None where
    that is too early to say, or nothing runs.

    Args:
        ended: how many children have.
        part: of the others, how much is done, as they say; 0: they say nothing.
        running: since when each attempt of a child at work has run.
    """
    age, ages = now - group.began, [now - began for began in running]
    found = group.counts.get(CACHED, 0) + group.counts.get(SKIPPED, 0)
    made, left = max(0, ended - group.before - found) + part, group.width - ended - part
    if made <= 0 or age <= _FROM or not ages:
        return None
    if part:
        return age / made * left
    # Of the time so far, the part in which those were made that have ended.
    spent = sum(ages) / len(ages)
    rest = left * max(0.0, age - spent) / made - spent
    return rest if rest >= 0 else _OVERDUE * -rest
