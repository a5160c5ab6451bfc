"""How the tasks of a flow went in its latest runs, one by one, asked of the history: what a prediction needs.

Guarantees: bounded whatever the history holds; what cannot be read is not known, and nothing is raised or set
aside for it. Of each task the latest run counts that tells how long it takes; retries and failures do not.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from flowkit.plan.durations import Recording, TaskRecord
from flowkit.plan.status import CACHED, EXPANDED, LOOPED, MAPPED, RETRYING, SKIPPED, SUCCESS
from flowkit.store.durations import UNREADABLE, keys_of_outline

_RUNS = 20  # that are looked at, at most
_ENOUGH = 200_000  # attempts, after which no earlier run is asked
_LONGEST = 1e9  # seconds that are believed
_LOW = 4  # of the times between two calls of a worker, the one below which one in so many lies

_ONE = "SELECT number, name, outline FROM runs WHERE number=?"
_LATEST = f"SELECT number, name, outline FROM runs WHERE flow=? ORDER BY number DESC LIMIT {_RUNS}"
_ROWS = (
    "SELECT node, child, attempt, status, started, ended, worker,"
    f" CASE WHEN attempt<1 OR status={RETRYING} THEN detail END"
    " FROM attempts WHERE run=? AND status IN"
    f" ({SUCCESS}, {CACHED}, {MAPPED}, {SKIPPED}, {LOOPED}, {RETRYING}, {EXPANDED})"
    " ORDER BY node, child, attempt"
)
_SPAN = "SELECT started, ended FROM sessions WHERE run=?"

Row = tuple[Any, ...]


def recorded(
    connection: sqlite3.Connection, flow: str, keys: Iterable[str], shut: str, run: int | None = None
) -> Recording | None:
    """What the latest runs of a flow tell; None where they tell of no task how long it takes.

    Args:
        keys: of the tasks that it has now.
        shut: what is written of a task that was skipped for a gate.
        run: the only run that is asked.
    """
    query, bounds = (_LATEST, (flow,)) if run is None else (_ONE, (run,))
    try:
        runs = connection.execute(query, bounds).fetchall()
        return _Reading(connection, shut).of(runs, set(keys))
    except UNREADABLE:
        return None


@dataclass
class _Run:
    """What one run says besides its tasks.

    Attributes:
        spans: of the calls of each worker, start and end.
        retried, lost: attempts that were followed by another, and their seconds.
    """

    number: int
    spans: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    retried: int = 0
    lost: float = 0.0

    @property
    def calls(self) -> int:
        return sum(map(len, self.spans.values()))

    def hand_over(self) -> float:
        """Seconds between two calls of a worker that had something to do; where the lock was what everybody
        waited for, what a call took all told."""
        gaps = []
        for spans in self.spans.values():
            spans.sort()
            gaps += [start - end for (_, end), (start, _) in pairwise(spans)]
        gaps = sorted(gap for gap in gaps if gap >= 0)
        if not gaps:
            return 0.0
        first, last = self.ends()
        return max(0.0, min(gaps[len(gaps) // _LOW], (last - first) / self.calls))

    def ends(self) -> tuple[float, float]:
        """When the first call began, and the last ended."""
        return (
            min(start for spans in self.spans.values() for start, _ in spans),
            max(end for spans in self.spans.values() for _, end in spans),
        )


class _Reading:
    """One look at the history."""

    def __init__(self, connection: sqlite3.Connection, shut: str) -> None:
        self._connection = connection
        self._shut = shut
        self._tasks: dict[str, TaskRecord] = {}

    def of(self, runs: Sequence[Row], keys: set[str]) -> Recording | None:
        names: dict[int, str] = {}
        fullest: _Run | None = None
        seen = 0
        for number, name, outline in runs:
            rows = self._connection.execute(_ROWS, (number,)).fetchall()
            if not rows:
                continue
            run = _Run(number)
            self._read(run, keys_of_outline(self._connection, outline), rows)
            names[number] = str(name)
            if run.spans and (fullest is None or run.calls > fullest.calls):
                fullest = run
            seen += len(rows)
            left = (key for key in keys if key not in self._tasks or not self._tasks[key].is_known)
            if seen >= _ENOUGH or next(left, None) is None:
                break
        if fullest is None or not any(task.run for task in self._tasks.values()):
            return None
        return Recording(
            tasks=self._tasks,
            runs=names,
            hand_over=fullest.hand_over(),
            around=self._around(fullest),
            retried=fullest.retried,
            lost=fullest.lost,
        )

    def _around(self, run: _Run) -> float:
        """Seconds of a run before its first call and after its last; 0 where it had several sessions."""
        sessions = self._connection.execute(_SPAN, (run.number,)).fetchall()
        if len(sessions) != 1 or sessions[0][1] is None:
            return 0.0
        first, last = run.ends()
        started, ended = sessions[0]
        return float(max(0.0, first - started) + max(0.0, ended - last))

    def _read(self, run: _Run, keys: list[str], rows: list[Row]) -> None:
        """Take of a run what is not known from a later one."""
        for node, some in groupby(rows, itemgetter(0)):
            self._add(keys[node], self._task(run, some))

    def _task(self, run: _Run, rows: Iterable[Row]) -> TaskRecord:
        task = TaskRecord()
        looped: dict[int, float] = {}
        for _, child, attempt, status, started, ended, worker, detail in rows:
            seconds = ended - started
            if not 0 <= seconds <= _LONGEST:
                continue
            if attempt > 0 and worker is not None:
                run.spans.setdefault(worker, []).append((started, ended))
            if status == EXPANDED:
                task.width = int(json.loads(detail)["width"])
                task.children = array("d", [float("nan")]) * max(0, task.width)
            elif status == RETRYING:
                run.retried += 1
                run.lost += seconds
                task.again.setdefault(child, []).append((seconds, _wait(detail)))
            elif status == LOOPED:
                looped[child] = looped.get(child, 0.0) + seconds
            elif status == SKIPPED:
                self._skip(task, child, attempt, detail)
                if attempt:
                    _make(task, run.number, child, seconds)
            else:
                task.is_settled = task.is_settled or child < 0
                if status == SUCCESS and attempt > 0:
                    _make(task, run.number, child, seconds + looped.get(child, 0.0))
        return task

    def _skip(self, task: TaskRecord, child: int, attempt: int, detail: Any) -> None:
        task.is_settled = task.is_settled or child < 0
        if attempt:
            task.skipped.add(child)
            return
        task.idle.add(child)
        if self._shut in (detail or ""):
            task.shut.add(child)

    def _add(self, key: str, task: TaskRecord) -> None:
        known = self._tasks.setdefault(key, task)
        if known is task:
            return
        if not known.is_settled:
            self._tasks[key] = task if task.is_settled or not known.run else known
        elif not known.run and task.run:  # its end is that of a later run, in which it was found
            known.run, known.seconds, known.children = task.run, task.seconds, task.children


def _wait(detail: str | None) -> float:
    """Seconds from the end of an attempt until another may begin."""
    found = json.loads(detail) if detail else {}
    return min(max(0.0, float(found["retry_in"])), _LONGEST) if "retry_in" in found else 0.0


def _make(task: TaskRecord, run: int, child: int, seconds: float) -> None:
    """A task, or a child of a mapped one, was made."""
    task.run = run
    if child < 0:
        task.seconds = seconds
    elif child < len(task.children):
        task.children[child] = seconds
