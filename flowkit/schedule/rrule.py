"""Recurrence rules of calendars (RFC 5545), as python-dateutil computes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

from flowkit.errors import CallError
from flowkit.schedule import zones
from flowkit.schedule.clock import Clock

if TYPE_CHECKING:
    from dateutil.rrule import rrule, rruleset

# The wall of any zone is less than this from that of UTC.
_APART = timedelta(days=2)
_FIRST = datetime.min.replace(tzinfo=UTC) + 2 * _APART


class _Placed(NamedTuple):
    time: datetime
    skipped: bool


class RRuleClock(Clock):
    """The times of a `dateutil.rrule.rrule` or `rruleset`. (Prefect classic, 16.5)

    A rule whose `dtstart` has no zone speaks of the wall of `start_date`, else of UTC; one that has a zone
    keeps it. As RFC 5545 says, a time that the wall skips comes as long after the skip, and of one that the
    wall shows twice the first is meant.

    dateutil walks a rule with `COUNT` from its beginning at each question, and a rule that never comes up to
    the year 9999: that takes seconds where it is as fine as days, and for ever where it is finer.

    Args:
        rrule_obj: the rule or set.
        start_date, end_date, parameter_defaults, labels: see `Clock`.

    Raises:
        CallError: not a rule, or another argument is not of its kind.
    """

    def __init__(
        self,
        rrule_obj: rrule | rruleset,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        from dateutil.rrule import rrulebase

        if not isinstance(rrule_obj, rrulebase):
            raise CallError(
                f"`RRuleClock` takes a rule of `dateutil.rrule`, not `{type(rrule_obj).__name__}`",
                hints=("`dateutil.rrule.rrulestr` makes one of a text",),
            )
        self.rrule_obj = rrule_obj
        super().__init__(start_date, end_date, parameter_defaults, labels)

    def times(self, after: datetime) -> Iterator[datetime]:
        late: deque[datetime] = deque()  # times of a skip, which come after others that the wall shows later
        for moment in self._placed(max(after, _FIRST) - _APART):
            if moment.skipped:
                late.append(moment.time)
                continue
            while late and zones.instant(late[0]) <= zones.instant(moment.time):
                yield late.popleft()
            yield moment.time
        yield from late

    def _placed(self, early: datetime) -> Iterator[_Placed]:
        earliest = early.replace(tzinfo=None)
        for moment in _nearer(self.rrule_obj, early):
            wall = moment.replace(tzinfo=None)
            if wall > earliest:  # else asking for its instant is work for nothing
                zone = self.zone if moment.tzinfo is None else zones.named(moment.tzinfo)
                yield _Placed(zones.place(wall, zone, moment.fold), not zones.passes(wall, zone))

    def describe(self) -> dict[str, Any]:
        return {"rrule": _text(self.rrule_obj), **super().describe()}


def _nearer(rule: Any, after: datetime) -> Any:
    """The rule from a later `dtstart`, which changes nothing that it gives after `after`.

    dateutil walks from `dtstart` on: a rule for each minute since 2019 takes 11 seconds to tell the next one.
    A whole number of intervals of days, or of weeks, moves neither the time of day nor the phase.
    """
    from dateutil.rrule import DAILY, HOURLY, MINUTELY, SECONDLY, WEEKLY, rrule, rruleset

    if type(rule) is rruleset:
        return _set_of(rule, lambda each: _nearer(each, after))
    if type(rule) is not rrule:  # one of the user's own
        return rule
    days = {WEEKLY: 7, DAILY: 1, HOURLY: 1, MINUTELY: 1, SECONDLY: 1}.get(_part(rule, "freq"))
    if days is None or _part(rule, "count") is not None:
        return rule
    start = _part(rule, "dtstart")
    step = timedelta(days=days * _part(rule, "interval"))
    steps = (after.astimezone(start.tzinfo or UTC).replace(tzinfo=None) - start.replace(tzinfo=None)) // step
    return rule.replace(dtstart=start + steps * step) if steps > 0 else rule


def _set_of(rules: Any, change: Callable[[Any], Any]) -> Any:
    """The same rule set of changed rules."""
    from dateutil.rrule import rruleset

    changed = rruleset()
    for rule in _part(rules, "rrule"):
        changed.rrule(change(rule))
    for rule in _part(rules, "exrule"):
        changed.exrule(change(rule))
    for date in _part(rules, "rdate"):
        changed.rdate(date)
    for date in _part(rules, "exdate"):
        changed.exdate(date)
    return changed


def _part(rule: Any, name: str) -> Any:
    """dateutil tells what a rule is made of in no other way."""
    return getattr(rule, f"_{name}")


def _text(rule: Any) -> str:
    """The lines of an iCalendar, with the zones that `str` of dateutil leaves out."""
    from dateutil.rrule import rrule

    if isinstance(rule, rrule):
        return _with_zone(str(rule), _part(rule, "dtstart").tzinfo)
    lines = [_text(each) for each in _part(rule, "rrule")]
    lines += sorted(_date_line("RDATE", each) for each in _part(rule, "rdate"))
    lines += [_text(each).replace("RRULE:", "EXRULE:") for each in _part(rule, "exrule")]
    lines += sorted(_date_line("EXDATE", each) for each in _part(rule, "exdate"))
    return "\n".join(lines)


def _date_line(name: str, moment: datetime) -> str:
    return _with_zone(f"{name}:{moment:%Y%m%dT%H%M%S}", moment.tzinfo)


def _with_zone(text: str, zone: tzinfo | None) -> str:
    if zone is None:
        return text
    head, _, rest = text.partition(":")
    return f"{head};TZID={zones.named(zone)}:{rest}"
