"""Who worked on what, and when: the attempts of a run in rows, one or more for each worker.

Guarantees: at most about `MOST_SPANS` spans, however many attempts there were; short ones that follow each
other are one span then, which says how many they were and how the worst of them ended.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flowkit.plan.status import PAUSED, RETRYING, Status
from flowkit.store.records import AttemptRecord, RunRecord
from flowkit.why.report.axis import Axis
from flowkit.why.report.tasks import Attempts
from flowkit.why.standing import stands

MOST_SPANS = 20_000
_MOST_ROWS, _MOST_IN_ALL = 64, 160  # of one worker; what goes on beside those is counted, not drawn
_MANY = 48  # workers of a lane that have rows of their own; more, as of coroutines, share them
_BINS = 480
# Beside the workers; who had what was stopped, or goes on, is not recorded.
WAITING, CACHE, STOPPED, AT_WORK, UNKNOWN = "waits", "cache", "stopped", "at work", "worker not known"
_NOT_RECORDED = {Status.CACHED: CACHE, Status.CANCELLED: STOPPED, Status.RUNNING: AT_WORK}
_UNIT = 1e-7  # of the axis: what places are rounded to


@dataclass(slots=True)
class Span:
    """An attempt, the wait for the next one (`is_wait`), or several short attempts of a worker.

    Attributes:
        begin, end: seconds on the axis.
        many: how many attempts.
    """

    begin: float
    end: float
    status: Status
    node: int
    child: int
    attempt: int
    many: int = 1
    is_wait: bool = False


@dataclass(slots=True)
class Row:
    """What one worker did, one after the other; several rows have the name of one worker."""

    worker: str
    spans: list[Span] = field(default_factory=list)
    ended: float = -1.0


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The rows, with the waits in the last ones.

    Attributes:
        parallelism: how many attempts ran at once, on average, in each of equal parts of the axis.
        left_out: attempts that ran beside more others than are drawn.
        worked: seconds of all attempts.
    """

    rows: Sequence[Row]
    parallelism: Sequence[float]
    left_out: int
    merged: int
    worked: float


def timeline_of(run: RunRecord, grouped: Attempts, axis: Axis) -> Timeline:
    """The timeline of a run."""
    each_worker: dict[str, list[Span]] = {}
    waits: list[Span] = []
    for attempts in grouped.values():
        before: AttemptRecord | None = None
        for each in attempts:
            if each.attempt <= 0:
                continue
            span = _span(run, each, axis)
            worker = each.worker or _NOT_RECORDED.get(span.status, UNKNOWN)
            each_worker.setdefault(worker, []).append(span)
            if before is not None and before.status in (RETRYING, PAUSED):
                waits.append(_wait(before, each, axis))
            before = each
        if before is not None and before.status in (RETRYING, PAUSED):
            waits.append(_wait(before, None, axis))
    workers = _together(each_worker)
    rows: list[Row] = []
    left_out = 0
    for worker in sorted(workers, key=lambda name: (name in _NOT_RECORDED.values(), _natural(name))):
        some, missed = _rows(worker, workers[worker], min(_MOST_ROWS, _MOST_IN_ALL - len(rows)))
        rows += some
        left_out += missed
    drawn = sum(len(row.spans) for row in rows)
    parallelism = _parallelism((span for some in workers.values() for span in some), axis.total)
    worked = sum(span.end - span.begin for some in workers.values() for span in some)
    merged = _merge(rows, axis.total) if drawn > MOST_SPANS else 0
    rows += _rows(WAITING, waits, _MOST_ROWS)[0] if waits else []
    return Timeline(rows=rows, parallelism=parallelism, left_out=left_out, merged=merged, worked=worked)


def _together(workers: Mapping[str, list[Span]]) -> Mapping[str, list[Span]]:
    """The spans by worker; where a lane has very many, by lane."""
    lanes = {worker: worker.rpartition("-")[0] or worker for worker in workers}
    sizes = Counter(lanes.values())
    found: dict[str, list[Span]] = {}
    for worker, spans in workers.items():
        many = sizes[lanes[worker]] > _MANY
        found.setdefault(lanes[worker] if many else worker, []).extend(spans)
    return found


def _span(run: RunRecord, attempt: AttemptRecord, axis: Axis) -> Span:
    begin = axis.at(attempt.started, attempt.session)
    if attempt.ended is not None:
        end = axis.at(attempt.ended, attempt.session)
    else:
        _, place, length = axis.sessions.get(attempt.session, (0.0, begin, 0.0))
        end = place + length
    status = attempt.status if attempt.status in (RETRYING, PAUSED) else stands(run, attempt.status)
    return Span(begin, max(begin, end), status, attempt.node, attempt.child, attempt.attempt)


def _wait(before: AttemptRecord, after: AttemptRecord | None, axis: Axis) -> Span:
    begin = axis.at(before.ended or before.started, before.session)
    if after is not None:
        end = axis.at(after.started, after.session)
    else:
        _, place, length = axis.sessions.get(before.session, (0.0, begin, 0.0))
        end = place + length
    found = Span(begin, max(begin, end), before.status, before.node, before.child, before.attempt)
    found.is_wait = True
    return found


def _natural(name: str) -> list[tuple[int, str]]:
    """So that `threads-10` comes after `threads-9`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d{1,9})", name)]


def _rows(worker: str, spans: list[Span], most: int) -> tuple[list[Row], int]:
    """The spans of a worker in as few rows as they need; how many found no place."""
    spans.sort(key=lambda span: span.begin)
    rows: list[Row] = []
    free: list[tuple[float, int]] = []
    left_out = 0
    for span in spans:
        if free and free[0][0] <= span.begin:
            number = heapq.heappop(free)[1]
        elif len(rows) < most:
            number = len(rows)
            rows.append(Row(worker))
        else:
            left_out += 1
            continue
        rows[number].spans.append(span)
        heapq.heappush(free, (span.end, number))
    return rows, left_out


def _merge(rows: Sequence[Row], total: float) -> int:
    """Make one of spans that follow each other within a part of the axis that is too short to be seen."""
    part = total * max(1, len(rows)) / MOST_SPANS * 2
    merged = 0
    for row in rows:
        kept: list[Span] = []
        for span in row.spans:
            last = kept[-1] if kept else None
            if last is not None and span.end - last.begin <= part:
                last.end, last.many = max(last.end, span.end), last.many + 1
                if span.status > last.status:
                    last.status, last.node, last.child = span.status, span.node, span.child
                    last.attempt = span.attempt
                merged += 1
            else:
                kept.append(span)
        row.spans = kept
    return merged


def _parallelism(spans: Iterable[Span], total: float) -> list[float]:
    """How many spans lie over each part of the axis, on average."""
    if total <= 0:
        return []
    scale = _BINS / total
    partly = [0.0] * (_BINS + 1)
    steps = [0] * (_BINS + 2)
    for span in spans:
        begin, end = span.begin * scale, span.end * scale
        first, last = int(begin), int(end)
        if first == last:
            partly[first] += end - begin
            continue
        partly[first] += first + 1 - begin
        partly[last] += end - last
        steps[first + 1] += 1
        steps[last] -= 1
    found, whole = [], 0
    for place in range(_BINS):
        whole += steps[place]
        found.append(partly[place] + whole)
    return found
