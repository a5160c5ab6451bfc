"""One worker process of a temporary Dask cluster, as its nanny knows it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from flowkit.engine.dask.staff import Staff
from flowkit.engine.dask.worker import Order, Started
from flowkit.engine.processes.deaths import UnstartableError, how
from flowkit.engine.processes.fork_server import fork_server
from flowkit.engine.processes.hiring import BORN, CLEAN, DIED, NEWS, UNBORN
from flowkit.engine.processes.link import Link

_ROLE = "flowkit.engine.dask.worker"
_AT_ONCE = NEWS.size * 64  # bytes


class Process:
    """See the module; in the loop of dask, but for `end`.

    Args:
        staff: of its cluster.
        scratch: the folder of the cluster's files.
        too_much: in words, why it is killed where it takes too much memory.
        over: is told the status of `wait`, or None where that is not known, when nothing is left of it and it
            took part.

    Attributes:
        pid: once it is known.
        started: what it says when it takes part, or cannot.
        gone: whether nothing is left of it.
        is_lost: whether it went with the fork server.

    Raises:
        UnstartableError: the system lets none be.
        RuntimeError: the cluster is to have no more.
    """

    def __init__(self, staff: Staff, scratch: str, too_much: str, over: Callable[[int | None], None]) -> None:
        self._staff = staff
        self._too_much = too_much
        self._over = over
        self._loop = asyncio.get_running_loop()
        self.started: asyncio.Future[Started] = self._loop.create_future()
        self.gone = asyncio.Event()
        self.pid: int | None = None
        self.is_lost = False
        self._address = ""
        self._status: int | None = None
        self._why = ""
        self._has_ended = False
        self._stack = ExitStack()
        try:
            self._number = self._hired(scratch)
        except OSError as error:
            self._stack.close()
            raise UnstartableError(error.errno or 0) from error
        except BaseException:
            self._stack.close()
            raise

    def _hired(self, scratch: str) -> int:
        server = fork_server()
        ours, theirs = socket.socketpair()
        self._link = Link(ours)
        self._stack.callback(ours.close)
        self._news, news = os.pipe()
        self._stack.callback(os.close, self._news)
        os.set_blocking(self._news, False)
        with theirs, ExitStack() as passed:
            passed.callback(os.close, news)
            fds = [theirs.fileno(), news, *(passed.enter_context(_output(fd)) for fd in (1, 2))]
            number = self._staff.hire(
                lambda: server.hire(fds, _ROLE, scratch), lambda number: server.end(number, 0.0)
            )
        if number is None:
            raise RuntimeError("the cluster is closed")
        for fd, heard in ((self._news, self._hear), (ours.fileno(), self._listen)):
            self._loop.add_reader(fd, heard)
            self._stack.callback(self._loop.remove_reader, fd)
        return number

    def tell(self, order: Order) -> None:
        """Say what it is to be."""
        with contextlib.suppress(OSError):  # it has ended, which is heard of
            self._link.send(tuple(order))

    def end(self) -> None:
        """Have it killed, with all that it has started."""
        fork_server().end(self._number, 0.0)

    def terminate(self) -> None:
        """Called by dask: it takes too much memory."""
        self._why = self._too_much
        self.end()

    kill = terminate

    def _listen(self) -> None:
        try:
            self._link.look()
            said = self._link.whole()
        except (EOFError, OSError):
            self._loop.remove_reader(self._link.fileno())
            return
        for each in said:
            started = Started(*each)
            self._address = started.address
            if started.address:
                self._staff.is_at(started.address)
            if not self.started.done():
                self.started.set_result(started)

    def _hear(self) -> None:
        try:
            told = os.read(self._news, _AT_ONCE)
        except BlockingIOError:
            return
        is_over = not told
        for what, number, _ in NEWS.iter_unpack(told):
            if what == BORN:
                self.pid = number
            elif what == DIED:
                self._status = number
                self._ended(how(number, self._why))
            elif what == UNBORN:
                self._ended(str(UnstartableError(number)))
            is_over = is_over or what in (CLEAN, UNBORN)
        if is_over:
            self._end()

    def _ended(self, words: str) -> None:
        self._listen()  # it may have spoken just before
        self._has_ended = True
        self._staff.ended(self._number, self._address, words)
        if not self.started.done():
            self.started.set_result(Started("", "", words))

    def _end(self) -> None:
        if not self._has_ended:
            self.is_lost = True
            self._ended(how(None))
        self._stack.close()
        self.gone.set()
        if self._address:
            self._over(self._status)


@contextlib.contextmanager
def _output(fd: int) -> Iterator[int]:
    """One of this process's own, or none where that is closed."""
    try:
        made = os.dup(fd)
    except OSError:
        made = os.open(os.devnull, os.O_WRONLY)
    try:
        yield made
    finally:
        os.close(made)
