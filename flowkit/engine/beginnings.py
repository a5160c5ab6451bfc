"""When the attempts that are out began: who gives one up does not know that.

Guarantees: the end of an attempt that was given up tells when it began. Relies on: rows in the order in which
they happened, each once, with the engine's lock held.
"""

from __future__ import annotations

from collections.abc import Collection

from flowkit.plan.events import Call, Row
from flowkit.plan.machine import Machine
from flowkit.plan.status import CANCELLED, RUNNING


class Beginnings:
    """The beginnings of what runs, as far as they were told."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._began: dict[Call, float] = {}

    @property
    def running(self) -> Collection[Call]:
        """What runs, where the run is not about to stop; else also what has run since then."""
        return self._began.keys()

    def told(self, rows: list[Row]) -> list[Row]:
        """The rows, where those of attempts that were given up begin when these did."""
        if self._machine.stopping:
            return [self._with_beginning(row) for row in rows]
        self._look_for_what_runs(rows)
        return rows

    def _look_for_what_runs(self, rows: list[Row]) -> None:
        """From the end, as what runs now has mostly begun lately: few rows are looked at."""
        machine = self._machine
        began = self._began = {call: at for call, at in self._began.items() if machine.is_running(*call)}
        missing = machine.running - len(began)
        for row in reversed(rows):
            if missing <= 0:
                return
            if row[3] == RUNNING and machine.is_running(*row[:3]):
                began[row[:3]] = row[4]
                missing -= 1

    def _with_beginning(self, row: Row) -> Row:
        call, status, started, ended = row[:3], row[3], row[4], row[5]
        if status == RUNNING:
            self._began[call] = started
        elif status == CANCELLED and started == ended and call in self._began:
            return (*call, status, self._began[call], *row[5:])
        return row
