"""How a worker process has ended, in words."""

from __future__ import annotations

import errno
import os
import signal

MOST = 3  # workers that one task may cost

_OUT_OF_MEMORY = "possibly out of memory"
_LAST = 20  # lines


class WorkerDiedError(RuntimeError):
    """The process that carried out an attempt has ended in the middle of it.

    Attributes:
        is_last: whether the task is given up, whatever its policy says.
    """

    is_last = False


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


def died(key: str, status: int | None, attempt: int, attempts: int, deaths: int) -> WorkerDiedError:
    """What is raised for an attempt whose worker has ended.

    Args:
        status: of `wait`; None: it is not known, as the fork server ended too.
        attempt: which one it was, of how many.
        deaths: how many workers the task has cost, with this one.
    """
    said = f"its worker died ({how(status)}), attempt {attempt}/{attempts}"
    if deaths >= MOST:
        said += f"; `{key}` has ended {deaths} workers and is given up"
    error = WorkerDiedError(said)
    error.is_last = deaths >= MOST
    return error


def how(status: int | None) -> str:
    """In words."""
    if status is None:
        return "with its fork server"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        return f"{name}, {_OUT_OF_MEMORY}" if number == signal.SIGKILL else name
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}"
