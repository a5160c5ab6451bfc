"""How the tasks of a run stand when it is looked at, and what is said of that in one line."""

from __future__ import annotations

from collections.abc import Sequence

from flowkit.plan.status import Status
from flowkit.plan.verdicts import NOTHING_TO_MAP
from flowkit.store.records import AttemptRecord, ChildrenRecord, RunRecord
from flowkit.store.run_status import RunStatus

_NOT_RAISED = ("signal", "trigger", "timeout")


def stands(run: RunRecord, status: Status) -> Status:
    """Nothing runs in a run that has ended: what was to go on, or to be retried, is not any more."""
    is_paused = status is Status.PAUSED and run.status is RunStatus.PAUSED
    return status if status.ended or is_paused or run.status is RunStatus.RUNNING else Status.CANCELLED


def of_all(status: Status, many: ChildrenRecord) -> Status:
    """What a mapped task that has ended is shown as: the worst of its children, or that all were skipped."""
    if status is not Status.MAPPED or not many.counts:
        return status
    worst = max(many.counts)
    return worst if worst.bad or set(many.counts) == {Status.SKIPPED} else status


def failed_last(run: RunRecord, attempts: Sequence[AttemptRecord]) -> AttemptRecord | None:
    """The attempt that shows why a task is not done: its last, where that failed; where the run was stopped
    before the next one had ended, the one before."""
    last = attempts[-1]
    if last.status in (Status.FAILED, Status.TIMED_OUT, Status.TRIGGER_FAILED):
        followed = last.failure is None and (
            last.status is Status.TRIGGER_FAILED or last.detail.get("message") == NOTHING_TO_MAP
        )
        return None if followed else last
    if stands(run, last.status) is not Status.CANCELLED:
        return None
    return next((each for each in reversed(attempts) if each.attempt > 0 and each.failure is not None), None)


def said(attempt: AttemptRecord) -> str:
    """`ValueError: negative price: -3`, or what the state's message says."""
    failure = attempt.failure
    message = str(attempt.detail.get("message") or "")
    if failure is None or (message and failure.kind in _NOT_RAISED):
        return message
    kind = failure.type_name.rpartition(".")[2]
    if failure.kind in _NOT_RAISED:
        return failure.message or kind
    return f"{kind}: {failure.message}" if failure.message else kind
