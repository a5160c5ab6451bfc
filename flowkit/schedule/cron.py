"""Five fields of cron: cronsim says which wall times they name, and we which instants those are.

cronsim can walk a zone by itself, but jumps over part of an hour where clocks move by half an hour, and
gives midnights that do not exist; so it is only ever asked about a wall without a zone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

from flowkit.errors import CallError, DefinitionError
from flowkit.schedule import zones
from flowkit.schedule.clock import Clock

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = "minute, hour, day of the month, month, day of the week"
# All leap years and weekdays that meet do so within 50 years of this one.
_ANY_YEAR = datetime(1999, 12, 31, 23, 59, 59)


class CronClock(Clock):
    """Whenever the wall shows what a cron expression names, in the zone of `start_date`.

    Where clocks change, it does as Debian's cron:

    - A time that is named (`30 2 * * *`) comes once a day: at the end of the skip where the wall skips it, in
      the first pass where the wall shows it twice.
    - Where the minute or the hour is a star (`*/10 * * * *`, `0 * * * *`), or all of them are named, it comes
      whenever the wall shows a time that fits: in both passes, and not in a skip.

    `start_date` is a time of the clock if it fits. (Prefect classic, 16.4, where `0 * * * *` rested for the
    second pass.)

    Args:
        cron: minute, hour, day of the month, month, day of the week; a sixth field, the last, is seconds.
            Names (`mon`, `jan`), `L` for the last day of a month, `5L` for its last Friday, `5#2` for its
            second one. Also `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
        start_date, end_date, parameter_defaults, labels: see `Clock`.
        day_or: whether one of the two kinds of days is enough where both are named; else both must fit. A
            day field that starts with a star (`*/2`) must always fit.

    Raises:
        CallError: an argument is not of its kind.
        DefinitionError: the expression is not valid, or names a day that never comes.
    """

    def __init__(
        self,
        cron: str,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
        day_or: bool | None = True,
    ) -> None:
        if not isinstance(cron, str):
            raise CallError(
                f"a cron expression is text, not `{type(cron).__name__}`", hints=('as in `"0 9 * * 1-5"`',)
            )
        self.cron = " ".join(cron.split())
        self.day_or = day_or is None or bool(day_or)
        _check(self.cron, self.day_or)
        super().__init__(start_date, end_date, parameter_defaults, labels)

    def times(self, after: datetime) -> Iterator[datetime]:
        wall = after.astimezone(self.zone)
        begin = wall.replace(tzinfo=None)
        if wall.fold == 0 and len(both := zones.passes(begin, self.zone)) == 2:
            begin -= (
                both[1] - both[0]
            )  # what the wall shows once more is behind on the wall, and still to come
        simulator = _simulator(self.cron, self.day_or, begin)
        choose = _each_pass if _is_wild(self.cron, simulator) else _once
        for moment in choose(simulator, self.zone):
            yield moment.astimezone(self.zone)

    def describe(self) -> dict[str, Any]:
        only = {} if self.day_or else {"day_or": False}
        return {"cron": self.cron, **only, **super().describe()}


def _once(walls: Iterator[datetime], zone: tzinfo) -> Iterator[datetime]:
    for wall in walls:
        found = zones.passes(wall, zone)
        yield found[0] if found else zones.end_of_skip(wall, zone)


def _each_pass(walls: Iterator[datetime], zone: tzinfo) -> Iterator[datetime]:
    second: deque[datetime] = deque()  # passes that come after the last of the first ones
    for wall in walls:
        found = zones.passes(wall, zone)
        while second and found and second[0] < found[0]:
            yield second.popleft()
        yield from found[:1]
        second.extend(found[1:])
    yield from second


def _fields(cron: str) -> list[str]:
    """Seconds first, as cronsim has them, where there are six; as croniter, Prefect classic has them last."""
    fields = _ALIASES.get(cron.lower(), cron).split()
    return [fields[5], *fields[:5]] if len(fields) == 6 else fields


def _simulator(cron: str, day_or: bool, begin: datetime) -> Any:
    from cronsim import CronSim

    simulator = CronSim(" ".join(_fields(cron)), begin)
    simulator.day_and = simulator.day_and or not day_or
    return simulator


def _is_wild(cron: str, simulator: Any) -> bool:
    minute, hour = _fields(cron)[-5:-3]
    return (
        minute.startswith("*")
        or hour.startswith("*")
        or len(simulator.hours) == 24
        or len(simulator.minutes) == 60
    )


def _check(cron: str, day_or: bool) -> None:
    from cronsim import CronSimError

    simulate = partial(_simulator, day_or=day_or, begin=_ANY_YEAR)
    try:
        comes = next(simulate(cron), None) is not None
    except (CronSimError, ValueError) as error:  # a number of thousands of digits is none to Python
        if not _is_valid_in_other_months(cron):
            reason = str(error)[:1].lower() + str(error)[1:]
            raise DefinitionError(
                f"the cron expression `{cron}` is not valid: {reason}", hints=_hints(cron)
            ) from None
        comes = False
    if not comes:
        raise DefinitionError(
            f"the cron expression `{cron}` never comes: no year has such a day",
            hints=("`L` as the day of the month is the last one, whatever its number",),
        )


def _is_valid_in_other_months(cron: str) -> bool:
    """Whether it names a day that its months do not have, which cronsim finds in some expressions."""
    from cronsim import CronSim, CronSimError

    fields = _fields(cron)
    if len(fields) not in (5, 6):
        return False
    try:
        CronSim(" ".join([*fields[:-2], "*", fields[-1]]), _ANY_YEAR)
        CronSim(" ".join(["*"] * 3 + fields[-2:-1] + ["*"]), _ANY_YEAR)
    except (CronSimError, ValueError):
        return False
    return True


def _hints(cron: str) -> tuple[str, ...]:
    if cron.startswith("@"):
        return (f"known are {', '.join(f'`{alias}`' for alias in _ALIASES)}",)
    return (f"the fields are {_FIELDS}, and seconds if there is a sixth",)
