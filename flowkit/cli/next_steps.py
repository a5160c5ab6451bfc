"""What to type after a run: the commands that fit what happened, and no others."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flowkit.cli.failures import failure_of
from flowkit.cli.styled import Styled, cells
from flowkit.cli.tally import Tally
from flowkit.cli.watched import why_stopped
from flowkit.cli.wording import shown
from flowkit.plan.events import Row
from flowkit.plan.status import FAILED

if TYPE_CHECKING:
    from flowkit.engine.outcome import Outcome

LONG = 60.0  # seconds from which a run is worth a page of its own
_INDENT = 8


def next_steps(outcome: Outcome, tally: Tally, *, command: str, printed: bool, columns: int) -> list[Styled]:
    """A line for each command, with what it does where there is room for that.

    Args:
        command: what was typed.
        printed: whether the task that failed first has printed or logged anything.
        columns: of the terminal.
    """
    steps = [(shown(typed), what) for typed, what in _steps(outcome, tally, command, printed)]
    widest = max((cells(typed) for typed, _ in steps), default=0)
    lines: list[Styled] = []
    for typed, what in steps:
        head = "  next  " if not lines else " " * _INDENT
        room = _INDENT + widest + 2 + len(what) <= columns
        said = (f"{' ' * (widest - cells(typed))}  {what}", "dim") if room else ("", "")
        lines.append([(head, "cyan"), (typed, ""), said])
    return lines


def _steps(outcome: Outcome, tally: Tally, command: str, printed: bool) -> Iterator[tuple[str, str]]:
    if outcome.told and outcome.told == why_stopped():
        return  # its watcher runs it again at once
    run = outcome.engine.number
    failed = tally.failures[0] if tally.failures else None
    if run is None or outcome.broken is not None:
        if failed is not None and _is_raised(failed) and "--pdb" not in command.split():
            yield f"{command} --pdb", "stops where it fails"
        return
    if outcome.exit_code or outcome.paused:
        yield f"flowkit resume {run}", "goes on with what is left"
    if failed is not None:
        key = shlex.quote(outcome.plan.key(*failed[:2]))
        if printed:
            yield f"flowkit logs {run} {key}", "what it printed and logged"
        if _is_raised(failed):
            yield f"flowkit replay {run} {key} --pdb", "runs it alone, up to the failure"
    if failed is not None or outcome.duration >= LONG:
        yield f"flowkit report {run}", "the whole run on one page"


def _is_raised(row: Row) -> bool:
    """Whether the task's own code has raised something, which a debugger can show."""
    failure = failure_of(row)
    return row[3] == FAILED and failure is not None and failure.kind == "error"
