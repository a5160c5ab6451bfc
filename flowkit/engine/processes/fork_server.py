"""The fork server, as its runner knows it: started when it is first needed, one a process."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from flowkit.engine.processes.hiring import END, HIRE, wish
from flowkit.engine.processes.link import Link
from flowkit.errors import FlowkitError

# The first entry is the working folder, where a file may be called as a module of ours is.
_START = (
    "import sys; sys.path[:] = [each for each in sys.path if each]; sys.path.append(sys.argv[3]);"
    "from flowkit.engine.processes.server import main; main(int(sys.argv[1]), int(sys.argv[2]))"
)
WORKER = "flowkit.engine.processes.worker"
_PATIENCE = 5.0  # seconds to end, with all that is below it
_TRIES = 3


class ForkServer:
    """See server.py. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Have it there, or on its way.

        Raises:
            FlowkitError: it cannot be started.
        """
        with self._lock:
            self._started()

    def hire(self, fds: Sequence[int], role: str = WORKER, scratch: str = "") -> int:
        """Ask for a worker.

        Args:
            fds: its socket, where its news goes, its outputs 1 and 2, and what else it is to have.
            role, scratch: as in `Wish`.

        Returns:
            Its number.

        Raises:
            FlowkitError: there is no server to be had.
        """
        number = next(self._numbers)
        asked = tuple(wish(number, role, scratch))
        said: tuple[str, ...] = ()
        with self._lock:
            for _ in range(_TRIES):
                try:
                    self._started().send((HIRE, asked), fds)
                    return number
                except OSError:
                    said = self._let_go()
        raise FlowkitError("no worker can be had: the fork server ends whenever it is started", hints=said)

    def end(self, number: int, grace: float) -> None:
        """Ask a worker to end, and have it killed after the grace time, in seconds."""
        with self._lock, contextlib.suppress(OSError):
            if self._link is not None:
                self._link.send((END, (number, grace)))

    def close(self) -> None:
        """Let it end, with all its workers."""
        with self._lock:
            self._let_go()

    def forget(self) -> None:
        """This is a forked child, which has no server. Takes no lock."""
        if self._link is not None:
            self._link.close()

    def _started(self) -> Link:
        if self._link is not None:
            return self._link
        if not sys.executable:
            raise FlowkitError("there are no processes: `sys.executable` does not say which Python this is")
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        ours, theirs = socket.socketpair()
        arguments = [str(theirs.fileno()), str(os.getpid()), str(Path(__file__).parents[3])]
        try:
            self._process = subprocess.Popen(
                [sys.executable, *flags, "-c", _START, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,  # not ours, which may be a pipe of a run that waits for its end
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise FlowkitError(f"no process can be started: {error.strerror or error}") from error
        finally:
            theirs.close()
        self._link = Link(ours)
        return self._link

    def _let_go(self) -> tuple[str, ...]:
        """End it; returns the last line of what it has said."""
        link, process = self._link, self._process
        self._link = self._process = None
        if link is not None:
            link.close()
        if process is None:
            return ()
        try:
            said = process.communicate(timeout=_PATIENCE)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[1]
        return tuple(said.decode("utf-8", "replace").splitlines()[-1:])


_ours: ForkServer | None = None
_making = threading.Lock()


def fork_server() -> ForkServer:
    """The one of this process."""
    global _ours
    with _making:
        if _ours is None:
            _ours = ForkServer()
            atexit.register(_ours.close)
        return _ours


def _in_child() -> None:
    global _ours, _making
    if _ours is not None:
        _ours.forget()
        atexit.unregister(_ours.close)
    _ours, _making = None, threading.Lock()


os.register_at_fork(after_in_child=_in_child)
