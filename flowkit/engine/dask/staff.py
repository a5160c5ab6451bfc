"""The worker processes of one temporary cluster: who there is, and how each has ended. From any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

_SOON = 1.0  # seconds in which the system tells of an end that the scheduler has noticed


class Staff:
    """See the module.

    Args:
        alone: is told that there is no process and that none can be had, and why.
    """

    def __init__(self, alone: Callable[[str], None]) -> None:
        self._alone = alone
        self._lock = threading.Lock()
        self._ends: dict[int, Callable[[], None]] = {}
        self._endings: dict[str, Future[str]] = {}
        self._is_over = False

    def hire(self, hire: Callable[[], int], end: Callable[[int], None]) -> int | None:
        """Have one more process; returns its number.

        Args:
            hire: has it started, and returns its number.
            end: has it killed.

        Returns:
            None: all were ended, and there are to be no more.
        """
        with self._lock:
            if self._is_over:
                return None
            number = hire()
            self._ends[number] = lambda: end(number)
            return number

    def end(self) -> None:
        """Kill all that there are, and have no more."""
        with self._lock:
            self._is_over = True
            ends = list(self._ends.values())
        for end in ends:
            end()

    def is_at(self, address: str) -> None:
        """A process has an address."""
        self._endings.setdefault(address, Future())

    def ended(self, number: int, address: str, how: str) -> None:
        """A process has ended; in words."""
        with self._lock:
            self._ends.pop(number, None)
        if address in self._endings:
            self._endings[address].set_result(how)

    def lacks_one(self, why: str) -> None:
        """There was to be one more process, and is not."""
        with self._lock:
            is_wanted = not self._is_over and not self._ends
        if is_wanted:
            self._alone(why)

    async def ending(self, address: str) -> str:
        """How the process at an address has ended, in words; "" where that is not known."""
        if address not in self._endings:
            return ""
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self._endings[address]), _SOON)
        except TimeoutError:
            return ""
