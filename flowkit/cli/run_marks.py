"""What became of the tasks of a run, as pictures show it: from the history alone."""

from __future__ import annotations

from collections.abc import Sequence

from flowkit.cli.styled import joined
from flowkit.cli.wording import duration, one_line
from flowkit.draw.mark import Mark, Tone
from flowkit.plan.status import Status
from flowkit.store.history import History
from flowkit.store.records import AttemptRecord, ChildrenRecord, RunRecord, hidden_nodes
from flowkit.store.run_status import RunStatus
from flowkit.why.standing import of_all, stands

_LONGEST_VALUE = 60  # characters of a parameter

_TONES: dict[Status, Tone] = {
    Status.WAITING: "still",
    Status.READY: "still",
    Status.RUNNING: "busy",
    Status.RETRYING: "warn",
    Status.EXPANDED: "busy",
    Status.SUCCESS: "good",
    Status.CACHED: "kept",
    Status.MAPPED: "good",
    Status.SKIPPED: "still",
    Status.FAILED: "bad",
    Status.TIMED_OUT: "bad",
    Status.TRIGGER_FAILED: "warn",
    Status.CANCELLED: "warn",
    Status.LOOPED: "busy",
    Status.PAUSED: "warn",
}


def marks_of(history: History, run: RunRecord) -> dict[str, Mark]:
    """What became of each task of a run, by its key; mapped ones are one, with their children counted.

    Parameters have what they were given for a word.
    """
    outline = history.outline(run)
    hidden, many = hidden_nodes(outline), history.children(run)
    nodes = outline.get("ids") or range(len(outline.get("keys", ())))
    attempts: dict[int, list[AttemptRecord]] = {node: [] for node in nodes if node not in hidden}
    for each in [*history.attempts(run, children=False), *history.given(run).values()]:
        if each.child < 0 and each.node in attempts:
            attempts[each.node].append(each)
    values = {
        name: Mark(word=one_line(str(value), _LONGEST_VALUE), symbol="=", tone="still")
        for name, value in run.parameters.items()
    }
    return values | {
        history.key(run, node): _of_mapped(run, found, many[node]) if node in many else _of_task(run, found)
        for node, found in attempts.items()
    }


def caption_of(run: RunRecord) -> str:
    """`run 42 · brisk-otter · ✓ ok · 31.4s`."""
    took = duration(run.duration) if run.duration is not None else ""
    return joined([f"run {run.number}", run.name, f"{run.status.symbol} {run.status.word}", took])


def _of_task(run: RunRecord, attempts: Sequence[AttemptRecord]) -> Mark:
    if not attempts:
        waits = run.status is RunStatus.RUNNING
        return Mark(word="waiting" if waits else "not reached", symbol="·", tone="still")
    last, made = attempts[-1], [each for each in attempts if each.attempt > 0]
    status = stands(run, last.status)
    seconds = last.duration if made and status is not Status.CACHED else None
    return Mark(
        word=status.word,
        symbol=status.symbol,
        tone=_TONES[status],
        count=f"{len(made)} attempts" if len(made) > 1 else "",
        took="" if seconds is None else duration(seconds),
        seconds=seconds,
        began=made[0].started if made else None,
        ended=last.ended if made else None,
    )


def _of_mapped(run: RunRecord, attempts: Sequence[AttemptRecord], many: ChildrenRecord) -> Mark:
    status = of_all(stands(run, attempts[-1].status if attempts else Status.RUNNING), many)
    total = _width(attempts) or sum(many.counts.values())
    done = sum(number for each, number in many.counts.items() if each.ended and not each.bad)
    ran = many.started > 0 and many.ended > 0
    seconds = many.took if ran and status.ended else None
    return Mark(
        word=status.word,
        symbol=status.symbol,
        tone=_TONES[status],
        count=f"{done:,} of {total:,}{' ok' if status.bad else ''}",
        done=done,
        total=total,
        took="" if seconds is None else duration(seconds),
        seconds=seconds,
        began=many.started if ran else None,
        ended=many.ended if ran else None,
    )


def _width(attempts: Sequence[AttemptRecord]) -> int:
    """How many children it was known to have, before the last of them was begun."""
    widths = (attempt.detail.get("width") for attempt in attempts)
    return max((width for width in widths if isinstance(width, int)), default=0)
