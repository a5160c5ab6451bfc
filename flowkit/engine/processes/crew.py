"""The feeders of one lane of processes, and what they share."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flowkit.engine.deaths import Deaths, WorkerDiedError
from flowkit.engine.errand import Errands
from flowkit.engine.interrupts import GRACE
from flowkit.engine.processes.batching import Batching
from flowkit.engine.processes.deaths import how
from flowkit.engine.processes.descriptors import affordable
from flowkit.engine.processes.feeder import Feeder
from flowkit.engine.processes.fork_server import fork_server
from flowkit.engine.processes.greeting import hello
from flowkit.engine.processes.hired import Hired
from flowkit.engine.processes.saying import Hello
from flowkit.engine.task_threads import start_apart
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.lane import Lane

_PATIENCE = 5.0  # seconds that feeders have to see that their workers have gone
_NO_CALL: Call = (-1, -1, 0)


class ProcessCrew:
    """The feeders of one lane.

    Attributes:
        lane: theirs.
        errands: makes what is sent.
        unseen: calls that were given up, perhaps before a feeder has said that it has them.
    """

    soft = ""

    def __init__(self, lane: Lane, workers: int) -> None:
        workers = affordable(workers)
        self.lane = lane
        self.errands: Errands = Errands(lane.engine)
        self.unseen: set[Call] = set()
        self.batching = Batching(lane.engine, lane.number, workers)
        self._workers = workers
        self._feeders: dict[Feeder, threading.Thread] = {}
        self._growing = threading.Lock()
        self._deaths = Deaths(lane.engine.plan)
        fork_server().start()
        self._listening = lane.engine.stop_notices.heard_by(self, _NO_CALL)
        self._listening.__enter__()
        self._grow()

    def _grow(self) -> None:
        """Have as many feeders as there should be, besides those whose call was given up."""
        with self._growing:
            while sum(not feeder.left for feeder in self._feeders) < self._workers:
                name = f"{self.lane.name}-{len(self._feeders) + 1}"
                feeder = Feeder(self, name)
                thread = threading.Thread(target=feeder.work, name=f"flowkit-{name}", daemon=True)
                self._feeders[feeder] = thread
                start_apart(thread)

    # -- for the engine -----------------------------------------------------------------------

    def step(self) -> bool:
        return False

    def abandon(self, call: Call) -> None:
        self.unseen.add(call)  # for a feeder that has taken it and not said so yet
        for feeder in list(self._feeders):
            if call in feeder.calls:
                self.leave(feeder)

    def leave(self, feeder: Feeder) -> None:
        """The call of a feeder was given up: its process ends, and another takes its place."""
        if feeder.left:
            return
        feeder.left = True
        feeder.end(0.0 if self.lane.engine.asked_to_stop else GRACE)
        if not self.lane.engine.machine.stopping:
            self._grow()

    def stop(self, grace: float) -> list[str]:
        self._listening.__exit__(None, None, None)
        if self.lane.engine.asked_to_stop:
            self.give_up()
        deadline = time.monotonic() + _PATIENCE
        for thread in list(self._feeders.values()):
            thread.join(max(0.0, deadline - time.monotonic()))
        return [each.name for each, thread in self._feeders.items() if each.remains or thread.is_alive()]

    # -- told when the run is to stop ---------------------------------------------------------

    def ask(self) -> None:
        """The run was asked to stop: interrupt what runs."""
        for feeder in list(self._feeders):
            if feeder.calls:
                feeder.end(GRACE)

    def give_up(self) -> None:
        """Nothing is waited for any more."""
        for feeder in list(self._feeders):
            feeder.end(0.0)

    # -- for the feeders ----------------------------------------------------------------------

    @cached_property
    def hello(self) -> Hello:
        """What each worker is told first.

        Raises:
            UnsendableError: something that all tasks find cannot be sent.
        """
        return hello(self.lane.engine, self.errands)

    def work_of(self, errands: Sequence[tuple[Any, ...]], hired: Hired) -> tuple[Any, ...]:
        """What is sent of errands, of each of which the fields are given: the fields of a `Work`.

        Raises:
            UnsendableError: a function cannot be.
        """
        functions, nodes = hired.known
        new_functions, abouts = [], []
        first = errands[0][0][0]
        if errands[-1][0][0] == first:  # they are in order
            new = set() if first in nodes else {first}
        else:
            new = {errand[0][0] for errand in errands} - nodes
        for node in new:
            about = self.errands.about(node)
            if about.function not in functions:
                new_functions.append((about.function, self.errands.function(about.function)))
                functions.add(about.function)
            abouts.append((node, tuple(about)))
            nodes.add(node)
        return new_functions, abouts, errands, len(errands) > 1

    def death(self, call: Call | None, status: int | None) -> BaseException:
        """What is raised for a call whose worker has ended; None: it ended between two calls."""
        if call is None:
            return WorkerDiedError()
        if self.lane.engine.asked_to_stop:
            return KeyboardInterrupt()
        return self._deaths.of(call, f"its worker died ({how(status)})")
