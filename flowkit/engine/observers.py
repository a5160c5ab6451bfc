"""Who is told what happens in a run, after it was recorded. They may fail; the run goes on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from flowkit.plan.events import Call, Detail, Report, Row
from flowkit.plan.status import EXPANDED, FAILED, MAPPED, RETRYING, RUNNING, TIMED_OUT, Status

if TYPE_CHECKING:
    from flowkit.engine.capture import Line
    from flowkit.engine.engine import Engine
    from flowkit.engine.outcome import Outcome


class Observer(Protocol):
    """What wants to know. All calls come from one thread, in order, but for `begin` and `end`."""

    def begin(self, engine: Engine) -> None:
        """The run is about to start."""

    def see(self, rows: Sequence[Row], lines: Sequence[Line]) -> None:
        """What happened since the last call (rows, as in `plan/events.py`), and what tasks printed."""

    def end(self, outcome: Outcome) -> None:
        """The run is over, and everything was seen."""


@runtime_checkable
class ProgressObserver(Observer, Protocol):
    """Wants to know too how far attempts say that they are."""

    def report(self, reports: Mapping[Call, Report]) -> None:
        """The latest of each that runs and has said something new, about ten times a second at most."""


class LogObserver:
    """Says to `logging` what happens: failures as errors, the run at INFO, each task at DEBUG."""

    def __init__(self) -> None:
        self._log = logging.getLogger("flowkit")

    def begin(self, engine: Engine) -> None:
        """Say what starts."""
        self._engine = engine
        if self._log.isEnabledFor(logging.INFO):
            plan = engine.plan
            visible = sum(not plan.hidden(node) for node in range(plan.size))  # as `flowkit run` counts
            self._log.info("The flow %s starts: %d task%s.", plan.name, visible, "s"[: visible != 1])

    def see(self, rows: Sequence[Row], lines: Sequence[Line]) -> None:
        """Say what happened to each task."""
        if not self._log.isEnabledFor(logging.ERROR):
            return
        verbose = self._log.isEnabledFor(logging.DEBUG)
        for row in rows:
            node, index, attempt, status, started, ended, _, detail = row
            key = self._engine.plan.key(node, index)
            if status in (FAILED, TIMED_OUT, RETRYING) and isinstance(detail, Detail) and detail.failure:
                level = logging.WARNING if status == RETRYING else logging.ERROR
                self._log.log(
                    level,
                    "Task %s %s on attempt %d: %s",
                    key,
                    Status(status).word,
                    attempt,
                    detail.failure.traceback.rstrip() or detail.failure,
                )
            elif verbose and status not in (RUNNING, EXPANDED, MAPPED):
                self._log.debug("Task %s: %s in %.3f s.", key, Status(status).word, ended - started)
            elif verbose and status == RUNNING:
                self._log.debug("Task %s: attempt %d starts.", key, attempt)

    def end(self, outcome: Outcome) -> None:
        """Say how it ended."""
        state = outcome.state
        level = logging.ERROR if state.is_failed() else logging.INFO  # a run that is paused is no failure
        self._log.log(
            level, "The flow %s ended as %s: %s", outcome.plan.name, type(state).__name__, state.message
        )
