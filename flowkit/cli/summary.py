"""The end of a run: what it came to, what took long, what failed, what did not run and why."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flowkit.cli.failures import failure_text
from flowkit.cli.more_workers import more_workers_line
from flowkit.cli.reasons import reason_of
from flowkit.cli.styled import Part, Styled
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


def summary(outcome: Outcome, tally: Tally, *, command: str, reasons_told: bool) -> list[Styled]:
    """The lines that end a run; the last one is the sum.

    Args:
        command: what was typed, for the hints.
        reasons_told: what was skipped or not run had a line of its own already.
    """
    lines: list[Styled] = []
    if len(tally.failures) >= _REPEAT_FROM:
        lines += _failures(outcome, tally)
    if not reasons_told:
        lines += _unrun(outcome, tally)
    lines += _slowest(outcome, tally)
    lines += filter(None, [more_workers_line(outcome)])
    lines += _notes(outcome, tally)
    lines += _hints(outcome, tally, command)
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
    ended = ending(outcome)
    if ended:
        line.append((f"   {ended}", "yellow"))
    return line


def status_of(outcome: Outcome) -> Status:
    """How the run ended."""
    if outcome.interrupted is not None:
        return Status.CANCELLED
    if outcome.paused:
        return Status.PAUSED
    return Status.SUCCESS if outcome.exit_code == 0 else Status.FAILED


def ending(outcome: Outcome) -> str:
    """What cut the run short, or ""."""
    if outcome.interrupted == signal.SIGINT:
        return "interrupted by ctrl-c"
    if outcome.interrupted is not None:
        return f"stopped by {signal.Signals(outcome.interrupted).name}"
    return "stopped by its time limit" if outcome.timed_out else ""


def _failures(outcome: Outcome, tally: Tally) -> Iterator[Styled]:
    """Each failure once more, in a line: there were so many that the first ones are out of view."""
    yield [(f"  {counted(len(tally.failures), 'failure')}", "bold red")]
    for row in tally.failures[:_MOST_LISTED]:
        key = shown(outcome.plan.key(row[0], row[1]))
        yield [("    ✗ ", "red"), (key, ""), (f"  {failure_text(row, 120)}", "dim")]
    if len(tally.failures) > _MOST_LISTED:
        yield [(f"    … {len(tally.failures) - _MOST_LISTED:,} more", "dim")]


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
    beyond = tally.counts[SKIPPED] + tally.counts[TRIGGER_FAILED] - len(tally.unrun)
    if beyond:
        yield [(f"    … {counted(beyond, 'more task')} skipped or not run", "dim")]


def _slowest(outcome: Outcome, tally: Tally) -> Iterator[Styled]:
    """The tasks that took longest, where knowing them is worth something."""
    if tally.done <= len(tally.slowest):
        return
    slow = [each for each in tally.slowest[::-1] if each[0] >= _SLOW_TASK]
    if slow:
        known = [f"{shown(outcome.plan.key(node, index))} {duration(time)}" for time, node, index in slow]
        yield [("  slowest  ", "dim"), (" · ".join(known), "")]


def _notes(outcome: Outcome, tally: Tally) -> Iterator[Styled]:
    """What a person should know though it does not show in the sum."""
    if tally.failures and outcome.exit_code == 0:
        keys = list(dict.fromkeys(shown(outcome.plan.keys[row[0]]) for row in tally.failures))
        verb = "does" if len(keys) == 1 else "do"
        text = f"{listed(keys)} failed, but {verb} not decide the run (no reference task)"
        yield [("  note: ", "yellow"), (text, "")]
    if outcome.left_behind:
        workers = counted(len(outcome.left_behind), "worker")
        verb = "was" if len(outcome.left_behind) == 1 else "were"
        text = f"{workers} could not be stopped and {verb} left behind: {listed(list(outcome.left_behind))}"
        yield [("  note: ", "yellow"), (one_line(text), "")]


def _hints(outcome: Outcome, tally: Tally, command: str) -> Iterator[Styled]:
    run = outcome.engine.number
    if run is not None and (outcome.exit_code or outcome.paused) and outcome.broken is None:
        ways = [f"flowkit resume {run}"]
        if tally.failures:
            ways.append(f"flowkit logs {run} {shlex.quote(outcome.plan.key(*tally.failures[0][:2]))}")
        yield [("  help: ", "cyan"), (shown("   ".join(ways)), "")]
    more = [option for option in ("--pdb", "--debug") if option not in command.split()]
    if tally.failures and more:
        yield [("  help: ", "cyan"), ("   ".join(f"{shown(command)} {option}" for option in more), "")]
