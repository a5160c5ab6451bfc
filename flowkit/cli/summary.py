"""The end of a run: what it came to, what took long, what failed, what did not run and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flowkit.cli.failures import failure_text
from flowkit.cli.more_workers import more_workers_line
from flowkit.cli.next_steps import next_steps
from flowkit.cli.reasons import reason_of
from flowkit.cli.styled import Part, Styled, cells
from flowkit.cli.tally import Tally
from flowkit.cli.wording import counted, duration, listed, one_line, shown
from flowkit.plan.events import Row
from flowkit.plan.status import (
    CACHED,
    CANCELLED,
    FAILED,
    SKIPPED,
    SUCCESS,
    TIMED_OUT,
    TRIGGER_FAILED,
    Status,
)

if TYPE_CHECKING:
    from flowkit.engine.outcome import Outcome

_ORDER = (SUCCESS, CACHED, FAILED, TIMED_OUT, TRIGGER_FAILED, SKIPPED, CANCELLED)
_REPEAT_FROM = 4  # failures: so many do not stay in view
_MOST_LISTED = 10
_SLOW_TASK = 2.0  # seconds from which the slowest tasks are worth a line
_SLOW_SHARE = 0.1  # of the run's time, from which they are
_SLOWEST = "  slowest  "
_FEW = 5  # tasks that ran: of fewer one sees it


def summary(
    outcome: Outcome,
    tally: Tally,
    *,
    command: str,
    reasons_told: bool,
    printed: Callable[[int, int], object] = lambda node, index: True,
    columns: int = 100,
) -> list[Styled]:
    """The lines that end a run; the last one is the sum.

    Args:
        command: what was typed, for what to type next.
        reasons_told: what was cached, skipped or not run had a line of its own already.
        printed: whether a task, or a child, has printed or logged anything.
        columns: of the terminal.
    """
    lines: list[Styled] = []
    if len(tally.failures) >= _REPEAT_FROM:
        lines += [*_failures(outcome, tally), []]
    if not reasons_told:
        lines += _unrun(outcome, tally)
        lines += _cached(outcome, tally)
    lines += _slowest(outcome, tally, columns)
    lines += filter(None, [more_workers_line(outcome)])
    lines += _notes(outcome, tally)
    has_printed = any(printed(*row[:2]) for row in tally.failures[:1])
    lines += next_steps(outcome, tally, command=command, printed=has_printed, columns=columns)
    return [*lines, [], sum_line(outcome, tally)] if lines else [sum_line(outcome, tally)]


def counts_of(tally: Tally) -> list[tuple[str, int]]:
    """Word and number of each way in which something ended, in the order in which they are shown."""
    return [(Status(status).word, tally.counts[status]) for status in _ORDER if tally.counts[status]]


def sum_line(outcome: Outcome, tally: Tally) -> Styled:
    """`✓ 42 ok · 1 failed · 1 not run   0:31`."""
    status = status_of(outcome)
    line: list[Part] = [(f"  {status.symbol} ", f"bold {status.style}")]
    for position, each in enumerate(each for each in _ORDER if tally.counts[each]):
        line.append((" · ", "dim") if position else ("", ""))
        style = f"bold {Status(each).style}" if each in (SUCCESS, FAILED, TIMED_OUT) else Status(each).style
        line.append((f"{tally.counts[each]:,} {Status(each).word}", style))
    if tally.paused:
        line.append((" · " if tally.done else "", "dim"))
        line.append((f"{len(tally.paused):,} {Status.PAUSED.word}", Status.PAUSED.style))
    elif not tally.done:
        line.append(("nothing to run", "dim"))
    if tally.before:
        line.append((f" · {tally.before:,} done before", "dim"))
    if tally.retried:
        line.append((f" · {tally.retried:,} retried", "dim"))
    line.append((f"   {duration(outcome.duration)}", ""))
    if ended := outcome.ending:
        line.append((f"   {ended}", "yellow"))
    elif reward := _reward(tally):
        line.append((f"   {reward}", "green"))
    return line


def status_of(outcome: Outcome) -> Status:
    """How the run ended."""
    if outcome.interrupted is not None:
        return Status.CANCELLED
    if outcome.paused:
        return Status.PAUSED
    return Status.SUCCESS if outcome.exit_code == 0 else Status.FAILED


def _reward(tally: Tally) -> str:
    """For a run that had nothing to do."""
    return "all of it was there already" if tally.done and tally.counts[CACHED] == tally.done else ""


def _failures(outcome: Outcome, tally: Tally) -> Iterator[Styled]:
    """The failures once more, by reason: there were so many that the first ones are out of view."""
    reasons: dict[str, list[str]] = {}
    for row in tally.failures:
        reasons.setdefault(failure_text(row, 120), []).append(shown(outcome.plan.key(row[0], row[1])))
    yield [(f"  {counted(len(tally.failures), 'failure')}", "bold red")]
    for reason, keys in list(reasons.items())[:_MOST_LISTED]:
        yield [("    ✗ ", "red"), (listed(keys), ""), (f"  {reason}", "dim")]
    if len(reasons) > _MOST_LISTED:
        more = sum(len(keys) for keys in list(reasons.values())[_MOST_LISTED:])
        yield [(f"    … {more:,} more", "dim")]


def _unrun(outcome: Outcome, tally: Tally) -> Iterator[Styled]:
    """What was skipped or not run, gathered by reason."""
    reasons: dict[tuple[int, str], list[Row]] = {}
    for row in tally.unrun:
        reasons.setdefault((row[3], reason_of(outcome.engine, row)), []).append(row)
    for (status, reason), rows in list(reasons.items())[:_MOST_LISTED]:
        keys = listed([shown(outcome.plan.key(row[0], row[1])) for row in rows])
        look = Status(status)
        yield [(f"  {look.symbol} {look.word}  ", look.style), (keys, ""), (f": {reason}", "dim")]
    if len(reasons) > _MOST_LISTED:
        yield [(f"    … for {len(reasons) - _MOST_LISTED:,} more reasons", "dim")]
    beyond = tally.counts[SKIPPED] + tally.counts[TRIGGER_FAILED] + tally.followed - len(tally.unrun)
    if beyond:
        yield [(f"    … {counted(beyond, 'more task')} skipped or not run", "dim")]


def _cached(outcome: Outcome, tally: Tally) -> Iterator[Styled]:
    """What was found; a mapped task once."""
    nodes = tally.cached
    if not nodes:
        return
    groups = tally.groups
    keys = [
        shown(outcome.plan.keys[node])
        + (f" ({number:,} of {groups[node].width:,})" if node in groups else "")
        for node, number in nodes.items()
    ]
    look = Status.CACHED
    yield [(f"  {look.symbol} {look.word}  ", look.style), (listed(keys), "dim")]


def _slowest(outcome: Outcome, tally: Tally, columns: int) -> Iterator[Styled]:
    """The tasks that took longest, with their share of the run's time, where that is worth knowing; of these
    as many as have room, and the first."""
    made = tally.counts[SUCCESS] + len(tally.failures)
    if made < _FEW or not outcome.duration:
        return
    shares = [(seconds, seconds / outcome.duration, child) for seconds, *child in tally.slowest[::-1]]
    known = [
        f"{shown(outcome.plan.key(*child))} {duration(seconds)} ({min(share, 1):.0%})"
        for seconds, share, child in shares
        if seconds >= _SLOW_TASK and share >= _SLOW_SHARE
    ]
    while len(known) > 1 and cells(_SLOWEST + " · ".join(known)) >= columns:
        known.pop()
    if known:
        yield [(_SLOWEST, "dim"), (" · ".join(known), "")]


def _notes(outcome: Outcome, tally: Tally) -> Iterator[Styled]:
    """What a person should know though it does not show in the sum."""
    if tally.failures and outcome.exit_code == 0:
        keys = list(dict.fromkeys(shown(outcome.plan.keys[row[0]]) for row in tally.failures))
        verb = "does" if len(keys) == 1 else "do"
        text = f"{listed(keys)} failed, but {verb} not decide the run (no reference task)"
        yield [("  note: ", "yellow"), (text, "")]
    if outcome.left_behind:
        who = listed([_left(outcome, worker) for worker in outcome.left_behind])
        verb = "was" if len(outcome.left_behind) == 1 else "were"
        text = f"{who} could not be stopped and {verb} left behind"
        yield [("  note: ", "yellow"), (one_line(text), "")]


def _left(outcome: Outcome, worker: str) -> str:
    """`load[3] (threads-1)`."""
    call = outcome.engine.left_calls.get(worker)
    return f"{outcome.plan.key(*call[:2])} ({worker})" if call is not None else f"worker {worker}"
