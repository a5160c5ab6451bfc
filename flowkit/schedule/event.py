"""One time at which a flow is due, and what its run is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flowkit.errors import CallError
from flowkit.schedule import zones
from flowkit.schedule.text import moment_text


class ClockEvent:
    """One time at which a flow is due.

    Events are ordered by their instant alone, and equal when all that they hold is: two clocks that strike
    together with different defaults make two runs.

    Attributes:
        start_time: when, aware; without a zone it is taken as UTC.
        parameter_defaults: values of parameters for that run.
        labels: of that run, or None.

    Raises:
        CallError: an argument is not of its kind.
    """

    __slots__ = ("labels", "parameter_defaults", "start_time")

    def __init__(
        self,
        start_time: datetime,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        self.start_time = zones.aware(start_time, "`start_time` of an event")
        self.parameter_defaults = checked_defaults(parameter_defaults, "an event")
        self.labels = checked_labels(labels, "an event")

    def _instant(self) -> datetime:
        return zones.instant(self.start_time)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClockEvent):
            return NotImplemented
        return (self._instant(), self.labels, self.parameter_defaults) == (
            other._instant(),
            other.labels,
            other.parameter_defaults,
        )

    def __hash__(self) -> int:
        return hash(self._instant())

    def __lt__(self, other: object) -> bool:
        return self._instant() < other._instant() if isinstance(other, ClockEvent) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self._instant() <= other._instant() if isinstance(other, ClockEvent) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self._instant() > other._instant() if isinstance(other, ClockEvent) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self._instant() >= other._instant() if isinstance(other, ClockEvent) else NotImplemented

    def __repr__(self) -> str:
        more = f", {self.parameter_defaults!r}" if self.parameter_defaults else ""
        more += f", labels={self.labels!r}" if self.labels else ""
        return f"ClockEvent({moment_text(self.start_time)}{more})"


def checked_defaults(defaults: Any, of: str) -> dict[str, Any]:
    """A dict of its own.

    Raises:
        CallError: not a mapping.
    """
    if defaults is None:
        return {}
    if not isinstance(defaults, Mapping):
        raise CallError(f"`parameter_defaults` of {of} is a dict, not `{type(defaults).__name__}`")
    return dict(defaults)


def checked_labels(labels: Any, of: str) -> list[str] | None:
    """Sorted and each once, as their order means nothing; None where none are set.

    Raises:
        CallError: not texts.
    """
    if labels is None:
        return None
    given = [labels] if isinstance(labels, str) or not isinstance(labels, Iterable) else list(labels)
    if isinstance(labels, str) or not all(isinstance(label, str) for label in given):
        raise CallError(f"`labels` of {of} is a list of texts, not `{labels!r}`", hints=('as in `["gpu"]`',))
    return sorted(set(given))
