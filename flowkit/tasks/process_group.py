"""A program, what it starts, and the lines that they write.

Guarantees: when the block is left, nothing of it runs, however it is left; signals and groups are only used
while its process has not been reaped, so that they never meet another of the same number. What makes a
session of its own (`setsid`) is not of the group any more. Not kept where flowkit itself is killed by
SIGKILL: then the program ends when it writes to the pipe that nobody reads.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from flowkit.engine.interrupts import GRACE
from flowkit.engine.stop_notices import told, undisturbed


class ProcessGroup:
    """A session with one program and all that it starts.

    Attributes:
        code: of the exit, as `subprocess` gives it; None before the block was left.
        stopped: whether the run or the attempt is.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        self.stopped = False
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._given_up = False

    def start(self, args: Sequence[str], **options: Any) -> None:
        """Start the program.

        In a session of its own it has no terminal to read from: what asks for a password fails then,
        instead of waiting for an answer that nobody can give.

        Raises:
            OSError: there is no such program.
        """
        with self._lock:
            if self._given_up:
                raise KeyboardInterrupt
            self._process = subprocess.Popen(
                args,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )

    # -- told from other threads --------------------------------------------------------------

    def ask(self) -> None:
        """The run is stopped: ask the programs to end."""
        self.stopped = True
        self._signal(signal.SIGTERM)

    def give_up(self) -> None:
        """The attempt was given up: end the programs."""
        self.stopped = True
        self._given_up = True
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self._process is not None and self.code is None:
                # Where all have ended there may be none, or, on a Mac, none that may be signalled.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, number)

    # -- called by its task -------------------------------------------------------------------

    def lines(self) -> Iterator[bytes]:
        """Each line as it comes, with its end, until nobody can write any more and the program has ended."""
        process = self._process
        assert process is not None and process.stdout is not None
        yield from process.stdout
        self._wait()

    def _wait(self) -> None:
        """Wait for the end of the program, and do not reap it."""
        assert self._process is not None
        if hasattr(os, "waitid"):  # not on a Mac before Python 3.13
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()

    def wait_for_silence(self, seconds: float) -> None:
        """Wait until nobody can write any more, at most for so long; what is written is dropped."""
        if self._process is None or self._process.stdout is None:
            return
        output = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(output, select.POLLIN)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if poll.poll(left * 1000) and not os.read(output, 1 << 16):
                return

    def end(self) -> None:
        """End all that is left of the group, and reap it."""
        process = self._process
        if process is None or self.code is not None:
            return
        self._signal(signal.SIGKILL)
        self._wait()
        with self._lock:
            self.code = process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def process_group(
    args: Sequence[str], *, env: Mapping[str, str], pass_fds: Sequence[int] = ()
) -> Iterator[ProcessGroup]:
    """Start a program, and end it and all that it has started with the block.

    It gets SIGTERM when the run is asked to stop, SIGKILL when its attempt is given up.

    Raises:
        OSError: there is no such program.
    """
    group = ProcessGroup()
    with told(group):
        try:
            with undisturbed():
                group.start(args, env=env, pass_fds=pass_fds)
            yield group
        except KeyboardInterrupt:
            group.ask()
            group.wait_for_silence(GRACE)
            raise
        finally:
            with undisturbed():
                group.end()
