"""The slots of the machine that a run asks for: taken and given back by a thread of their own.

Who wants a slot first takes its turn, a lock too: so a run that gives a slot back and wants it again does
not get it before those that have waited.

Guarantees: nothing here is waited for with the engine's lock held; when the run has ended nothing is kept;
a process that is killed keeps nothing. Relies on: a `LimitedMachine`, and a folder that is the user's own.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import threading
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flowkit.engine.context import CURRENT, logger_of
from flowkit.engine.slot import Slot, holder_of, holder_said, holder_text
from flowkit.engine.task_threads import start_apart
from flowkit.errors import FlowkitError
from flowkit.plan.limited import LimitedMachine

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

PATIENCE = 1.0  # seconds after which it is said what is waited for
_LOOK = 1.0  # seconds after which it is looked again, should a file system not tell
_LONGEST_NAME = 40


class Queue:
    """All slots of one limit, for one run.

    Args:
        holder: what others read of who has a slot.
    """

    def __init__(self, folder: Path, name: str, slots: int, holder: bytes) -> None:
        self._holder = holder
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        self._stem = f"{re.sub('[^A-Za-z0-9_-]', '_', name)[:_LONGEST_NAME]}-{digest}"
        self._turn = Slot(folder / f"{self._stem}.turn")
        # Those of the highest number first: where others know of fewer, theirs are taken last.
        self._slots = [Slot(folder / f"{self._stem}.{number}") for number in range(slots, 0, -1)]

    def take(self) -> Slot | None:
        """A slot, where one is free and it is our turn.

        Raises:
            OSError: the files cannot be used.
        """
        if not self._turn.is_held and not self._turn.take(self._holder):
            return None
        for place, slot in enumerate(self._slots):
            if slot.take(self._holder):
                self._slots[place] = Slot(slot.path)
                self.rest()
                return slot
        return None

    @property
    def watched(self) -> list[int]:
        """Descriptors of which one hangs up when it is worth another try."""
        return [each.watched for each in (self._turn, *self._slots) if each.watched is not None]

    @property
    def holders(self) -> list[str]:
        """Who has slots, besides this run; where nobody has one, who was suspended in its turn."""
        return self._others(self._slots) or self._others([self._turn])

    def _others(self, slots: Iterable[Slot]) -> list[str]:
        found = [holder_of(slot.path) for slot in slots]
        return sorted({said for text in found if text != self._holder and (said := holder_said(text))})

    def rest(self) -> None:
        """Want nothing any more."""
        self._turn.give_back()
        self.let_go()

    def let_go(self) -> None:
        """Close what is open; see `Slot.let_go`."""
        for each in (self._turn, *self._slots):
            each.let_go()


class Slots:
    """The slots that one run has, and those that it waits for.

    Args:
        folder: where their files lie.

    Attributes:
        holders: of the pools that are waited for, who has the slots.
    """

    def __init__(self, engine: Engine, machine: LimitedMachine, folder: Path) -> None:
        self._engine = engine
        self._machine = machine
        self._folder = folder
        holder = holder_text(engine.number, engine.plan.name)
        self._queues = {
            number: Queue(folder, pool.name, pool.outside, holder)
            for number, pool in enumerate(machine.limits.pools)
            if pool.outside
        }
        self.holders: dict[int, list[str]] = {}
        self._mine: defaultdict[int, list[Slot]] = defaultdict(list)
        self._since: dict[int, float] = {}
        self._said: set[str] = set()
        self._attended: set[int] = set()
        self._rung = False
        self._stopping = False
        self._ear, self._bell = os.pipe()
        self._thread: threading.Thread | None = None

    # -- called with the engine's lock held ---------------------------------------------------

    def see(self) -> None:
        """Something has happened: where that concerns slots, have it seen to."""
        if self._stopping:
            return
        if self._machine.returned or self._machine.asking != self._attended:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="flowkit-slots", daemon=True)
                start_apart(self._thread)
            self._ring()

    def _ring(self) -> None:
        if not self._rung:
            self._rung = True
            os.write(self._bell, b".")

    # -- called by who ends the run -----------------------------------------------------------

    def stop(self) -> None:
        """Give everything back."""
        with self._engine.lock:
            self._stopping = True
            self._ring()
        if self._thread is not None:
            self._thread.join()
        for slot in [slot for some in self._mine.values() for slot in some]:
            slot.give_back()
        self._mine.clear()
        os.close(self._ear)
        os.close(self._bell)

    def let_go(self) -> None:
        """This is a forked child: what is open here is the parent's."""
        self._stopping = True
        for queue in self._queues.values():
            queue.let_go()
        for slot in [slot for some in self._mine.values() for slot in some]:
            slot.let_go()

    # -- the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while not self._stopping:
                self._give_back()
                if not self._take_some() and not self._stopping:
                    self._wait()
        except OSError as error:
            self._engine.broke(
                FlowkitError(f"the slots in `{self._folder}` cannot be used: {error.strerror or error}")
            )
        except BaseException as error:
            self._engine.broke(error)
        finally:
            for queue in self._queues.values():
                queue.rest()

    def _give_back(self) -> None:
        with self._engine.lock:
            returned, self._machine.returned = self._machine.returned, []
            self._attended = set(self._machine.asking)
            if self._rung:
                self._rung = False
                os.read(self._ear, 1)
        for pool in returned:
            self._mine[pool].pop().give_back()
        for pool in self._queues.keys() - self._attended:
            self._queues[pool].rest()
            self.holders.pop(pool, None)
            self._since.pop(pool, None)

    def _take_some(self) -> bool:
        """Whether some of what is asked for could be had."""
        found = False
        for pool in sorted(self._attended):
            slot = self._queues[pool].take()
            if slot is None:
                self.holders[pool] = self._queues[pool].holders
                continue
            found = True
            self._mine[pool].append(slot)
            with self._engine.lock:
                wanted = self._machine.grant(pool)
                self._engine.rouse()
            if not wanted:
                self._mine[pool].remove(slot)
                slot.give_back()
        return found

    def _wait(self) -> None:
        """Until somebody gives a slot back, or ends, or something else is to be seen to."""
        poll = select.poll()
        poll.register(self._ear, select.POLLIN)
        for pool in self._attended:
            self._say(pool)
            for watched in self._queues[pool].watched:
                poll.register(watched, 0)
        poll.poll(_LOOK * 1000 if self._attended else None)

    def _say(self, pool: int) -> None:
        """Say what has been waited for long enough, once, as a record of the task that waits."""
        now = self._engine.clock()
        since = self._since.setdefault(pool, now)
        if now - since >= PATIENCE:
            text = self.waiting_for(pool)
            waiting = [node for node, lacks in self._machine.delayed() if lacks == pool]
            if waiting and text not in self._said:
                self._said.add(text)
                call = (waiting[0], -1, self._machine.attempt(waiting[0]))
                before = CURRENT.set((self._engine, call))
                logger_of(self._engine.plan.tasks[waiting[0]].name).info("%s", text)
                CURRENT.reset(before)

    def waiting_for(self, pool: int) -> str:
        """What a call lacks, and who has it: `waiting for `db`, held by run 41`."""
        holders = self.holders.get(pool, [])
        held = f", held by {' and '.join(holders[:2])}" if holders else ""
        more = f" and {len(holders) - 2} more" if len(holders) > 2 else ""
        return f"waiting for {self._machine.limits.pools[pool].said}{held}{more}"
