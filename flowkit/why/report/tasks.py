"""Every task of a run, and every child of a mapped one, with what became of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowkit.plan.status import CACHED, MAPPED, Status
from flowkit.store.history import History
from flowkit.store.records import AttemptRecord, ChildrenRecord, RunRecord, hidden_nodes
from flowkit.store.run_status import RunStatus
from flowkit.why.report.axis import Axis
from flowkit.why.standing import of_all, said, stands

Mark = tuple[int, int]  # the number of a task in the rows of its run, and the child or -1

_NUMBERED = re.compile(r"-\d+$")
_NOTE = 300  # characters of what is said of a task
_REACHED = {RunStatus.RUNNING: Status.WAITING}  # what is not reached yet; else it never will be


@dataclass(slots=True)
class Task:
    """A task, or a child of a mapped one. Times are seconds on the axis of the run.

    Attributes:
        status: None: it was never reached.
        attempts: how many were made.
        began, ended: of the attempts that its last session made, of a mapped task of all that its children
            made; None where there were none.
        took: seconds of its last attempt; of a mapped task from the first start to the last end.
        earlier: from when until when attempts of earlier sessions went.
        waited: seconds between its attempts.
        worker: who ran it last.
        note: why it stands as it does, in one line.
        memory: bytes; 0: that is not known.
        children: of a mapped task, how many of them stand how.
    """

    key: str
    node: int
    child: int
    status: Status | None
    attempts: int = 0
    began: float | None = None
    ended: float | None = None
    took: float = 0.0
    waited: float = 0.0
    worker: str = ""
    note: str = ""
    memory: int = 0
    children: Mapping[str, int] | None = None
    earlier: Sequence[tuple[float, float]] = ()


def stem_of(key: str) -> str:
    """`clean` for `clean-2`: what the tasks of a name share."""
    return _NUMBERED.sub("", key)


Attempts = dict[Mark, list[AttemptRecord]]


def attempts_of(history: History, run: RunRecord, attempts: Sequence[AttemptRecord]) -> Attempts:
    """The attempts of every task in the order of the flow, none of those that only carry values; an empty
    list for what was never reached."""
    outline = history.outline(run)
    hidden = hidden_nodes(outline)
    left = outline.get("ids") or range(len(outline.get("keys", ())))
    found: Attempts = {(node, -1): [] for node in left if node not in hidden}
    for each in attempts:
        if each.node not in hidden and each.attempt >= 0:
            found.setdefault((each.node, each.child), []).append(each)
    for mark, each in history.given(run).items():
        found.setdefault(mark, [])
        found[mark] = found[mark] or [each]
    return found


def tasks_of(run: RunRecord, grouped: Attempts, axis: Axis, keys: Sequence[Any]) -> dict[Mark, Task]:
    """What became of each, mapped ones as a whole and each of their children."""
    found: dict[Mark, Task] = {}
    for (node, child), attempts in grouped.items():
        key = attempts[-1].key if attempts else str(keys[node]) if node < len(keys) else f"task {node}"
        found[node, child] = _task(run, key, (node, child), attempts, axis)
    for node, children in children_of(found).items():
        if (node, -1) not in found:
            key = children[0].key.rpartition("[")[0]
            found[node, -1] = Task(key, node, -1, stands(run, Status.RUNNING))
        _sum_up(found[node, -1], children)
    return found


def _task(run: RunRecord, key: str, mark: Mark, attempts: Sequence[AttemptRecord], axis: Axis) -> Task:
    if not attempts:
        return Task(key, *mark, _REACHED.get(run.status))
    last = attempts[-1]
    task = Task(key, *mark, stands(run, last.status), note=note_of(last))
    made = attempts if len(attempts) == 1 and last.attempt > 0 else [e for e in attempts if e.attempt > 0]
    if not made:
        return task
    last = made[-1]
    task.attempts, task.worker = len(made), last.worker or ""
    memory = last.detail.get("memory") if last.detail else None
    task.memory = memory if isinstance(memory, int) else 0
    of_session = made if len(made) == 1 else [each for each in made if each.session == last.session]
    task.began = axis.at(of_session[0].started, last.session)
    task.ended = _end(last, axis)
    task.took = task.ended - axis.at(last.started, last.session)
    if len(of_session) < len(made):
        before = made[: -len(of_session)]
        task.earlier = [(axis.at(each.started, each.session), _end(each, axis)) for each in before]
    if len(of_session) > 1:
        spent = sum(each.duration or 0.0 for each in of_session)
        task.waited = max(0.0, task.ended - task.began - spent)
    return task


def _end(attempt: AttemptRecord, axis: Axis) -> float:
    """Where an attempt ends on the axis; one that never ended does with its session."""
    if attempt.ended is not None:
        return axis.at(attempt.ended, attempt.session)
    _, place, length = axis.sessions.get(attempt.session, (0.0, 0.0, 0.0))
    return place + length


def note_of(attempt: AttemptRecord) -> str:
    """Why an attempt ended as it did, in a line; where a value was found, from which run it is."""
    if not attempt.detail:
        return ""
    origin = attempt.detail.get("origin")
    if attempt.status == CACHED and isinstance(origin, dict) and "run" in origin:
        return f"from run {origin['run']}"
    text = said(attempt).strip()
    line = text.partition("\n")[0]
    return f"{line[:_NOTE]}…" if len(line) > _NOTE else line


def children_of(tasks: Mapping[Mark, Task]) -> dict[int, list[Task]]:
    """The children of mapped tasks, by the node of these."""
    found: dict[int, list[Task]] = {}
    for (node, child), task in tasks.items():
        if child >= 0:
            found.setdefault(node, []).append(task)
    return found


def _sum_up(task: Task, children: Sequence[Task]) -> None:
    """What a mapped task is as a whole."""
    counts = Counter(child.status for child in children if child.status is not None)
    if task.status is not None:
        task.status = of_all(task.status, ChildrenRecord(counts=dict(counts)))
    task.children = {status.word: number for status, number in sorted(counts.items())}
    task.attempts = sum(child.attempts for child in children)
    ran = [child for child in children if child.began is not None and child.ended is not None]
    if ran:
        first = (child.earlier[0][0] if child.earlier else child.began for child in ran)
        task.began = min(began for began in first if began is not None)
        task.ended = max(child.ended for child in ran if child.ended is not None)
        task.took = task.ended - task.began
    task.note = task.note if task.status is not None and task.status.bad and task.status != MAPPED else ""
