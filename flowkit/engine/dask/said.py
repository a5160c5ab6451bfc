"""What tasks print and log on a worker of a cluster, on its way to their run while they go on.

It goes through the scheduler, which passes it on unopened and keeps nothing of it.

Guarantees: a line leaves once, and before the answer of what has printed it; who prints does not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from flowkit.engine.capture import Line

HANDLER = "flowkit_said"  # of the scheduler
_SOON = 0.25  # seconds after which a line leaves
_MOST = 5_000  # lines at once
_PATIENCE = 60.0  # seconds for the scheduler to take them


class Said:
    """See the module.

    Args:
        worker: of dask.
        client: the id of that of the run.
        new_secrets: what lines must not show and the run was not told yet.
    """

    def __init__(self, worker: Any, client: str, new_secrets: Callable[[], list[Any]]) -> None:
        self._worker = worker
        self._client = client
        self._new_secrets = new_secrets
        self._lines: deque[Line] = deque()
        self._secrets: list[Any] = []  # those that were to leave, and did not
        self._lock = threading.Lock()  # held while lines are taken, never by who prints
        self._is_awaited = False
        self._arrived = threading.Event()  # nothing is on its way
        self._arrived.set()

    def put(self, line: Line) -> None:
        """Take a line. From any thread."""
        self._lines.append(line)
        if not self._is_awaited:
            self._is_awaited = True
            with contextlib.suppress(RuntimeError):  # the worker ends
                self._worker.loop.asyncio_loop.call_soon_threadsafe(self._wait)

    def rest(self) -> tuple[list[Line], list[Any]]:
        """The lines that have not left, and the secrets, for who answers now."""
        while True:
            self._arrived.wait(_PATIENCE)
            with self._lock:
                if self._arrived.is_set():
                    return self._taken(len(self._lines))

    def _taken(self, most: int) -> tuple[list[Line], list[Any]]:
        lines = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
        secrets, self._secrets = self._secrets + self._new_secrets(), []
        return lines, secrets

    # -- in the loop of the worker ------------------------------------------------------------

    def _wait(self) -> None:
        asyncio.get_running_loop().call_later(_SOON, self._begin)

    def _begin(self) -> None:
        with self._lock:
            self._is_awaited = False
            if not self._lines or not self._arrived.is_set():
                return  # who is at it sees to the rest
            self._arrived.clear()
            lines, secrets = self._taken(_MOST)
        self._going = asyncio.ensure_future(self._send(lines, secrets))

    async def _send(self, lines: list[Line], secrets: list[Any]) -> None:
        try:
            handler = getattr(self._worker.scheduler, HANDLER)
            data = pickle.dumps((lines, secrets), 5)
            await asyncio.wait_for(handler(client=self._client, data=data), _PATIENCE)
        except Exception:  # they go with the answer
            self._lines.extendleft(reversed(lines))
            self._secrets += secrets
        finally:
            self._arrived.set()
            if self._lines:
                self._wait()
