"""A failure of the past as a run has shown it when it happened, from the history alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowkit.cli.evidence import evidence
from flowkit.cli.failures import Alike, ending_lines, worker_text
from flowkit.cli.styled import Styled, joined, plain
from flowkit.cli.table import stdout_width, wrapped
from flowkit.cli.wording import duration, one_line, shown
from flowkit.plan.failure import Failure
from flowkit.plan.status import Status
from flowkit.store.history import History
from flowkit.store.records import AttemptRecord, RunRecord
from flowkit.why.standing import said

_CODES = {Status.TRIGGER_FAILED: "trigger", Status.TIMED_OUT: "timed-out"}
_WORDS = {Status.TRIGGER_FAILED: "was not run:", Status.TIMED_OUT: "timed out:"}
_WIDEST = 300


def paragraph(history: History, run: RunRecord, attempt: AttemptRecord) -> str:
    """Headline, code and values, which attempt it was and what it said last, as they were then."""
    failure, width = attempt.failure, stdout_width()
    lines = [_headline(attempt, failure)]
    if failure is not None:
        lines += evidence(failure, width or _WIDEST)
    last = history.last_line(run, attempt.node, attempt.child, attempt.attempt)
    lines += ending_lines(_facts(history, run, attempt, failure), last, failure)
    return "\n".join(part for line in lines for part in wrapped(plain(line), width))


def paragraphs(history: History, run: RunRecord, attempts: Sequence[AttemptRecord]) -> Iterator[str]:
    """A paragraph for each; of several alike the further ones in a line, those in a row as one paragraph."""
    alike, lines = Alike(), list[str]()
    for attempt in attempts:
        if not alike.is_new(attempt.failure):
            number = f"  attempt {attempt.attempt}" if attempt.attempt > 1 else ""
            line: Styled = [*_headline(attempt, attempt.failure), (number, "dim")]
            lines += wrapped(plain(line), stdout_width())
            continue
        if lines:
            yield "\n".join(lines)
            lines = []
        yield paragraph(history, run, attempt)
    if lines:
        yield "\n".join(lines)


def _headline(attempt: AttemptRecord, failure: Failure | None) -> Styled:
    code = _CODES.get(attempt.status, "task-failed")
    raised = "failed:" if failure is None or failure.kind == "signal" else "raised"
    text = f"{_WORDS.get(attempt.status, raised)} {one_line(said(attempt), more='')}".rstrip(" :")
    return [(f"error[{code}]", "bold red"), (": ", ""), (f"{shown(attempt.key)} {text}", "bold")]


def _facts(history: History, run: RunRecord, attempt: AttemptRecord, failure: Failure | None) -> str:
    if attempt.attempt <= 0:
        return ""
    most = failure.most if failure is not None else 0
    number = f"attempt {attempt.attempt}" if attempt.attempt > 1 or most > 1 else ""
    of = f" of {most}" if number and attempt.attempt <= most else ""
    pids = {each.session: each.pid for each in history.sessions(run)}
    worker = worker_text(attempt.worker, failure, pids.get(attempt.session, 0))
    took = f"after {duration(attempt.duration)}" if attempt.duration is not None else ""
    return joined([f"{number}{of}", worker, took])
