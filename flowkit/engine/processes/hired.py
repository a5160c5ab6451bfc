"""A worker process, as its runner knows it: its socket, its outputs, and what is told of it.

Relies on: one thread has it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Iterator

from flowkit.engine.processes.deaths import UnstartableError
from flowkit.engine.processes.fork_server import ForkServer
from flowkit.engine.processes.hiring import BORN, CLEAN, DIED, NEWS, UNBORN
from flowkit.engine.processes.link import Link

_AT_ONCE = 1 << 16  # bytes
SHORT = 0.05  # seconds; what takes longer is waited for in a way that costs more
OUTPUTS = ("stdout", "stderr")


class Hired:
    """See the module.

    Attributes:
        number: what the fork server calls it.
        pid: of its process, once it is known.
        status: of `wait`, once it has ended; None: it has not, or that is not known.
        left: how many processes were left of it.
        gone: whether it has ended, and nothing is left of it.
        memory: the most that it had, in bytes.
        known: numbers of functions, and nodes, that it was told.
    """

    def __init__(self, server: ForkServer) -> None:
        self._server = server
        ends = _Ends()
        try:
            ours, theirs = ends.sockets()
            self._news, news = ends.pipe()
            outputs = [ends.pipe() for _ in OUTPUTS]
            claims = ends.counter()
            self.number = server.hire([theirs.fileno(), news, *(there for _, there in outputs), *claims])
        except OSError as error:
            ends.close(*ends.all)
            raise UnstartableError(error.errno or 0) from error
        except BaseException:
            ends.close(*ends.all)
            raise
        self._fd = ours.fileno()
        self._claims = claims
        self.outputs = [here for here, _ in outputs]
        theirs.close()
        ends.close(news, *(there for _, there in outputs))
        self.link = Link(ours, holds=True)
        self.link.be_patient(SHORT)
        self.pid = 0
        self.status: int | None = None
        self.left = 0
        self.gone = False
        self.memory = 0
        self.error = 0
        self.known: tuple[set[int], set[int]] = (set(), set())
        self._poll = select.poll()
        self._bell = select.poll()
        self._bell.register(self._news, select.POLLIN)
        for fd in (ours.fileno(), *self.outputs, self._news):
            self._poll.register(fd, select.POLLIN)

    # -- what goes ----------------------------------------------------------------------------

    def claim(self, calls: int) -> None:
        """Several calls are about to be sent, each of which can be taken back."""
        if calls > 1:
            os.eventfd_write(self._claims[0], calls)

    def take_back(self, most: int) -> int:
        """Take back calls that were not begun; returns how many they are, the last ones."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while count < most:
                count += os.eventfd_read(self._claims[0])
        return count

    # -- what comes ---------------------------------------------------------------------------

    def wait(self) -> bool:
        """Wait until something comes; whether something was written to the outputs."""
        ready = self._poll.poll()
        if len(ready) == 1 and ready[0][0] == self._fd:
            return False
        found = {fd for fd, _ in ready}
        if self._news in found:
            self._hear()
        return not found.isdisjoint(self.outputs)

    def wait_for_bell(self, seconds: float) -> bool:
        """Wait until it rings, or ends; False where it does not."""
        if not self._bell.poll(seconds * 1000):
            return False
        self._hear()
        return True

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        return self.gone or self.status is not None or bool(self.error)

    def written(self, name: str) -> Iterator[bytes]:
        """What is there to be read of an output."""
        fd = self.outputs[OUTPUTS.index(name)]
        while True:
            try:
                piece = os.read(fd, _AT_ONCE)
            except OSError:
                return
            if not piece:  # everyone has closed it
                with contextlib.suppress(KeyError):
                    self._poll.unregister(fd)
                return
            yield piece
            if len(piece) < _AT_ONCE:
                return

    def _hear(self) -> None:
        try:
            told = os.read(self._news, _AT_ONCE)
        except BlockingIOError:
            return
        if not told:
            self.gone = True
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._news)
        at = 0
        while at < len(told):
            if not told[at]:  # the bell
                at += 1
                continue
            what, number, memory = NEWS.unpack_from(told, at)
            at += NEWS.size
            if what == BORN:
                self.pid = number
            elif what == DIED:
                self.status, self.memory = number, memory
            elif what == CLEAN:
                self.left = number
            elif what == UNBORN:
                self.error = number

    def wait_for_end(self, seconds: float) -> bool:
        """Wait until it is gone, and everything that it has started; False where that takes longer."""
        until = time.monotonic() + seconds
        while not self.gone:
            left = until - time.monotonic()
            if left <= 0:
                return False
            self.wait_for_bell(left)
        return True

    def wait_for_status(self, seconds: float) -> bool:
        """Wait until it has ended; False where that takes longer."""
        until = time.monotonic() + seconds
        while not self.has_ended:
            left = until - time.monotonic()
            if left <= 0:
                return False
            self.wait_for_bell(left)
        return True

    # -- its end ------------------------------------------------------------------------------

    def end(self, grace: float) -> None:
        """Have it end, by force after the grace time, in seconds. From any thread."""
        self._server.end(self.number, grace)

    def close(self) -> None:
        """Let go of it."""
        self.link.close()
        for fd in (self._news, *self.outputs, *self._claims):
            os.close(fd)


class _Ends:
    """Descriptors that are being made."""

    def __init__(self) -> None:
        self.all: list[int] = []

    def sockets(self) -> tuple[socket.socket, socket.socket]:
        return socket.socketpair()

    def pipe(self) -> tuple[int, int]:
        here, there = os.pipe()
        os.set_blocking(here, False)
        self.all += [here, there]
        return here, there

    def counter(self) -> list[int]:
        """What calls are claimed with; none where the system has none."""
        if not hasattr(os, "eventfd"):
            return []
        found = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.all.append(found)
        return [found]

    def close(self, *fds: int) -> None:
        for fd in fds:
            os.close(fd)
