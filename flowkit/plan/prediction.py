"""How long a run will take with so many workers, and what it cannot be quicker than. Pure.

With more workers a run may take longer, as its tasks fall in another order (Graham 1969): each number is
played through by itself, and nothing is concluded from one about another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flowkit.plan.limits import Limits
from flowkit.plan.plan import Plan
from flowkit.plan.simulation import WITHOUT_END, Course, Link, Script, critical_path, simulate

NEAR = 1.05  # times the least: more workers are not worth it then
_SMALL = 20_000  # calls up to which it is found out where between two of the asked numbers that begins

Workers = Callable[[int], Sequence[int]]
"""For a number of workers, those of each lane of the plan; the first lane has that number, if it can."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A run with so many workers.

    Attributes:
        seconds: from its beginning to its end.
        bound: seconds that it cannot be below: the critical path, or the work of a lane by its workers.
        speed_up: the seconds with one worker by these.
        idle: the part of the time in which the workers of the first lane have nothing to do.
    """

    workers: int
    seconds: float
    bound: float
    speed_up: float
    idle: float


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Runs with different numbers of workers.

    Attributes:
        work, calls: seconds of all calls, and how many there are.
        longest, path: the critical path in seconds, and its calls.
        forecasts: one for each number, in order.
        least: seconds with as many workers as there is something to do for.
        enough: the smallest number of workers that comes near to that; None: it is greater than those asked.
    """

    work: float
    calls: int
    longest: float
    path: Sequence[Link]
    forecasts: Sequence[Forecast]
    least: float
    enough: int | None


def predicted(
    plan: Plan,
    script: Script,
    numbers: Sequence[int],
    workers: Workers,
    limits: Limits | None = None,
    around: float = 0.0,
) -> Prediction:
    """Play a run through for each number of workers.

    Args:
        numbers: of workers, in rising order.
        around: seconds that a run takes before its first call and after its last.
    """
    longest = critical_path(plan, script)

    alone = simulate(plan, script, workers(1), limits)

    def forecast(number: int) -> Forecast:
        course = alone if number == 1 else simulate(plan, script, workers(number), limits)
        bounds = longest.makespan, alone.makespan + around
        return _forecast(course, number, workers(number), bounds, around)

    forecasts = [forecast(number) for number in numbers]
    least = simulate(plan, script, workers(WITHOUT_END), limits).makespan + around
    return Prediction(
        work=longest.work,
        calls=longest.calls,
        longest=longest.makespan,
        path=longest.path,
        forecasts=forecasts,
        least=least,
        enough=_enough(forecasts, least, forecast if longest.calls <= _SMALL else None),
    )


def _forecast(
    course: Course, number: int, workers: Sequence[int], bounds: tuple[float, float], around: float
) -> Forecast:
    """What a course comes to.

    Args:
        bounds: seconds of the critical path, and with one worker.
    """
    longest, alone = bounds
    seconds = course.makespan + around
    shares = [busy / slots for busy, slots in zip(course.busy, workers, strict=True)]
    return Forecast(
        workers=number,
        seconds=seconds,
        bound=max(longest, *shares),
        speed_up=alone / seconds if seconds else 1.0,
        idle=max(0.0, 1 - shares[0] / seconds) if seconds else 0.0,
    )


def _enough(
    forecasts: Sequence[Forecast], least: float, forecast: Callable[[int], Forecast] | None
) -> int | None:
    """The smallest number that comes near to the least; among those asked, where asking more costs much."""
    near = next((place for place, each in enumerate(forecasts) if each.seconds <= NEAR * least), None)
    if near is None:
        return None
    high = forecasts[near].workers
    low = forecasts[near - 1].workers if near else 0
    while forecast is not None and high - low > 1:
        middle = (low + high) // 2
        if forecast(middle).seconds <= NEAR * least:
            high = middle
        else:
            low = middle
    return high
