"""The report of a run: all that its page says, gathered from the history alone, days later too."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowkit.plan.outline import Outline
from flowkit.plan.status import CACHED, CANCELLED, LOOPED, RETRYING, RUNNING, SKIPPED, TRIGGER_FAILED, Status
from flowkit.plan.verdicts import NOTHING_TO_MAP
from flowkit.store.history import History
from flowkit.store.records import AttemptRecord, RunRecord, SessionRecord
from flowkit.store.run_status import RunStatus
from flowkit.why.archive import Archive, PastRun
from flowkit.why.hindsight import why
from flowkit.why.report.axis import Axis, axis_of
from flowkit.why.report.caching import Caching, caching_of
from flowkit.why.report.critical import Step, critical_path
from flowkit.why.report.failures import Failed, failures_of, overcome_of
from flowkit.why.report.logs import Logs, logs_of
from flowkit.why.report.tasks import Attempts, Mark, Task, attempts_of, note_of, stem_of, tasks_of
from flowkit.why.report.timeline import Timeline, timeline_of

_SLOWEST, _OF_ONE, _LOOKED_AT = 15, 5, 1_000
_FEW, _MATTERS = 3, 0.01  # the slowest are told whatever they took; others that took this share of the first
_MOST_RETRIED = 100
_MOST_EXPLAINED = 300
_NO_RETRY = (LOOPED, CANCELLED, RUNNING)  # an iteration; what was stopped, and its run went on


@dataclass(frozen=True, kw_only=True)
class Retried:
    """A task with attempts that failed and were, or were to be, followed by another.

    Attributes:
        number: how many those were.
        spent: seconds of all its attempts.
        reasons: why they were followed by another, and how often, the latest first.
    """

    task: Task
    number: int
    spent: float
    reasons: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the page says.

    Attributes:
        now: when it was gathered.
        environment: of the latest session; empty where that was not recorded.
        tasks: by number and child, in the order of the flow, children after all of these.
        path: the critical path.
        retried: those that waited longest; `more_retried` is how many further ones there are.
        retries: the attempts of all of them that were followed by another.
        failed: failures; `more_failed` kinds of them are left out.
        overcome: failures of attempts that others have followed; `more_overcome` kinds of them are left out.
    """

    run: RunRecord
    now: float
    sessions: Sequence[SessionRecord]
    child_runs: Sequence[RunRecord]
    environment: Mapping[str, Any]
    outline: Outline
    counts: Mapping[str, int]
    axis: Axis
    tasks: Mapping[Mark, Task]
    timeline: Timeline
    path: Sequence[Step]
    slowest: Sequence[Task]
    retried: Sequence[Retried]
    more_retried: int
    retries: int
    failed: Sequence[Failed]
    more_failed: int
    overcome: Sequence[Failed]
    more_overcome: int
    caching: Caching
    logs: Logs

    @property
    def duration(self) -> float:
        """Seconds that were spent on the run so far."""
        return self.run.duration if self.run.duration is not None else self.axis.total

    @property
    def goes_on(self) -> bool:
        """Whether the run had not ended."""
        return self.run.status is RunStatus.RUNNING


def report_of(archive: Archive, run: RunRecord, now: float) -> Report:
    """Gather the report of a run.

    Args:
        now: seconds since 1970.

    Raises:
        HistoryError: the history cannot be read.
    """
    history = archive.history
    past = archive.run(run)
    sessions = history.sessions(run)
    attempts = history.attempts(run)
    grouped = attempts_of(history, run, attempts)
    axis = axis_of(run, sessions, attempts, now)
    tasks = tasks_of(run, grouped, axis, past.outline.get("keys", ()))
    _explain(past, tasks)
    failed, more_failed = failures_of(past, grouped, tasks)
    overcome, more_overcome = overcome_of(past, grouped, tasks)
    retried = _retried(grouped, tasks)
    environment = run.asked.get("environment")
    return Report(
        run=run,
        now=now,
        sessions=sessions,
        child_runs=history.started_by(run),
        environment=environment if isinstance(environment, dict) else {},
        outline=past.outline,
        counts=_counts(history, run, tasks),
        axis=axis,
        tasks=tasks,
        timeline=timeline_of(run, grouped, axis),
        path=critical_path(past.outline, tasks, axis.starts) if past.outline else [],
        slowest=_slowest(tasks),
        retried=retried[:_MOST_RETRIED],
        more_retried=max(0, len(retried) - _MOST_RETRIED),
        retries=sum(each.number for each in retried),
        failed=failed,
        more_failed=more_failed,
        overcome=overcome,
        more_overcome=more_overcome,
        caching=caching_of(past, grouped, tasks),
        logs=logs_of(archive, run, tasks),
    )


def _counts(history: History, run: RunRecord, tasks: Mapping[Mark, Task]) -> dict[str, int]:
    """How many tasks stand how; what a run that goes on has not reached yet waits."""
    counts = dict(history.counts(run))
    if run.status is RunStatus.RUNNING:
        left = sum(
            task.status is Status.WAITING
            if task.children is None
            else max(0, (history.width(run, node) or 0) - sum(task.children.values()))
            for (node, child), task in tasks.items()
            if child < 0
        )
        if left:
            counts[Status.WAITING.word] = counts.get(Status.WAITING.word, 0) + left
    return counts


def _explain(run: PastRun, tasks: Mapping[Mark, Task]) -> None:
    """Say of the first tasks that were not run whom they needed, as `flowkit why` does."""
    left = _MOST_EXPLAINED
    for (node, child), task in tasks.items():
        if left and child < 0 and not task.attempts and _is_explained(task):
            place = run.places.get(node)
            if place is not None:
                task.note = why(run, place).sentence.replace("`", "")
                left -= 1


def _is_explained(task: Task) -> bool:
    """Whether what came before says more of why it stands so than its own state does."""
    return task.status in (SKIPPED, TRIGGER_FAILED) or task.note == NOTHING_TO_MAP


def _slowest(tasks: Mapping[Mark, Task]) -> list[Task]:
    """Those that took longest, of the tasks of a name and of the children of one the first few of them."""
    ran = (each for each in tasks.values() if each.children is None and each.attempts and each.took > 0)
    made = [each for each in ran if each.status != CACHED]
    of_name: Counter[str] = Counter()
    found: list[Task] = []
    for task in heapq.nlargest(_LOOKED_AT, made, key=lambda task: task.took):
        name = stem_of(tasks.get((task.node, -1), task).key)
        of_name[name] += 1
        counts = len(found) < _FEW or task.took >= found[0].took * _MATTERS
        if of_name[name] <= _OF_ONE and len(found) < _SLOWEST and counts:
            found.append(task)
    return found


def _retried(grouped: Attempts, tasks: Mapping[Mark, Task]) -> list[Retried]:
    """Those with an attempt that another was to follow, the ones that waited longest first."""
    found = []
    for mark, attempts in grouped.items():
        made = [each for each in attempts if each.attempt > 0]
        again = [each for each in made[:-1] if each.status not in _NO_RETRY]
        if made and made[-1].status == RETRYING:  # the run was stopped, or goes on
            again.append(made[-1])
        if again:
            spent = sum(each.duration or 0.0 for each in made)
            found.append(Retried(task=tasks[mark], number=len(again), spent=spent, reasons=_reasons(again)))
    return sorted(found, key=lambda each: -each.task.waited)


def _reasons(attempts: Sequence[AttemptRecord]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in reversed(attempts):
        words = note_of(each) or each.status.word
        found[words] = found.get(words, 0) + 1
    return found
