"""The threads lane: each worker is a loop that takes a call, carries it out, and goes on."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from flowkit.engine.executors.base import checked_workers
from flowkit.engine.task_threads import start_apart
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.lane import Lane


class ThreadExecutor:
    """Runs tasks in threads.

    A thread cannot be stopped from outside: one whose task exceeds its `timeout`, or is cancelled, is
    left behind and replaced, and that is said aloud.

    Args:
        workers: how many tasks at once; default: the number of processors, at least 4.

    Raises:
        UsageError: fewer than 1 worker.
    """

    name = "threads"
    is_away = False

    def __init__(self, workers: int | None = None) -> None:
        self.workers = checked_workers(workers, max(4, os.cpu_count() or 1))

    def start(self, lane: Lane) -> _ThreadCrew:
        """Start the workers; no more than there can be calls at once."""
        plan = lane.engine.plan
        return _ThreadCrew(lane, self.workers if plan.groups else min(self.workers, max(1, plan.size)))

    def __repr__(self) -> str:
        return f"ThreadExecutor(workers={self.workers})"


class _ThreadCrew:
    soft = "; a thread cannot be stopped, so it goes on in the background"

    def __init__(self, lane: Lane, workers: int) -> None:
        self._lane = lane
        self._started = 0
        self._threads: dict[str, threading.Thread] = {}
        self._calls: dict[str, Call] = {}
        self._left: set[str] = set()
        self._unseen: set[Call] = set()
        self._growing = threading.Lock()
        self._workers = workers
        self._grow()

    def _grow(self) -> None:
        """Start threads until there are as many as there should be, besides those left behind."""
        with self._growing:
            while len(self._threads) - len(self._left) < self._workers:
                self._started += 1
                name = f"{self._lane.name}-{self._started}"
                thread = threading.Thread(
                    target=self._work, args=(name,), name=f"flowkit-{name}", daemon=True
                )
                self._threads[name] = thread
                start_apart(thread)

    def _work(self, name: str) -> None:
        try:
            self._loop(name)
        except BaseException as error:
            self._lane.engine.broke(error)

    def _loop(self, name: str) -> None:
        lane, calls = self._lane, self._calls
        execute = lane.engine.worker.execute
        call = lane.exchange(None)
        while call is not None:
            calls[name] = call
            if self._unseen and call in self._unseen:
                self._leave(name)
                return
            call = lane.exchange(execute(call, name))

    def step(self) -> bool:
        return False

    def ask(self) -> None:
        """Nothing ends a thread."""

    def abandon(self, call: Call) -> None:
        self._unseen.add(call)  # for a worker that has taken it and not said so yet
        for name, current in list(self._calls.items()):
            if current == call:
                self._leave(name)

    def _leave(self, name: str) -> None:
        """A worker goes: its call was given up; another takes its place."""
        self._left.add(name)
        if not self._lane.engine.machine.stopping:
            self._grow()

    def stop(self, grace: float) -> list[str]:
        deadline = time.monotonic() + grace
        for name, thread in list(self._threads.items()):
            if name in self._left:
                thread.join(max(0.0, deadline - time.monotonic()))
            else:
                thread.join()
        left = [name for name, thread in self._threads.items() if thread.is_alive()]
        self._lane.engine.left_calls.update((name, self._calls[name]) for name in left if name in self._calls)
        return left
