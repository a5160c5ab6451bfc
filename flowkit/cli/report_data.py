"""What the scripts of a report's page draw: spans, tasks and lines, in columns of small numbers.

Times are multiples of `unit` seconds on the axis of the run; names, notes and workers are numbers of their
lists, so that a hundred thousand tasks take a few megabytes.
"""

from __future__ import annotations

import heapq
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flowkit.draw.visible import printed, visible
from flowkit.plan.status import Status
from flowkit.why.report.gather import Report
from flowkit.why.report.logs import Log
from flowkit.why.report.tasks import Task, children_of

_PARTS = 1e7  # of the axis
_ALL_CHILDREN = 200  # of a mapped task that are all listed; of more, those that failed and the slowest
_FAILED, _SLOWEST, _FIRST = 200, 50, 10
_MOST_CHILDREN = 20_000
_NOT_REACHED = ["not reached", "off", "·"]

TONES = {
    Status.SUCCESS: "good",
    Status.MAPPED: "good",
    Status.CACHED: "cached",
    Status.FAILED: "bad",
    Status.TIMED_OUT: "bad",
    Status.RETRYING: "warn",
    Status.PAUSED: "warn",
    Status.RUNNING: "busy",
    Status.EXPANDED: "busy",
    Status.LOOPED: "good",
    Status.TRIGGER_FAILED: "halt",
    Status.CANCELLED: "halt",
}


def tone(status: Status) -> str:
    """The class of its colour; what has none of its own is grey."""
    return TONES.get(status, "off")


class Listed:
    """Texts by number, each once."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        """The number of a text."""
        found = self._places.get(text)
        if found is None:
            found = self._places[text] = len(self.texts)
            self.texts.append(visible(text))
        return found


class Packing:
    """Makes the columns of one report.

    Attributes:
        children_left_out: how many children of mapped tasks are not among the tasks.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._unit = max(report.axis.total, 1e-6) / _PARTS
        self._names, self._workers, self._notes = Listed(), Listed(), Listed()
        self._places: dict[int, int] = {}  # of the names of nodes
        self.children_left_out = 0
        self.data = self._data()

    def _data(self) -> dict[str, Any]:
        report = self._report
        logs = [self._log(log) for log in report.logs.logs]
        spans, tasks = self._spans(), self._tasks()
        return {
            "flow": visible(report.run.flow),
            "unit": self._unit,
            "total": report.axis.total,
            "breaks": report.axis.breaks,
            "states": [_NOT_REACHED, *([each.word, tone(each), each.symbol] for each in Status)],
            "rows": [visible(row.worker) for row in report.timeline.rows],
            "spans": spans,
            "tasks": tasks,
            "logs": logs,
            "names": self._names.texts,
            "workers": self._workers.texts,
            "notes": self._notes.texts,
        }

    def _units(self, seconds: float) -> int:
        return round(seconds / self._unit)

    def _name(self, node: int) -> int:
        """The number of the name of a task."""
        found = self._places.get(node)
        if found is None:
            task = self._report.tasks.get((node, -1))
            found = self._places[node] = self._names.place(task.key if task else f"task {node}")
        return found

    # -- the timeline -------------------------------------------------------------------------

    def _spans(self) -> dict[str, list[int]]:
        columns: dict[str, list[int]] = {
            name: [] for name in ("row", "at", "length", "state", "name", "child", "attempt", "many", "wait")
        }
        rows = [columns[name].append for name in columns]
        for number, row in enumerate(self._report.timeline.rows):
            for span in row.spans:
                begin = self._units(span.begin)
                values = (
                    number,
                    begin,
                    self._units(span.end) - begin,
                    span.status + 1,
                    self._name(span.node),
                    span.child,
                    span.attempt,
                    span.many,
                    int(span.is_wait),
                )
                for add, value in zip(rows, values, strict=True):
                    add(value)
        return columns

    # -- the table ----------------------------------------------------------------------------

    def _tasks(self) -> dict[str, list[int]]:
        names = ("name", "child", "parent", "state", "attempts", "began", "took", "waited", "worker", "note")
        columns: dict[str, list[int]] = {name: [] for name in names}
        children = children_of(self._report.tasks)
        room, place = _MOST_CHILDREN, 0
        for mark, task in self._report.tasks.items():
            if mark[1] >= 0:
                continue
            parent = place
            place += self._add(columns, task, -1)
            some = children.get(mark[0], ())
            kept = _kept(some)[:room]
            room -= len(kept)
            self.children_left_out += len(some) - len(kept)
            for child in kept:
                place += self._add(columns, child, parent)
        return columns

    def _add(self, columns: Mapping[str, list[int]], task: Task, parent: int) -> int:
        note = task.note
        if task.children:
            counts = ", ".join(f"{number:,} {word}" for word, number in task.children.items())
            total = sum(task.children.values())
            note = f"{total:,} {'child' if total == 1 else 'children'}: {counts}. {note}".strip()
        values = (
            self._name(task.node),
            task.child,
            parent,
            0 if task.status is None else task.status + 1,
            task.attempts,
            -1 if task.began is None else self._units(task.began),
            -1 if task.began is None else self._units(task.took),
            self._units(task.waited),
            self._workers.place(task.worker),
            self._notes.place(note),
        )
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
        return 1

    # -- logs ---------------------------------------------------------------------------------

    def _log(self, log: Log) -> dict[str, Any]:
        lines = [*log.first, *log.last]
        number = self._report.run.number
        task = self._report.tasks.get((log.node, log.child))
        key = task.key if task is not None else self._report.run.flow
        return {
            "name": self._name(log.node) if log.node >= 0 else -1,
            "child": log.child,
            "number": log.number,
            "skipped": log.skipped,
            "gap": len(log.first),
            "command": visible(f"flowkit logs {number} {shlex.quote(key)}"),
            "attempts": int(len({line.attempt for line in lines}) > 1),
            "at": [self._units(self._report.axis.of(line.at)) for line in lines],
            "level": [line.level for line in lines],
            "attempt": [line.attempt for line in lines],
            "cut": [line.cut for line in lines],
            "text": [printed(line.text) for line in lines],
        }


def _kept(children: Sequence[Task]) -> list[Task]:
    """The children that are listed, in order."""
    if len(children) <= _ALL_CHILDREN:
        return list(children)
    bad = [each for each in children if each.status is not None and each.status.bad][:_FAILED]
    slow = heapq.nlargest(_SLOWEST, children, key=lambda each: each.took)
    chosen: Iterable[Task] = (*children[:_FIRST], *bad, *slow)
    found = {each.child: each for each in chosen}
    return [found[child] for child in sorted(found)]
