"""The fork server: a process that was started clean, has what workers need imported, and forks them.

It runs one thread and never code of the user's, so that forking is safe. It is in a session of its own: what
ends the group of its runner does not end it. It ends when the runner does, or its keeper, however that was.

Guarantees: who asked for a worker is told its number, and how it ended, in `NEWS`; a worker that ends takes
what it has started with it; when the runner is gone, so are all workers and all that they have started.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import shutil
import signal
import socket
import sys
import time
from typing import NoReturn

from flowkit.engine.processes import worker  # noqa: F401 - so that its children have it
from flowkit.engine.processes.family import adopt_orphans, die_with_parent, end_family, end_orphans
from flowkit.engine.processes.hiring import BORN, CLEAN, DIED, HIRE, NEWS, UNBORN, Wish
from flowkit.engine.processes.keeper import go_on_below_a_keeper
from flowkit.engine.processes.link import Link

_LONGEST = 3600.0  # seconds


class Server:
    """See the module.

    Args:
        control: where the runner asks.
        runner: the process of the runner.
        keeper: a descriptor that can be read when the keeper is gone; -1: there is none.
    """

    def __init__(self, control: socket.socket, runner: int, keeper: int) -> None:
        self._control = control
        self._link = Link(control)
        self._runner = runner
        self._keeper = keeper
        self._pid = os.getpid()
        self._pids: dict[int, int] = {}  # of workers, by number
        self._news: dict[int, tuple[int, int]] = {}  # number and descriptor, by pid
        self._due: list[tuple[float, int]] = []  # when which pid is killed
        self._scratch: set[str] = set()
        self._lifeline = os.pipe()  # ends with this process
        self._woken, waker = socket.socketpair()
        for end in (self._woken, waker):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._waker = waker

    def serve(self) -> None:
        """Until the runner is gone."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        try:
            ends = self._watch(poll)
            while True:
                ready = {fd for fd, _ in poll.poll(self._patience())}
                if self._woken.fileno() in ready:
                    with contextlib.suppress(BlockingIOError):
                        self._woken.recv(4096)
                if not ready.isdisjoint(ends):
                    break
                self._reap()
                self._kill_due()
                if self._control.fileno() in ready:
                    self._listen()
        except (EOFError, OSError):
            pass
        finally:
            end_orphans(())
            for end in (self._control, self._woken, self._waker):
                end.close()
            for folder in self._scratch:
                shutil.rmtree(folder, ignore_errors=True)

    def _watch(self, poll: select.poll) -> list[int]:
        """Be told of the end of the keeper, and of the runner, also while a child of it has the control open.

        Raises:
            EOFError: the runner is gone already.
        """
        ends = [self._keeper] if self._keeper >= 0 else []
        try:
            ends.append(os.pidfd_open(self._runner))
        except ProcessLookupError:
            raise EOFError from None
        except (AttributeError, OSError):
            pass  # the end of the control has to do
        for fd in ends:
            poll.register(fd, select.POLLIN)
        return ends

    def _patience(self) -> float:
        """Milliseconds."""
        if not self._due:
            return _LONGEST * 1000
        return max(0.0, min(at for at, _ in self._due) - time.monotonic()) * 1000

    def _listen(self) -> None:
        while True:
            kind, asked = self._link.receive()
            if kind == HIRE:
                self._hire(Wish(*asked), self._link.fds)
            else:
                self._end(*asked)
            if not self._link.has_begun:
                return

    # -- workers ------------------------------------------------------------------------------

    def _hire(self, wish: Wish, fds: list[int]) -> None:
        """Fork a worker.

        Args:
            fds: its socket, where its news goes, its outputs 1 and 2, and perhaps its claims.
        """
        try:
            pid = os.fork()
        except OSError as error:
            os.write(fds[1], NEWS.pack(UNBORN, error.errno or 0, 0))
            os.close(fds.pop(1))
        else:
            if not pid:
                self._become(wish, fds)
            if wish.scratch:
                self._scratch.add(wish.scratch)
            self._pids[wish.number] = pid
            self._news[pid] = wish.number, fds.pop(1)
            self._tell(pid, BORN, pid)
        for fd in fds:
            os.close(fd)

    def _become(self, wish: Wish, fds: list[int]) -> NoReturn:
        """The child: a worker from now on."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            die_with_parent()
            adopt_orphans()
            for end in (self._control, self._woken, self._waker):
                end.close()
            os.close(self._lifeline[1])
            for _, fd in self._news.values():
                os.close(fd)
            if os.getppid() == self._pid:
                self._settle(wish, fds)
                role = importlib.import_module(wish.role)
                role.main(socket.socket(fileno=fds[0]), fds[1], fds[4:], self._lifeline[0])
        finally:
            os._exit(1)

    def _settle(self, wish: Wish, fds: list[int]) -> None:
        """Find what the wish says."""
        os.dup2(fds[2], 1)
        os.dup2(fds[3], 2)
        os.close(fds[2])
        os.close(fds[3])
        os.environb.clear()
        os.environb.update(wish.environment)
        time.tzset()
        sys.path[:] = wish.path
        os.umask(wish.umask)
        with contextlib.suppress(OSError):
            os.chdir(wish.folder)

    def _end(self, number: int, grace: float) -> None:
        """Ask a worker and its group to end, and kill it after the grace time, in seconds."""
        pid = self._pids.get(number)
        if pid is None:
            return
        if grace > 0:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGTERM)
            self._due.append((time.monotonic() + grace, pid))
        else:
            end_family(pid)

    def _kill_due(self) -> None:
        now = time.monotonic()
        for at, pid in [*self._due]:
            if at <= now:
                self._due.remove((at, pid))
                if pid in self._news:
                    end_family(pid)

    def _reap(self) -> None:
        """Tell of those that have ended, and end what they have left."""
        died = []
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            if pid in self._news:
                self._tell(pid, DIED, status, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
                died.append(pid)
        for pid in died:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            left = end_orphans(self._news.keys())
            self._tell(pid, CLEAN, left)
            number, fd = self._news.pop(pid)
            os.close(fd)
            del self._pids[number]
            self._due = [(at, each) for at, each in self._due if each != pid]

    def _tell(self, pid: int, what: int, number: int, memory: int = 0) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more
            os.write(self._news[pid][1], NEWS.pack(what, number, memory))


def main(control: int, runner: int) -> None:
    """Serve a runner until it is gone.

    Args:
        control: the descriptor of the socket to it.
        runner: its process.
    """
    os.chdir("/")
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # whatever the thread that has started this lets through
    adopt_orphans()
    gc.collect()
    gc.freeze()  # pages that the collector does not touch stay shared with the workers
    keeper = go_on_below_a_keeper(control)
    adopt_orphans()  # which a child has not from its parent
    Server(socket.socket(fileno=control), runner, keeper).serve()
