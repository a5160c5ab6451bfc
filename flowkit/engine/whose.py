"""Which call may have written what comes through a file descriptor, where all calls of a run share it.

Guarantees: a call is named only where no other can have written it since everything that came before was
read. Relies on: the engine's lock is held; who reads, reads and asks under the same lock.

Not known is what no call of the run stands for: a thread of the program itself, or a program that goes on
when the task that started it has ended. What these write counts as that of the only call that runs.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from flowkit.plan.events import RUN, Call
from flowkit.plan.status import RUNNING

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

_MANY = 1000


class Whose:
    """The calls of a run that may have written what is read next.

    Args:
        alone: no other run goes on in this process.

    Attributes:
        left: calls that were given up and whose thread may still go on.
    """

    def __init__(self, engine: Engine, *, alone: bool) -> None:
        self._engine = engine
        self._alone = alone
        self._calls: set[Call] = set()
        self._seen = 0  # events of the machine that were looked at
        self._guests: dict[Engine, Call] = {}
        self.left: set[Call] = set()

    def call(self) -> Call:
        """The only call that may have written; `RUN` where there are more, or none."""
        if not self._alone:
            return RUN
        self._look()
        found = self._calls.union(self.left, self._guests.values())
        return found.pop() if len(found) == 1 else RUN

    def settled(self) -> None:
        """Everything that was written is read: from now on only what runs can write."""
        self._look()
        is_running = self._engine.machine.is_running
        self._calls = {call for call in self._calls if is_running(*call)}

    def taken_away(self, running: Collection[Call]) -> None:
        """Everything that was written is read, and the machine's events go; these calls run."""
        self._calls = set(running)
        self._seen = 0

    def went_away(self) -> None:
        """The machine's events go, with something still to be read."""
        self._look()
        self._seen = 0
        if len(self._calls) > _MANY:  # of those that have ended two say as much as all
            is_running = self._engine.machine.is_running
            ended = [call for call in self._calls if not is_running(*call)]
            self._calls.difference_update(ended[2:])

    def came(self, guest: Engine) -> None:
        """Another run begins in this process: part of one of our calls, or nobody's."""
        around = guest.parent
        while around is not None and around[0] is not self._engine:
            around = around[0].parent
        if around is None:
            self._alone = False
        else:
            self._guests[guest] = around[1]

    def went(self, guest: Engine) -> None:
        """It has ended, and what it wrote is read."""
        self._guests.pop(guest, None)

    def _look(self) -> None:
        events = self._engine.machine.events
        if len(events) > self._seen:
            self._calls.update(row[:3] for row in events[self._seen :] if row[3] == RUNNING)
            self._seen = len(events)
