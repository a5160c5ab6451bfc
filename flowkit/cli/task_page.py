"""A task of a run of the past, for a person: each attempt, what failed, and what it said last."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from flowkit.cli import moments
from flowkit.cli.past_failure import paragraphs
from flowkit.cli.styled import joined
from flowkit.cli.table import columns, sentence
from flowkit.cli.task_children import children_table
from flowkit.cli.wording import duration, last_shown, one_line, shown
from flowkit.store.history import History
from flowkit.store.records import AttemptRecord, RunRecord
from flowkit.why.standing import said, stands

_ATTEMPTS = ("ATTEMPT", "STATE", "STARTED", "TOOK", "WORKER", "")
_MOST_FAILURES = 5
_MOST_LINES = 10


def task_page(history: History, run: RunRecord, node: int, child: int, *, children: bool = False) -> str:
    """All that is known of a task, or of a child of a mapped one, as text.

    Args:
        child: -1: the task itself.
        children: whether each child of a mapped one has a line.
    """
    attempts = [each for each in history.attempts(run, node, children=child >= 0) if each.child == child]
    failed = [each for each in attempts if each.failure is not None][-_MOST_FAILURES:]
    if child < 0:
        some = history.failed_children(run, _MOST_FAILURES, node)
        some += history.failing_children(run, _MOST_FAILURES - len(some), node)
        failed += [each for each in some if each.failure is not None]
    parts = [
        _head(history, run, node, child, attempts),
        _table(history, run, node, child, attempts, children),
        *paragraphs(history, run, failed),
        "\n".join(_last_lines(history, run, node, child)),
    ]
    return "\n\n".join(part for part in parts if part)


def _head(history: History, run: RunRecord, node: int, child: int, attempts: Sequence[AttemptRecord]) -> str:
    status = stands(run, attempts[-1].status) if attempts else None
    state = f"{status.symbol} {status.word}" if status is not None else "· not reached"
    many = history.children(run).get(node) if child < 0 else None
    counts = ", ".join(f"{number:,} {each.word}" for each, number in many.counts.items()) if many else ""
    called = joined([f"run {run.number}", run.name], " ")
    return sentence(joined([history.key(run, node, child), called, run.flow, counts or state]))


def _table(
    history: History, run: RunRecord, node: int, child: int, attempts: Sequence[AttemptRecord], children: bool
) -> str:
    """The attempts of a task; of a mapped one, which makes none itself, its children."""
    many = history.children(run).get(node) if child < 0 else None
    if many is not None:
        return children_table(history, run, node, many, whole=children)
    return columns([_row(each) for each in attempts if each.attempt >= 0], _ATTEMPTS)


def _row(attempt: AttemptRecord) -> tuple[str, ...]:
    made = attempt.attempt > 0
    return (
        str(attempt.attempt) if made else "",
        f"{attempt.status.symbol} {attempt.status.word}",
        moments.at(attempt.started) if made else "",
        duration(attempt.duration) if made and attempt.duration is not None else "",
        attempt.worker or "",
        one_line(said(attempt), 100),
    )


def _last_lines(history: History, run: RunRecord, node: int, child: int) -> Iterator[str]:
    lines = history.last_lines(run, node, child, _MOST_LINES + 1)
    if not lines:
        return
    all_of_it = f"flowkit logs {run.number} {shlex.quote(history.key(run, node, child))}"
    yield "output" if len(lines) <= _MOST_LINES else shown(f"last output (`{all_of_it}` has all)")
    for line in lines[-_MOST_LINES:]:
        yield f"  {moments.clock(line.at)}  {last_shown(line.text)}"
