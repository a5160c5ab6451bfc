"""What follows an attempt that is not the last: a retry, the next iteration of a loop, a pause.

Guarantees: what waits for a time is in `deadlines`; what waits for somebody is in `held`, and a run in which
nothing else can happen any more rests. Relies on: who carries decisions out, which is the machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappush

from flowkit.plan.events import Row
from flowkit.plan.known import Child, Known
from flowkit.plan.plan import Plan
from flowkit.plan.status import LOOPED, PAUSED, READY, RETRYING

RETRY, LIMIT = 0, 1  # kinds of deadlines

STOPPED = "The run was stopped before it started."
STOPPED_WAITING = "It was stopped while waiting for attempt {}."

Mark = int | Child  # a node, or a child of a mapped one


def mark_of(node: int, index: int) -> Mark:
    """What stands for a node, or for a child of a mapped one, in what few of them have."""
    return node if index < 0 else (node, index)


class Waiting(Known):
    """The part of the machine that knows what comes again, and when.

    Args:
        one_pass: what would be tried again, or go on after a time, is held instead.

    Attributes:
        deadlines: a heap of when `expire` has something to do; what has passed away may still be there.
        held: what waits for `resume`, with PAUSED or RETRYING.
        patient: whether somebody will call `resume` where nothing else can happen any more; else the run is
            over then.
    """

    events: list[Row]
    running: int
    stopping: bool
    _ready: list[list[int]]
    _ahead: set[int]

    def __init__(self, plan: Plan, one_pass: bool) -> None:
        super().__init__(plan)
        self.one_pass = one_pass
        self.patient = False
        self.held: dict[Mark, int] = {}
        self.deadlines: list[tuple[float, int, int, int, int]] = []
        self._limits: dict[tuple[int, int, int], float] = {}
        self._attempts: dict[Mark, int] = {}

    def attempt(self, node: int, index: int = -1) -> int:
        """The number of the attempt that is out, or comes next."""
        return self._attempts.get(mark_of(node, index), 1)

    @property
    def rests(self) -> bool:
        """Whether nothing happens any more unless somebody calls `resume`."""
        return (
            bool(self.held)
            and not (self.running or self._ahead)
            and not any(self._ready)
            and not any(kind == RETRY for _, kind, *_ in self.deadlines)
        )

    def resume(self, marks: Iterable[Mark]) -> None:
        """Let these go on that are held."""
        for mark in marks:
            if self.held.pop(mark, None) is not None:
                node, index = mark if isinstance(mark, tuple) else (mark, -1)
                self._resumed.add((node, index))
                self._ready_again(node, index)

    def _again(self, row: Row) -> None:
        """An attempt has ended that is followed by another, whatever the policy says."""
        node, index, attempt, status, _, now, _, detail = row
        self._attempts[mark_of(node, index)] = attempt + 1
        self.events.append(row)
        if status == LOOPED:
            # Each iteration has all its retries.
            self._forgiven[node, index] = attempt
            if not self.stopping:
                self._ready_again(node, index)
                return
            self._set(node, index, RETRYING)
        else:
            self._forgiven[node, index] = self.forgiven(node, index) + 1
            self._wait(node, index, now, None if detail is None else detail.retry_in, PAUSED)

    def _retried(self, row: Row) -> bool:
        """Whether another attempt follows this one; if so it is arranged for."""
        node, index, attempt, status, _, now, _, detail = row
        if detail is None or detail.retry_in is None or self.stopping:
            return False
        if status != RETRYING and attempt - self.forgiven(node, index) > self.plan.tasks[node].max_retries:
            return False
        self._attempts[mark_of(node, index)] = attempt + 1
        self._wait(node, index, now, detail.retry_in, RETRYING)
        self.events.append((*row[:3], RETRYING, *row[4:]))
        return True

    def _wait(self, node: int, index: int, now: float, seconds: float | None, held: int) -> None:
        """It goes on after so many seconds, or, for None, when it is resumed."""
        self._set(node, index, RETRYING)
        if seconds is None or self.one_pass:
            self.held[mark_of(node, index)] = held
        else:
            heappush(self.deadlines, (now + seconds, RETRY, node, index, self.attempt(node, index)))

    def _limit(self, node: int, index: int, attempt: int, now: float) -> None:
        heappush(self.deadlines, (now + self.plan.timeouts[node], LIMIT, node, index, attempt))

    def limit(self, call: tuple[int, int, int], at: float) -> None:
        """The time limit of a call that is out ends then, not as counted from when it was taken; infinity:
        it has not begun where it was sent to, and its time does not run."""
        self._limits[call] = at
        if at != float("inf"):
            heappush(self.deadlines, (at, LIMIT, *call))

    def _is_late(self, call: tuple[int, int, int], now: float) -> bool:
        if self._limits.get(call, now) > now:
            return False
        self._limits.pop(call, None)
        return True

    def _stopped(self, node: int, index: int) -> str:
        """Why something is Cancelled that is not out."""
        attempt = self.attempt(node, index) if self._attempts else 1
        if attempt - self.forgiven(node, index) < 2:
            return STOPPED
        most = self.plan.tasks[node].max_retries + 1
        return STOPPED_WAITING.format(f"{attempt} of {most}" if attempt <= most else attempt)

    def _ready_again(self, node: int, index: int) -> None:
        """It may start now."""
        self._set(node, index, READY)
        if index >= 0:
            self._push_child(node, index)
        else:
            heappush(self._ready[self.plan.lane_of[node]], node)

    def _push_child(self, node: int, index: int) -> None:
        group = self.groups[node]
        if not group.has_ready:
            heappush(self._ready[self.plan.lane_of[node]], node)
        group.push(index)

    def _set(self, node: int, index: int, status: int) -> None:
        if index < 0:
            self.status[node] = status
        else:
            self.groups[node].states[index] = status
