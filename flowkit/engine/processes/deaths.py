"""How a worker process has ended, in words."""

from __future__ import annotations

import errno
import os
import signal

_OUT_OF_MEMORY = "possibly out of memory"
_LAST = 20  # lines


class UnstartableError(RuntimeError):
    """A worker process could not be started.

    Args:
        number: of the system's error.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        ways = {
            errno.EMFILE: "; raise the limit of open files (`ulimit -n`), or use fewer workers",
            errno.EAGAIN: "; end other programs, or raise the limit of processes (`ulimit -u`)",
        }
        return f"no worker process can be started: {os.strerror(self.number)}{ways.get(self.number, '')}"


def how(status: int | None, killed: str = "") -> str:
    """In words.

    Args:
        killed: why, where that is known of a worker that was killed.
    """
    if status is None:
        return "with its fork server"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        return f"{name}, {killed or _OUT_OF_MEMORY}" if number == signal.SIGKILL else name
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}"
