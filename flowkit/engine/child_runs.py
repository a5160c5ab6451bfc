"""Runs that tasks of a run have started and need not wait for: each goes on in a thread of its own.

Guarantees: a run ends after the runs that its tasks have started; where it is asked to stop they are too, and
those that do not within the grace time are ended from here, so that their end is written. None is started
once the run has begun to end. Relies on: an engine whose `parent` is set when it is made.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowkit.engine.context import logger_of
from flowkit.engine.task_threads import start_apart
from flowkit.errors import FlowkitError

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine
    from flowkit.engine.outcome import Outcome


class ChildRun:
    """A run beside the one whose task has started it.

    Args:
        engine: ready to run.
        carry_out: has it run.
        name: what people call it.
        idempotency_key: by which the run around it finds it again.

    Attributes:
        outcome: when it has ended, unless that was by an error.
        error: what ended it otherwise.
        ended: set when either is there.
    """

    def __init__(
        self,
        engine: Engine,
        carry_out: Callable[[], Outcome],
        name: str,
        idempotency_key: str | None = None,
    ) -> None:
        self.engine = engine
        self.name = name
        self.idempotency_key = idempotency_key
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self.ended = threading.Event()
        self._carry_out = carry_out
        self._waiting: list[threading.Event] = []

    def run(self) -> None:
        """Carry it out, in this thread.

        Raises:
            FlowkitError: see `Engine.run`; it is kept too.
        """
        try:
            self.outcome = self._carry_out()
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended.set()
            for event in list(self._waiting):
                event.set()

    @contextmanager
    def telling(self, event: threading.Event) -> Iterator[None]:
        """Have an event set when it ends during the block, or has ended before."""
        self._waiting.append(event)
        if self.ended.is_set():
            event.set()
        try:
            yield
        finally:
            self._waiting.remove(event)

    def start(self, ring: Callable[[], None]) -> None:
        """Carry it out in a thread of its own.

        Args:
            ring: called when it has ended.

        Raises:
            FlowkitError: the system gives no more threads.
        """
        # A daemon, so that what its tasks do not let go of cannot keep the process from ending: its end is
        # waited for by the run around it, which can be interrupted.
        thread = threading.Thread(
            target=self._run_apart, args=(ring,), name=f"flowkit-run-{self.name}", daemon=True
        )
        start_apart(thread)

    def _run_apart(self, ring: Callable[[], None]) -> None:
        try:
            self.run()
        except BaseException as error:
            logger_of("").error("The run %s could not be carried out: %s", self.said, error)
        else:
            if self.was_cut_short and self.engine.number is not None:
                logger_of("").warning(
                    "The run %s was stopped; `flowkit resume %d` goes on with it.",
                    self.said,
                    self.engine.number,
                )
        finally:
            ring()

    @property
    def was_cut_short(self) -> bool:
        """Whether it did not come to its own end."""
        return self.outcome is None or self.outcome.interrupted is not None

    @property
    def said(self) -> str:
        """The run in a sentence: `13 (brisk-otter) of load`."""
        number = f"{self.engine.number} " if self.engine.number is not None else ""
        return f"{number}({self.name}) of {self.engine.plan.name}"


class ChildRuns:
    """Those of one run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._runs: list[ChildRun] = []
        self._over = False

    def start(self, run: ChildRun) -> None:
        """Let a run go on beside this one.

        Raises:
            FlowkitError: this run is over, as for a task that was given up and still goes on; or the system
                gives no more threads.
        """
        with self._lock:
            if self._over:
                raise FlowkitError(f"the run of `{self._engine.plan.name}` is over, and starts no other one")
            self._runs.append(run)
        try:
            run.start(self._engine.ring)
        except BaseException:
            self._runs.remove(run)
            raise

    @property
    def started(self) -> list[ChildRun]:
        """All of them, in order."""
        return list(self._runs)

    def going_on(self) -> list[ChildRun]:
        """Those that have not ended."""
        return [run for run in self.started if not run.ended.is_set()]

    def ask(self, number: int) -> None:
        """Ask them to stop, as a signal of this number would."""
        for run in self.going_on():
            run.engine.interrupts.ask(number, around=False)

    def end(self, grace: float) -> list[str]:
        """Start no more, and end those that go on.

        Args:
            grace: seconds that they have to end by themselves when they are asked.

        Returns:
            What is left behind: threads of tasks that cannot be stopped.
        """
        with self._lock:
            self._over = True
        deadline = time.monotonic() + grace
        self.ask(signal.SIGTERM)
        left = []
        for run in self.started:
            if not run.ended.wait(max(0.0, deadline - time.monotonic())):
                run.engine.interrupts.settle()
                left.append(f"run {run.name}")
            elif run.outcome is not None:
                left += run.outcome.left_behind
        return left

    @property
    def were_cut_short(self) -> bool:
        """Whether one of them did not come to its own end."""
        return any(run.was_cut_short for run in self._runs)
