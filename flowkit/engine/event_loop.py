"""An event loop in a thread of its own, and the threads beside it for what would hold it.

Guarantees: whatever its tasks do, `close` returns soon after the patience that it is given. What has not
ended by then is named, and goes on as an abandoned thread would; the loop ends after it.
Relies on: all but `call` and `close` is called in the thread of the loop.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from flowkit.engine.task_threads import start_apart

_MARGIN = 0.1  # seconds beyond the patience, for a loop that is busy
_MOST_THREADS = 32  # as many as asyncio allows itself
_ASIDE = "a thread of the loop"


class Threads(ThreadPoolExecutor):
    """A pool that knows what it has not finished.

    Attributes:
        out: what is waited for.
    """

    def __init__(self, name: str) -> None:
        workers = min(_MOST_THREADS, (os.cpu_count() or 1) + 4)
        super().__init__(workers, thread_name_prefix=f"flowkit-{name}")
        self.out: set[Future[Any]] = set()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = super().submit(function, *args, **kwargs)
        self.out.add(future)
        future.add_done_callback(self.out.discard)
        return future


def cancel_once(task: asyncio.Task[Any]) -> None:
    """Cancel a task, unless it is cleaning up already: a second time would end that."""
    if not task.cancelling():
        task.cancel()


class EventLoop:
    """See the module.

    Args:
        name: of the thread.
        named: what a task is called that is left behind.
        broke: told of a bug.

    Attributes:
        loop: what tasks are created on.
        settled: set when it is known what is left behind.
    """

    def __init__(
        self, name: str, named: Callable[[asyncio.Task[Any]], str], broke: Callable[[BaseException], None]
    ) -> None:
        self._name = name
        self._named = named
        self._broke = broke
        self._pools: list[Threads] = []
        self._left: list[str] = []
        self.settled = threading.Event()
        self._closing: asyncio.Task[None] | None = None
        self._closed = False
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(self.threads("aside"))
        self.thread = threading.Thread(target=self._work, name=f"flowkit-{name}", daemon=True)
        try:
            start_apart(self.thread)
        except BaseException:
            self.loop.close()
            raise

    def threads(self, what: str) -> Threads:
        """Threads for what would hold the loop; they are let go with it."""
        pool = Threads(f"{self._name}-{what}")
        self._pools.append(pool)
        return pool

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """Have the loop call a function soon; nothing happens where it is closed. From any thread."""
        try:
            self.loop.call_soon_threadsafe(self.carry_out, function, *args)
        except RuntimeError:
            if not self.loop.is_closed():
                raise

    def soon(self, function: Callable[..., Any], *args: Any) -> None:
        """As `call`, in the thread of the loop: after what it has to do in this turn."""
        self.loop.call_soon(self.carry_out, function, *args)

    def carry_out(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function of flowkit's own: what it raises is a bug."""
        try:
            function(*args)
        except BaseException as error:  # asyncio would only log it
            self._broke(error)

    def _work(self) -> None:
        try:
            while not self._closed:
                # Of a task that a task has created: asyncio tells who awaits it, and lets it out too.
                with suppress(KeyboardInterrupt, SystemExit):
                    self.loop.run_forever()
            self.loop.close()
        except BaseException as error:
            self._broke(error)

    # -- the end ------------------------------------------------------------------------------

    def close(self, patience: float) -> list[str]:
        """End the loop, cancelling what goes on.

        Args:
            patience: seconds that it has.

        Returns:
            What is left behind.
        """
        self.call(self.begin_to_close, patience)
        if not self.settled.wait(patience + _MARGIN):
            return [self._name]  # a task does not let go of the thread
        if not self._left:
            self.thread.join()
        return list(self._left)

    def begin_to_close(self, patience: float) -> None:
        """End the loop soon; nobody has to wait for it."""
        if self._closing is None:
            self._closing = self.loop.create_task(self._close(patience))

    async def _close(self, patience: float) -> None:
        until = self.loop.time() + patience
        still = await self._end_tasks(until)
        generators = self.loop.create_task(self.loop.shutdown_asyncgens(), name="an async generator")
        await self._wait({generators}, until)
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        aside = {asyncio.wrap_future(future) for pool in self._pools for future in list(pool.out)}
        await self._wait(aside, until)
        still = {task for task in (*still, generators) if not task.done()}
        late = [each for each in aside if not each.done()]
        self._left = [self._named(task) for task in still] + [_ASIDE for _ in late]
        self.settled.set()
        await self._wait({*still, *late}, None)
        self._closed = True
        self.loop.stop()

    async def _end_tasks(self, until: float) -> set[asyncio.Task[Any]]:
        """Cancel all tasks, and those that they create meanwhile; returns those that go on."""
        asked: set[asyncio.Task[Any]] = set()
        while True:
            going_on = asyncio.all_tasks(self.loop) - {asyncio.current_task(self.loop)}
            for task in going_on - asked:
                cancel_once(task)
            if not going_on or (going_on <= asked and self.loop.time() >= until):
                return going_on
            asked |= going_on
            await self._wait(going_on, until)

    async def _wait(self, some: set[Any], until: float | None) -> None:
        """Until all of them have ended, or it is that late."""
        if some:
            await asyncio.wait(some, timeout=None if until is None else max(0.0, until - self.loop.time()))
