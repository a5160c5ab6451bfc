"""What is written to file descriptors 1 and 2 while a run captures: by programs that tasks start, by C code.

Both become pipes. A thread reads them always, so that a writer waits for nothing but that thread, and hands
on what it reads: as the call's that can have written it, else as the run's (see whose.py). Python's own text
streams on the descriptors write to duplicates of what was there, as they did.

Guarantees: the first run of a process has the descriptors until it ends, others that begin meanwhile leave
them alone; then they are what they were, and everything that was written before is handed on, without
waiting for who still has them. What such programs write later goes to where the descriptors led before, for
as long as this process lives; then it breaks their pipe. Nothing is taken where one of the three standard
descriptors is closed, or the system has no more of them.

Two limits of a reader in the same process. C code that writes more than the pipe holds, 256 KiB on Linux, and
does not let go of the interpreter's lock meanwhile waits for ever. And what is written just before the
process dies is lost; the report of a crash that was asked for (`PYTHONFAULTHANDLER`) goes around the pipe.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from flowkit.engine.standard_streams import StandardStreams
from flowkit.engine.task_threads import start_apart
from flowkit.engine.whose import Whose
from flowkit.errors import FlowkitError
from flowkit.plan.events import Call

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

NAMES = {1: "stdout", 2: "stderr"}
LONG = 0.0002  # seconds; no program starts and ends in a task that takes less
_ROOM = 256 * 1024  # bytes of a pipe
_CHUNK = 16 * 1024  # bytes that are handed on with the engine's lock held
_PATIENCE = 1.0  # seconds for a terminal that takes nothing

Write = Callable[[Call, str, str], None]

_owner: Descriptors | None = None


def take(
    engine: Engine, write: Write, *, alone: bool, echo: bool, room: Callable[[], None]
) -> Descriptors | None:
    """Take the descriptors for a run; None where that cannot be. One thread at a time calls this.

    Args:
        write: is given the call, `stdout` or `stderr`, and text in any pieces; called with the engine's lock
            held, so it must not wait.
        alone: no other run goes on in this process.
        echo: let everything through to where it went before, too.
        room: is called after a piece, without the lock; waits where there is too much.
    """
    global _owner
    if _owner is not None:
        return None
    try:
        os.fstat(0)  # else a pipe of ours would become descriptor 0
        if not all(map(os.get_inheritable, NAMES)):  # it was closed, and has become a file of somebody's
            return None
        _owner = Descriptors(engine, write, alone=alone, echo=echo, room=room)
    except (OSError, FlowkitError):
        return None
    return _owner


def came(guest: Engine) -> None:
    """A run begins in this process."""
    owner = _owner
    if owner is not None and owner.engine is not guest:
        with owner.engine.lock:
            owner.whose.came(guest)


def went(guest: Engine) -> None:
    """It has ended."""
    owner = _owner
    if owner is not None and owner.engine is not guest:
        with owner.engine.lock:
            owner.settle()
            owner.whose.went(guest)


class Descriptors:
    """Descriptors 1 and 2 as pipes, from the beginning until `give_back`; then `finish` must follow.

    Raises:
        OSError: there are no more descriptors.
        FlowkitError: there are no more threads.
    """

    def __init__(
        self, engine: Engine, write: Write, *, alone: bool, echo: bool, room: Callable[[], None]
    ) -> None:
        self.engine = engine
        self.whose = Whose(engine, alone=alone)
        self._write = write
        self._echo = echo
        self._room = room
        self._passed: deque[tuple[int, bytes]] = deque()  # to where the descriptors led before
        self._passing = threading.Lock()
        self._over = False
        self._latest: dict[int, Call] = {}  # whose came last
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {number: decoder("replace") for number in NAMES}
        with contextlib.ExitStack() as undo:
            self._open(undo)
            self._thread = threading.Thread(target=self._work, name="flowkit-descriptors", daemon=True)
            start_apart(self._thread)
            undo.pop_all()
        self._lead_here()

    def _open(self, undo: contextlib.ExitStack) -> None:
        self._kept: dict[int, int] = {}  # duplicates of what was there
        self._readers: dict[int, int] = {}  # our end, and its number
        self._writers: dict[int, int] = {}
        self._waiting, self._look = select.poll(), select.poll()  # the reader's; who has the engine's lock
        self._bell: tuple[int, ...] = os.pipe()  # wakes the thread
        os.set_blocking(self._bell[1], False)
        for end in self._bell:
            undo.callback(os.close, end)
        self._waiting.register(self._bell[0], select.POLLIN)
        for number in NAMES:
            self._kept[number] = kept = os.dup(number)
            undo.callback(os.close, kept)
            reader, writer = os.pipe()
            undo.callback(os.close, reader)
            undo.callback(os.close, writer)
            self._readers[reader], self._writers[number] = number, writer
            with contextlib.suppress(OSError, AttributeError):  # the user has very many pipes; not Linux
                fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _ROOM)
            self._waiting.register(reader, select.POLLIN)
            self._look.register(reader, select.POLLIN)

    def _lead_here(self) -> None:
        self._streams = StandardStreams()
        self._streams.lead_to(self._kept[1], self._kept[2])
        self._inherited = {number: os.get_inheritable(number) for number in NAMES}
        for number, writer in self._writers.items():
            os.dup2(writer, number)
        self._aims = _reports_crashes()
        if self._aims:
            _report_crashes_to(self._kept[2])

    # -- with the engine's lock held ----------------------------------------------------------

    def settle(self) -> None:
        """Hand on everything that was written, so that what comes next is by what runs next."""
        if self._read_all():
            self.whose.settled()
        if self._passed:
            self._ring()

    def events_go(self, running: Collection[Call]) -> None:
        """The machine's events are taken away; these calls run. Nothing is read: who takes them is busy."""
        if self._look.poll(0):
            self.whose.went_away()
        else:
            self.whose.taken_away(running)

    def _read_all(self) -> bool:
        """Hand on what the pipes hold; False where more comes all the time."""
        for _ in range(2):
            ready = self._look.poll(0)
            if not ready:
                return True
            for reader, _ in ready:
                self._read(reader, _ROOM)
        return not self._look.poll(0)

    def _read(self, reader: int, most: int) -> None:
        number = self._readers[reader]
        try:
            data = os.read(reader, most)
        except OSError:  # a task has closed what is not its own
            data = b""
        if not data:
            self._waiting.unregister(reader)
            self._look.unregister(reader)
            del self._readers[reader]
            with contextlib.suppress(OSError):
                os.close(reader)
            return
        if self._echo or self._over:
            self._passed.append((number, data))
        if not self._over:
            self._latest[number] = call = self.whose.call()
            self._hand_on(number, call, self._decoders[number].decode(data))

    def _hand_on(self, number: int, call: Call, text: str) -> None:
        if text:
            self._write(call, NAMES[number], text)

    # -- the thread that reads ----------------------------------------------------------------

    def _work(self) -> None:
        """Until nobody has the other end any more."""
        while self._readers:
            if (self._bell[0], select.POLLIN) in self._waiting.poll():
                os.read(self._bell[0], 64)
            with self.engine.lock:
                ready = self._look.poll(0)
                for reader, _ in ready:
                    self._read(reader, _CHUNK)
                if not self._over and ready and not self._look.poll(0):
                    self.whose.settled()
            self._pass_on()
            if not self._over:
                self._room()
        if self._over:
            self._pass_on()
            self._close()

    def _ring(self) -> None:
        """Wake the thread."""
        with contextlib.suppress(OSError):  # it rings already, or the thread has ended
            os.write(self._bell[1], b".")

    def _pass_on(self, patience: float = -1) -> None:
        """Write what is to be let through."""
        if not self._passed or not self._passing.acquire(timeout=patience):
            return
        try:
            while self._passed:
                number, data = self._passed.popleft()
                _write_whole(self._kept[number], data)
        finally:
            self._passing.release()

    # -- the end ------------------------------------------------------------------------------

    def give_back(self) -> None:
        """Lead the descriptors to where they led before, and hand on what was written until now."""
        global _owner
        if self._aims:
            _report_crashes_to(2)
        with contextlib.suppress(OSError):  # a task has closed what is not its own
            for number, kept in self._kept.items():
                os.dup2(kept, number, self._inherited[number])
        self._streams.flush()
        self._streams.lead_back()
        with self.engine.lock:
            for writer in self._writers.values():
                with contextlib.suppress(OSError):
                    os.close(writer)
            self._read_all()
            for number, call in self._latest.items():  # a character may lack its last byte
                self._hand_on(number, call, self._decoders[number].decode(b"", True))
            self._ring()  # before the thread can know that it is over, and close what this rings
            self._over = True
        _owner = None

    def finish(self) -> None:
        """Let through what is left, and end the thread where nobody else writes any more."""
        self._pass_on(_PATIENCE)
        if not self._readers:
            self._thread.join(_PATIENCE)
            if not self._thread.is_alive():
                self._close()

    def _close(self) -> None:
        """Let go of what is left; both of who may come last do so."""
        with self._passing:
            numbers, self._bell, self._kept = (*self._bell, *self._kept.values()), (), {}
        for number in numbers:
            with contextlib.suppress(OSError):
                os.close(number)

    def let_go(self) -> None:
        """This is a copy in a forked child: it writes to the pipes, as others that are started do."""
        global _owner
        _owner = None
        self._streams.lead_back()
        self._passing = threading.Lock()  # another thread may have had it, which is not here
        for number in (*self._readers, *self._writers.values()):
            with contextlib.suppress(OSError):
                os.close(number)
        self._close()


def _write_whole(number: int, data: bytes) -> None:
    """Write bytes; where nobody reads any more, or the disk is full, they are lost."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(number, view) :]
        except BlockingIOError:  # another program made what we share non-blocking
            os.set_blocking(number, True)
        except OSError:
            return


def _reports_crashes() -> bool:
    """Whether the interpreter was started so that it writes to descriptor 2 why it dies."""
    asked = sys.flags.dev_mode or "faulthandler" in sys._xoptions or os.environ.get("PYTHONFAULTHANDLER")
    if not asked:
        return False
    import faulthandler

    return faulthandler.is_enabled()


def _report_crashes_to(number: int) -> None:
    import faulthandler

    faulthandler.enable(number)
