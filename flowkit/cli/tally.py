"""What the rows of a run add up to: how many are done, what runs, what failed.

Guarantees: a row costs the same whatever was before; the common ones (a start, a success) cost a few
tenths of a microsecond, as the thread that counts shares the processor with the tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from flowkit.plan.events import Call, Report, Row
from flowkit.plan.order import shown_order
from flowkit.plan.plan import Plan
from flowkit.plan.status import (
    CACHED,
    CANCELLED,
    EXPANDED,
    FAILED,
    LOOPED,
    MAPPED,
    PAUSED,
    RETRYING,
    RUNNING,
    SKIPPED,
    SUCCESS,
    TIMED_OUT,
    TRIGGER_FAILED,
    Status,
)
from flowkit.plan.verdicts import NOTHING_TO_MAP

Child = tuple[int, int]  # node, index or -1

_QUICK, _LOUD, _HIDDEN = 0, 1, 2
_KEPT_SLOWEST = 3
_KEPT_UNRUN = 1000


class GroupTally:
    """The children of a mapped task.

    Attributes:
        width: how many.
        began, ended: seconds of the run's clock; `ended` is 0 before.
        before: children that had ended before this session.
        counts: children that have ended otherwise than well, by status.
        retried: attempts that were followed by another.
    """

    __slots__ = ("before", "began", "counts", "ended", "retried", "width")

    def __init__(self, width: int, began: float, before: int = 0) -> None:
        self.width = width
        self.before = before
        self.began = began
        self.ended = 0.0
        self.counts: dict[int, int] = {}
        self.retried = 0

    @property
    def status(self) -> int:
        """How it ended as a whole: as the worst of its children did; cached or skipped where all were."""
        for status in (FAILED, TIMED_OUT, TRIGGER_FAILED, CANCELLED):
            if status in self.counts:
                return status
        for status in (SKIPPED, CACHED):
            if self.width and self.counts.get(status) == self.width:
                return status
        return SUCCESS

    def words(self, ended: int) -> str:
        """`39 ok · 1 failed`.

        Args:
            ended: how many children have.
        """
        counts = [(SUCCESS, ended - sum(self.counts.values())), *sorted(self.counts.items())]
        words = [f"{number:,} {Status(status).word}" for status, number in counts if number]
        return " · ".join(words) or "nothing to map over"


class Tally:
    """The sums of one run. Tasks that only carry values count where they fail.

    Args:
        loud: whether the starts and successes of a task, or of the children of a mapped task of so
            many, are notable: of (the number of visible tasks, children or 0).

    Attributes:
        visible: tasks that count, from the beginning.
        total, done: tasks and children, known so far.
        ended: tasks, or children of a mapped one, that ended, by node.
        counts: of what is done, by status.
        running: the rows of attempts that run.
        retrying: the rows of attempts that are followed by another, which has not started.
        failing: the rows of the last attempts that failed, of what has not ended since.
        cut_short: of what was cancelled while it was failing so, that row and the one of its end.
        paused: the rows of attempts that wait for somebody, or a time, to go on.
        reports: how far attempts that run have said that they are.
        looping: tasks, and children, of which an iteration has ended.
        groups: mapped tasks that have expanded.
        failures: rows of what failed.
        cached: tasks of which something was found, with how many times; the first thousand.
        unrun: rows of what was skipped or not run, the first thousand.
        followed: of what failed, how many only as what they were to be mapped over has.
        slowest: seconds and who, the longest last; none that was cut short.
        before: tasks and children that had ended before this session, and are not counted otherwise.
    """

    def __init__(self, plan: Plan, loud: Callable[[int, int], bool] = lambda tasks, children: False) -> None:
        # As `Plan.hidden` has it, for all nodes at once.
        hidden = bytearray(map(attrgetter("is_carrier"), plan.tasks))
        for node in plan.parameters.values():
            hidden[node] = 1
        self.visible = self.total = plan.size - sum(hidden)
        # By node, where it is shown; None: by its number, which differs in chains of mapped tasks only.
        self.places: Sequence[int] | None = _places(plan) if plan.paired else None
        self._loud = loud
        usual = _LOUD if loud(self.visible, 0) else _QUICK
        self._kinds = bytearray(_HIDDEN if each else usual for each in hidden)
        self.done = 0
        self.before = 0
        self.retried = 0
        self.ended = [0] * plan.size
        self.counts = [0] * len(Status)
        self.running: dict[Child, Row] = {}
        self.retrying: dict[Child, Row] = {}
        self.failing: dict[Child, Row] = {}
        self.cut_short: list[tuple[Row, Row]] = []
        self.paused: dict[Child, Row] = {}
        self.reports: dict[Child, tuple[int, Report]] = {}
        self.looping: set[Child] = set()
        self.groups: dict[int, GroupTally] = {}
        self.failures: list[Row] = []
        self.cached: dict[int, int] = {}
        self.unrun: list[Row] = []
        self.followed = 0
        self.slowest: list[tuple[float, int, int]] = []
        self._slow = 0.5  # seconds below which nobody asks who was slowest

    def hidden(self, node: int) -> bool:
        """Whether a task only carries values about."""
        return self._kinds[node] == _HIDDEN

    def take_over(self, rows: Sequence[Row]) -> None:
        """Leave out what is known already: ends, those of children before that of their mapped task."""
        whole = {row[0] for row in rows if row[3] == MAPPED}
        for node, index, _, status, *_ in rows:
            if self.hidden(node):
                continue
            if status != MAPPED:
                self.before += 1
                self.ended[node] += 1
            if index < 0 or node not in whole:
                self.total -= 1

    def take(self, rows: Sequence[Row]) -> list[Row]:
        """Count rows; returns those that are worth a line."""
        kinds, running, retrying, ended = self._kinds, self.running, self.retrying, self.ended
        reports, failing = self.reports, self.failing
        notable = []
        succeeded = 0
        for row in rows:
            node, index, _, status, began, end, _, _ = row
            if not kinds[node]:
                if status == RUNNING:
                    running[node, index] = row
                    if retrying:
                        retrying.pop((node, index), None)
                    if self.paused:
                        self.paused.pop((node, index), None)
                    continue
                if status == SUCCESS:
                    running.pop((node, index), None)
                    if failing:
                        failing.pop((node, index), None)
                    if reports:
                        reports.pop((node, index), None)
                    ended[node] += 1
                    succeeded += 1
                    if end - began > self._slow:
                        self._note_slow(end - began, node, index)
                    continue
            if self._weigh(row):
                notable.append(row)
        self.done += succeeded
        self.counts[SUCCESS] += succeeded
        return notable

    def hear(self, reports: Mapping[Call, Report]) -> None:
        """Take how far attempts say that they are, of those that run."""
        for (node, index, attempt), report in reports.items():
            row = self.running.get((node, index))
            if row is not None and row[2] == attempt:
                self.reports[node, index] = attempt, report

    def report_of(self, row: Row) -> Report | None:
        """How far an attempt that runs has said that it is."""
        attempt, report = self.reports.get((row[0], row[1]), (0, None))
        return report if attempt == row[2] else None

    def _weigh(self, row: Row) -> bool:
        """Count a row that may be of any kind; whether it is worth a line."""
        node, index, attempt, status, began, end, _, _ = row
        if self.hidden(node):
            return status in (FAILED, TIMED_OUT) and self._adopt(row)
        child = (node, index)
        if status == RUNNING:
            self.running[child] = row
            self.retrying.pop(child, None)
            self.paused.pop(child, None)
            return self._is_loud(node) and child not in self.looping
        self.running.pop(child, None)
        self.reports.pop(child, None)
        if status == LOOPED:
            self.looping.add(child)
            return False
        if status == PAUSED:
            self.paused[child] = row
            return True
        if status == RETRYING:
            self.retrying[child] = self.failing[child] = row
            self.retried += 1
            if index >= 0:
                self.groups[node].retried += 1
            return True
        if status == EXPANDED:
            return self._expand(node, attempt, began)
        if status == MAPPED:
            return self._group_ended(node, end)
        if index < 0 and node in self.groups:
            return False  # cut short: its children were counted
        self._end(row)
        return status != SUCCESS or self._is_loud(node)

    def _is_loud(self, node: int) -> bool:
        return self._kinds[node] == _LOUD

    def _adopt(self, row: Row) -> bool:
        """A task that should not be seen failed: it is seen."""
        self.total += 1
        self._end(row)
        return True

    def _expand(self, node: int, width: int, now: float) -> bool:
        self.groups[node] = GroupTally(width, now, self.ended[node])
        self.total += max(0, width - 1)
        self._kinds[node] = _LOUD if self._loud(self.visible, max(1, width)) else _QUICK
        return True

    def _group_ended(self, node: int, now: float) -> bool:
        group = self.groups[node]
        group.ended = now
        if not group.width:
            self.done += 1
            self.counts[SUCCESS] += 1
        return True

    def _end(self, row: Row) -> None:
        node, index, _, status, began, end, _, _ = row
        self.retrying.pop((node, index), None)
        self.paused.pop((node, index), None)
        last = self.failing.pop((node, index), None)
        if last is not None and status == CANCELLED:
            self.cut_short.append((last, row))
        self.done += 1
        self.ended[node] += 1
        self.counts[status] += 1
        follows = row[7] == NOTHING_TO_MAP
        self.followed += follows
        if status in (FAILED, TIMED_OUT) and not follows:
            self.failures.append(row)
        elif status == CACHED and (node in self.cached or len(self.cached) < _KEPT_UNRUN):
            self.cached[node] = self.cached.get(node, 0) + 1
        elif (follows or status in (SKIPPED, TRIGGER_FAILED)) and len(self.unrun) < _KEPT_UNRUN:
            self.unrun.append(row)
        if index >= 0 and status != SUCCESS and node in self.groups:
            counts = self.groups[node].counts
            counts[status] = counts.get(status, 0) + 1
        if end - began > self._slow and status != CANCELLED:
            self._note_slow(end - began, node, index)

    def _note_slow(self, seconds: float, node: int, index: int) -> None:
        self.slowest = sorted([*self.slowest, (seconds, node, index)])[-_KEPT_SLOWEST:]
        if len(self.slowest) == _KEPT_SLOWEST:
            self._slow = self.slowest[0][0]


def _places(plan: Plan) -> list[int]:
    found = [0] * plan.size
    for place, node in enumerate(shown_order(plan.upstreams)):
        found[node] = place
    return found
