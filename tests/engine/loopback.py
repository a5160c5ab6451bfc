"""An executor whose tasks run behind a border of bytes, in threads of this process.

It is what executors for other processes do, without the other process: everything that crosses is pickled,
as a message of built-in types, and opened on the other side.
"""

from __future__ import annotations

import contextvars
import pickle
import threading
from typing import Any

from flowkit.engine.away import Office
from flowkit.engine.errand import Answer, Errand, Errands
from flowkit.engine.lane import Lane
from flowkit.engine.task_threads import start_apart


class LoopbackExecutor:
    name = "loopback"
    is_away = True

    def __init__(self, workers: int = 2) -> None:
        self.workers = workers

    def start(self, lane: Lane) -> _Crew:
        return _Crew(lane, self.workers)


class _Crew:
    soft = ""

    def __init__(self, lane: Lane, workers: int) -> None:
        self._lane = lane
        self._errands = Errands(lane.engine)
        self._threads = [
            threading.Thread(target=self._work, args=(f"loopback-{number}",), daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            start_apart(thread)

    def _work(self, name: str) -> None:
        office = Office(crossed(self._errands.header()), None)
        known: set[Any] = set()
        call = self._lane.exchange(None)
        while call is not None:
            attempt = self._lane.engine.worker.begun(call, name)
            arguments = attempt.begin()
            if arguments is not None:
                try:
                    if call[0] not in known:
                        about = crossed(self._errands.about(call[0]))
                        office.learn_function(about.function, crossed(self._errands.function(about.function)))
                        office.learn_node(call[0], about)
                        known.add(call[0])
                    errand: Errand = crossed(self._errands.errand(call, arguments))
                except TypeError as error:
                    attempt.raised(error)
                else:
                    answer: Answer = contextvars.copy_context().run(office.carry_out, errand)
                    self._errands.finish(attempt, crossed(answer))
            call = self._lane.exchange(attempt.finished)

    def step(self) -> bool:
        return False

    def abandon(self, call: Any) -> None:
        """Threads cannot be stopped."""

    def stop(self, grace: float) -> list[str]:
        for thread in self._threads:
            thread.join()
        return []


def crossed(message: Any) -> Any:
    return pickle.loads(pickle.dumps(message, 5))
