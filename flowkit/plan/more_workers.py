"""Whether a run that is over would have been worth more workers, and how many. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from flowkit.plan.limits import Limits
from flowkit.plan.plan import Plan
from flowkit.plan.prediction import Workers
from flowkit.plan.simulation import Script, critical_path, simulate

_LEAST = 3.0  # seconds that are gained
_SHARE = 0.8  # of the time that the run took: the most that it would take
_STEP = 0.85  # of the time with half as many: the most that twice as many take, where they are worth it
_LIKE = 0.2  # of the time that the run took: by so much it may differ from what is played through
_MOST = 64


@dataclass(frozen=True, slots=True)
class Offer:
    """What more workers would do.

    Attributes:
        seconds: that the run would take.
        longest: of the critical path.
    """

    workers: int
    seconds: float
    longest: float


def more_workers(
    plan: Plan,
    script: Script,
    workers: int,
    workers_of: Workers,
    *,
    took: float,
    around: float = 0.0,
    limits: Limits | None = None,
    floor: float = 0.0,
) -> Offer | None:
    """The number of workers that a run would have been worth: twice as many, and twice that, as long as each
    time it gets noticeably quicker. None where it is hardly quicker, or did not go as it is played through.

    Args:
        script: what the calls of the run took.
        workers: how many it had.
        took, around: seconds of the run, and of them those before its first call and after its last.
        floor: seconds that it takes in any case: to compute what it has computed, say.
    """

    def seconds(number: int) -> float:
        return max(floor, simulate(plan, script, workers_of(number), limits).makespan + around)

    longest = critical_path(plan, script).makespan
    if not _is_worth(longest, took) or abs(seconds(workers) - took) > _LIKE * took:
        return None
    best, least = workers, took
    while best <= _MOST // 2 and (found := seconds(2 * best)) <= _STEP * least:
        best, least = 2 * best, found
    return Offer(best, least, longest) if _is_worth(least, took) else None


def _is_worth(seconds: float, took: float) -> bool:
    return seconds <= _SHARE * took and seconds <= took - _LEAST
