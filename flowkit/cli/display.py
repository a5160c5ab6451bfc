"""What is shown of a run, and by what: the choice, and what all ways of showing share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowkit.cli.console import Console
from flowkit.cli.failures import Alike, attempt_text, block, failure_of, failure_text, headline, is_failure
from flowkit.cli.output import Output, OutputMode
from flowkit.cli.styled import Styled, cells
from flowkit.cli.summary import summary
from flowkit.cli.tally import Tally
from flowkit.cli.wording import counted, duration, shown
from flowkit.logs import shown_by_program
from flowkit.plan.events import Call, Report, Row
from flowkit.plan.status import CANCELLED, EXPANDED, PAUSED, RETRYING, RUNNING, SUCCESS

if TYPE_CHECKING:
    from flowkit.cli.foresight import Foreseeing
    from flowkit.engine.capture import Line
    from flowkit.engine.engine import Engine
    from flowkit.engine.observers import Observer
    from flowkit.engine.outcome import Outcome

_FULL_FAILURES = 10  # failures that are shown with their source
_MOST_FAILURES = 50  # failures that are shown at all before the end
_LONGEST_LINE = 1000  # characters that a task prints, in a terminal
_WIDEST_SOURCE = 300  # columns, where there is no terminal


@dataclass(frozen=True)
class Title:
    """What a run is called.

    Attributes:
        name: what `flowkit run` was given.
        run: the run's name, or "".
        workers: how many tasks at once; 0: unknown.
        command: what was typed, to be typed again with more options.
    """

    name: str
    run: str = ""
    workers: int = 0
    command: str = ""


class Display:
    """Failures as they happen, and the sum: what every way of showing a run has.

    Args:
        output: what becomes of what tasks print.
        debug: whole tracebacks.
        verbose: lines also for what is usually only counted.
        clock: the one of the engine.
    """

    separator = "|"

    def __init__(
        self,
        console: Console,
        title: Title,
        *,
        output: OutputMode = OutputMode.NONE,
        debug: bool = False,
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = console
        self.title = title
        self.clock = clock
        self.verbose = verbose
        self._mode = output
        self._debug = debug
        self._told = 0
        self._alike = Alike()
        self._ends_filled = True

    # -- as an observer -----------------------------------------------------------------------

    def begin(self, engine: Engine) -> None:
        """The run is about to start."""
        self.engine = engine
        self.plan = engine.plan
        self.tally = Tally(engine.plan, self.is_loud)
        self.tally.take_over(engine.earlier.rows)
        # The program's own handlers go on, and nobody wants to read everything twice.
        records = not shown_by_program()
        longest = _LONGEST_LINE if self.console.interactive else None
        self.output = Output(engine.plan, self._mode, self.separator, records=records, longest=longest)
        self.console.take_strays()

    def see(self, rows: Sequence[Row], lines: Sequence[Line]) -> None:
        """Count and show what happened; the lines of a task before its end."""
        printed = self.output.take(lines)
        notable = self.count(rows)
        said = self.ended_output(rows) if self.output.waiting else []
        for row in notable:
            if printed and row[3] not in (RUNNING, EXPANDED):
                said += printed.pop((row[0], row[1]), [])
            said += self.tell(row)
        for each in printed.values():
            said += each
        self.say(said)

    def report(self, reports: Mapping[Call, Report]) -> None:
        """Remember how far attempts are."""
        self.tally.hear(reports)

    def end(self, outcome: Outcome) -> None:
        """Show what it came to."""
        self.console.give_back()
        for child, lines in self.output.rest():
            self.say(self.folded(child, lines))
        self.say_cut_short()
        ended = summary(
            outcome,
            self.tally,
            command=self.title.command or f"flowkit run {self.title.name}",
            reasons_told=self.reasons_told,
            printed=self.output.last_line,
            columns=self.console.width,
        )
        self.say([[], *ended])

    def say_cut_short(self) -> None:
        """Say of what was cancelled with an attempt to come why that was needed."""
        if self.tally.cut_short:
            from flowkit.cli.cut_short import still_failing

            self.say([*still_failing(self.engine, self.tally, debug=self._debug, columns=self._columns)])

    # -- what the ways of showing differ in ---------------------------------------------------

    reasons_told = False
    reasons_in_lines = False  # whether the line of a task that has failed says why

    def is_loud(self, tasks: int, children: int) -> bool:
        """Whether starts and successes are told, of so many tasks, or of so many children of one."""
        return False

    def count(self, rows: Sequence[Row]) -> list[Row]:
        """Count rows; returns those that are worth a line."""
        return self.tally.take(rows)

    def tell(self, row: Row) -> list[Styled]:
        """The lines for something notable."""
        return self.failure(row) if is_failure(row) else []

    def folded(self, child: tuple[int, int], lines: list[Styled]) -> list[Styled]:
        """The kept output of a task."""
        return lines

    # -- what they share ----------------------------------------------------------------------

    def say(self, lines: Sequence[Styled]) -> None:
        """Write lines; of several blank ones in a row, one."""
        kept: list[Styled] = []
        for line in lines:
            if line or self._ends_filled:
                kept.append(line)
            self._ends_filled = bool(line)
        self.console.say(kept)

    def header(self) -> Styled:
        """`data_pipeline  run 42 brisk-otter · 7 tasks · 4 workers`."""
        called = " ".join(filter(None, (str(self.engine.number or ""), self.title.run)))
        facts = [f"run {called}" if called else "", counted(self.tally.visible, "task")]
        facts.append(counted(self.title.workers, "worker") if self.title.workers else "")
        name, said = shown(self.plan.name), [fact for fact in facts if fact]
        while self.console.interactive and cells(f"{name}  {' · '.join(said)}") > self.console.width:
            if len(said) < 2:
                break
            said.pop()
        return [(name, "bold"), (f"  {' · '.join(said)}", "dim")]

    def key(self, row: Row) -> str:
        """The key of whom a row is about."""
        return shown(self.plan.key(row[0], row[1]))

    def retry_text(self, row: Row) -> str:
        """`attempt 2 of 3 in 1.0s, after OSError: connection reset by peer`."""
        delay = row[7].retry_in or 0.0
        when = f" in {duration(delay)}" if delay else ""
        after = failure_text(row, 120)
        return f"{attempt_text(self.engine, row, row[2] + 1)}{when}{', after ' if after else ''}{after}"

    def ended_output(self, rows: Sequence[Row]) -> list[Styled]:
        """The kept output of the tasks that have ended, or failed with another attempt to come."""
        found: list[Styled] = []
        for row in rows:
            node, index, _, status = row[:4]
            again = status in (RETRYING, PAUSED) and self._mode == OutputMode.GROUP
            if SUCCESS <= status <= CANCELLED or again:
                lines = self.output.ended(node, index, failed=is_failure(row))
                if lines:
                    found += self.folded((node, index), lines)
        return found

    @property
    def _columns(self) -> int:
        """Where lines of source are cut."""
        return self.console.width if self.console.interactive else _WIDEST_SOURCE

    @property
    def tells_failures(self) -> bool:
        """Whether the next failure still has a line before the end."""
        return self._told < _MOST_FAILURES

    def failure(self, row: Row) -> list[Styled]:
        """A failure, in full; of several alike and of many, in a line; of very many, not before the end."""
        self._told += 1
        if self._told <= _FULL_FAILURES and self._alike.is_new(failure_of(row)):
            last = self.output.last_line(row[0], row[1])
            whole = block(self.engine, row, last_output=last, debug=self._debug, columns=self._columns)
            return [[], *whole, []]
        if self._told <= _MOST_FAILURES:
            return [] if self.reasons_in_lines else [headline(self.engine, row)]
        return [[("more failures are only counted", "dim")]] if self._told == _MOST_FAILURES + 1 else []


def observers_for(
    *,
    console: Console,
    name: str,
    run: str = "",
    workers: int = 0,
    command: str = "",
    output: str = OutputMode.LIVE,
    json: bool = False,
    junit: Path | None = None,
    quiet: int = 0,
    verbose: int = 0,
    debug: bool = False,
    foresees: Foreseeing | None = None,
) -> list[Observer]:
    """What shows a run, given the terminal and what was asked for.

    With `json`, stdout has the events and stderr only failures and the sum, as with `quiet`; with
    `verbose` too, stderr has the plain lines. Nothing is live then: what reads stdout may write to the
    same terminal.

    Args:
        name: what `flowkit run` was given.
        run: the run's name.
        workers: how many tasks at once; 0: unknown.
        command: what was typed, to be typed again with more options; default: `flowkit run NAME`.
        output: an `OutputMode`; `live` where nothing is live means groups on GitHub, else prefixes.
        junit: the file for a report.
        quiet: 1: only failures and the sum; 2: only failures.
        verbose: 1: lines also for what is usually only counted.
        foresees: tells when the run ends, where that is shown.

    Raises:
        UsageError: the file for the report cannot be written.
    """
    title = Title(name, run, workers, command)
    found: list[Observer] = []
    if json:
        from flowkit.cli.events import Events

        found.append(Events(console, run))
        quiet = 0 if verbose else max(1, quiet)
    if junit is not None:
        from flowkit.cli.junit import JUnit

        found.append(JUnit(console, junit))
    if console.interactive and not json and not quiet:
        from flowkit.cli.progress import LiveDisplay

        options: dict[str, Any] = {"output": OutputMode(output), "debug": debug, "verbose": bool(verbose)}
        found.append(LiveDisplay(console, title, foresees=foresees, **options))
    else:
        found.append(_unmoving(console, title, OutputMode(output), quiet, verbose, debug))
    return found


def _unmoving(
    console: Console, title: Title, output: OutputMode, quiet: int, verbose: int, debug: bool
) -> Display:
    from flowkit.cli.plain import PlainDisplay
    from flowkit.cli.quiet import QuietDisplay

    if output == OutputMode.LIVE:  # nothing is
        output = OutputMode.NONE if quiet else OutputMode.GROUP if console.github else OutputMode.PREFIX
    if quiet:
        return QuietDisplay(console, title, output=output, debug=debug, errors_only=quiet > 1)
    return PlainDisplay(console, title, output=output, debug=debug, verbose=bool(verbose))
