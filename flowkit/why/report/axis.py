"""The time of a run as an axis: seconds that were spent on it, without those between its sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowkit.store.records import AttemptRecord, RunRecord, SessionRecord


@dataclass(frozen=True)
class Axis:
    """Places of moments in seconds from the beginning.

    Attributes:
        sessions: for each its first moment, its place, and its length in seconds.
        total: the length of all.
        starts: from when until when each session had not yet begun a task.
    """

    sessions: Mapping[int, tuple[float, float, float]]
    total: float
    starts: Sequence[tuple[float, float]] = ()

    def at(self, moment: float, session: int) -> float:
        """Where a moment of a session lies; moments outside of the session lie at its edges."""
        began, place, length = self.sessions.get(session, (moment, 0.0, 0.0))
        return place + min(max(moment - began, 0.0), length)

    def of(self, moment: float) -> float:
        """Where a moment lies whose session is not known: in the last one that had begun."""
        begun = [number for number, (began, _, _) in self.sessions.items() if began <= moment]
        return self.at(moment, max(begun)) if begun else 0.0

    @property
    def breaks(self) -> list[float]:
        """Where later sessions begin."""
        return sorted(place for _, place, _ in self.sessions.values())[1:]


def axis_of(
    run: RunRecord, sessions: Sequence[SessionRecord], attempts: Sequence[AttemptRecord], now: float
) -> Axis:
    """The axis of a run.

    Args:
        now: seconds since 1970, up to where a session goes that goes on.
    """
    first: dict[int, float] = {}
    latest: dict[int, float] = {}
    for each in attempts:
        if each.attempt > 0:
            first[each.session] = min(each.started, first.get(each.session, each.started))
        seen = max(each.started, each.ended or 0.0)
        if seen > latest.get(each.session, 0.0):
            latest[each.session] = seen
    found, starts, place = {}, [], 0.0
    for session in sessions:
        ended = session.ended
        if ended is None:  # it goes on, or its process was gone
            goes_on = run.ended is None and session is sessions[-1]
            ended = now if goes_on else latest.get(session.session, session.started)
        length = max(0.0, ended - session.started, latest.get(session.session, 0.0) - session.started)
        found[session.session] = (session.started, place, length)
        began = min(max(0.0, first.get(session.session, ended) - session.started), length)
        starts.append((place, place + began))
        place += length
    return Axis(found, place, starts)
