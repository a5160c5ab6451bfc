"""What comes back from a cluster: the ends of attempts, and what stands for the values that stay there."""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from distributed import Client, Future

from flowkit.engine.clocks import clock_here, in_our_time
from flowkit.engine.context import CURRENT
from flowkit.engine.dask import there
from flowkit.engine.dask.held import Held, LostValueError
from flowkit.engine.deaths import Deaths, WorkerDiedError
from flowkit.engine.errand import Answer, Errands
from flowkit.plan.events import Call, Detail

if TYPE_CHECKING:
    from flowkit.engine.attempt import Attempt
    from flowkit.engine.engine import Engine
    from flowkit.engine.worker import Finished

_RESCUE = 2.0  # seconds for the values of a worker that must be killed


class Endings:
    """Ends the attempts of one run. From one thread at a time for each attempt.

    Args:
        name: of the lane.
    """

    def __init__(self, engine: Engine, errands: Errands, client: Client, name: str) -> None:
        self._engine = engine
        self._errands = errands
        self._client = client
        self._name = name
        self._names: dict[tuple[str, int], str] = {}
        self._clock = clock_here()
        self._held: weakref.WeakSet[Held] = weakref.WeakSet()
        self._deaths = Deaths(engine.plan)

    def step(
        self, attempt: Attempt, answer: Answer, report: there.Report
    ) -> tuple[Callable[[], Finished], bool]:
        """What ends an attempt, and whether that may take a while."""
        attempt.name = self._names.setdefault(report.worker, f"{self._name}-{len(self._names) + 1}")
        now = self._engine.clock()
        answer = in_our_time(answer, report.clock, self._clock, attempt.started, now)
        is_slow = attempt.call[0] in self._engine.worker.slow
        if answer.kind != there.HELD:
            return functools.partial(self._errands.finish, attempt, answer), is_slow
        key, size, kind = answer.payload
        held = Held(Future(key, self._client, state="memory"), kind, size, report.worker[0])
        self._held.add(held)
        is_kept = self._engine.worker.plain is not None
        return functools.partial(self._end, attempt, answer, held), is_slow or is_kept

    def _end(self, attempt: Attempt, answer: Answer, held: Held) -> Finished:
        facts = Detail(*answer.facts) if answer.facts is not None else None
        finished = attempt.returned(held, facts, (answer.started, answer.ended))
        kept, results = finished[2], self._engine.results
        if kept is not None and kept.is_kept and results is not None and self._engine.recorder.is_durable:
            held.again = functools.partial(self._load, *attempt.call[:2])
        return finished

    def _load(self, node: int, index: int) -> Any:
        """A value from the history, once it is written there."""
        assert self._engine.results is not None
        self._engine.recorder.settle()
        return self._engine.results.load(node, index)

    def died(self, call: Call, worker: str, how: str) -> WorkerDiedError:
        """What is raised for an attempt whose worker has ended; "" where nobody knows how."""
        what = f"its Dask worker at {worker} "
        return self._deaths.of(call, what + (f"died ({how})" if how else "was lost"))

    # -- values that stay there ---------------------------------------------------------------

    def lose(self, keys: set[str]) -> None:
        """These are gone with their worker."""
        for held in list(self._held):
            if held.future is not None and held.future.key in keys:
                held.is_lost = True

    def only_at(self, worker: str) -> list[Held]:
        """Those that were made by a worker, and cannot be had again without it."""
        return [held for held in list(self._held) if held.worker == worker and held.again is None]

    def rescue(self, values: Sequence[Held]) -> None:
        """Have values here before their worker ends, as far as it still gives them."""
        until = self._engine.clock() + _RESCUE
        for held in values:
            with contextlib.suppress(LostValueError):
                held.bring(until - self._engine.clock())

    def bring_home(self) -> None:
        """Have the values here that somebody may still ask for."""
        for held in list(self._held):
            with contextlib.suppress(LostValueError):  # who asks for it will be told
                held.bring()


def within(engine: Engine, attempt: Attempt, step: Callable[[], Any]) -> Any:
    """Take a step of an attempt in the context of its call."""
    CURRENT.set((engine, attempt.call))
    try:
        return step()
    finally:
        CURRENT.set(None)
