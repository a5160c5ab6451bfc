"""The record of a run: what the engine tells is written to the project's history.

Guarantees: what cannot be written ends the run with a sentence that says why; the lock of its owner is held
from before the run is seen to go on until after its end is written.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from operator import attrgetter
from pathlib import Path
from typing import Any

from flowkit.engine.capture import Line
from flowkit.engine.outcome import Outcome
from flowkit.plan.events import Row
from flowkit.plan.status import RETRYING, Status
from flowkit.runs.cached import Cache, Made
from flowkit.store import database, owners
from flowkit.store.journal import Journal, LoggedLine
from flowkit.store.opening import Begun
from flowkit.store.run_status import RunStatus
from flowkit.store.sweep import CANCELLED_BY_COMMAND


class Record:
    """The ledger of one session of a run.

    Attributes:
        exit_code: what the run comes to, when it has ended.
        why_stopped: asked when a signal has ended the run, for why it was sent; "": as signals say.

    Args:
        path: of the history.
        connection: to write, closed at the end.
        cache: where entries are looked for; the lines of a task with a cache are part of its entry.
        keep_bounds: bounds what the history keeps, after the end.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        journal: Journal,
        begun: Begun,
        cache: Cache | None,
        keep_bounds: Callable[[sqlite3.Connection], None],
    ) -> None:
        self.begun = begun
        self.exit_code: int | None = None
        self.why_stopped: Callable[[], str] = str
        self._path = path
        self._connection = connection
        self._journal = journal
        self.cache = cache
        self._cached = cache.nodes if cache is not None else frozenset()
        self._keep_bounds = keep_bounds
        self._printed: dict[tuple[int, int, int], list[tuple[str, int, str]]] = {}

    def append(
        self,
        rows: Sequence[Row],
        kept: Mapping[tuple[int, int], Any],
        values: Any,
        lines: Sequence[tuple[float, Line]],
    ) -> None:
        """See `Ledger.append`."""
        logged = [LoggedLine(line.call, at, line.stream, line.level, line.text) for at, line in lines]
        made: list[Made] = []
        if self._cached:
            self._remember(logged)
            made = [some for some in kept.values() if isinstance(some, Made) and not some.is_written]
            kept = {child: some.stored if isinstance(some, Made) else some for child, some in kept.items()}
        entries = [each.entry(self._printed.pop(each.call, [])) for each in made]
        with database.explained(self._path):
            self._journal.append(rows, kept, values, logged, entries)
        for each in made:
            each.written()

    def _remember(self, lines: Sequence[LoggedLine]) -> None:
        for line in lines:
            if line.call[0] in self._cached:
                self._printed.setdefault(line.call, []).append((line.stream, line.level, line.text))

    def end(self, outcome: Outcome) -> None:
        """See `Ledger.end`."""
        try:
            with database.explained(self._path):
                status, reason = self._verdict(outcome)
                self.exit_code = 1 if status is RunStatus.CANCELLED else outcome.exit_code
                if outcome.broken is not None:
                    self._journal.lose_what_runs()
                began = outcome.engine.started
                span = began, began + outcome.duration
                self._journal.end(status, reason, self.exit_code, _counts(outcome), span)
            if not self._path.exists():
                logging.getLogger("flowkit").warning(
                    "The history was removed while the run went on: nothing of this run is kept."
                )
            self._tidy_up()
        finally:
            self.close()

    def wish(self) -> str:
        """See `Ledger.wish`."""
        with contextlib.suppress(sqlite3.Error):
            query = "SELECT reason FROM runs WHERE number=?"
            for (reason,) in self._connection.execute(query, (self.begun.run,)):
                if reason == CANCELLED_BY_COMMAND:
                    return CANCELLED_BY_COMMAND
        return self.why_stopped()

    def fail(self, reason: str) -> None:
        """The run could not even start; where its end is written already this does nothing."""
        with contextlib.suppress(sqlite3.Error):
            self._journal.end(RunStatus.FAILED, reason, 2, {})
        self.close()

    def _tidy_up(self) -> None:
        """What may be left to the next run, where the disk is full or others are busy."""
        try:
            if self.cache is not None and self.cache.used:
                self._journal.used(self.cache.used)
            self._keep_bounds(self._connection)
        except (sqlite3.Error, OSError) as error:
            logging.getLogger("flowkit").warning("What the history keeps could not be bounded: %s", error)

    def close(self) -> None:
        """Let go of the run and of the history."""
        owners.release(self._path.parent, self.begun.run)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _verdict(self, outcome: Outcome) -> tuple[RunStatus, str]:
        if outcome.broken is not None or outcome.engine.stranded is not None:
            return RunStatus.FAILED, outcome.state.message or ""
        if outcome.interrupted is not None:
            is_cancelled = outcome.told == CANCELLED_BY_COMMAND
            return (RunStatus.CANCELLED if is_cancelled else RunStatus.INTERRUPTED), outcome.ending
        if outcome.timed_out:
            return RunStatus.TIMED_OUT, outcome.ending
        if outcome.paused and not outcome.state.is_finished():
            return RunStatus.PAUSED, outcome.state.message or ""
        good = outcome.state.is_successful()
        return (RunStatus.SUCCESS if good else RunStatus.FAILED), outcome.state.message or ""


def _counts(outcome: Outcome) -> dict[str, int]:
    """How many tasks ended how, children of mapped ones one by one, without what only carries values."""
    machine, plan = outcome.engine.machine, outcome.plan
    shown = [not mark for mark in map(attrgetter("is_carrier"), plan.tasks)]
    for node in plan.parameters.values():
        shown[node] = False
    found = Counter(compress(machine.status, shown))
    for node, group in machine.groups.items():
        if shown[node]:
            found[machine.status[node]] -= 1
            found.update(group.states)
    for mark, status in machine.held.items():
        if shown[mark[0] if isinstance(mark, tuple) else mark]:
            found[RETRYING] -= 1
            found[status] += 1
    return {Status(status).word: number for status, number in sorted(found.items()) if number}
