"""Results that are not kept, and a task that ends its process."""

import os
import signal
import threading
from pathlib import Path

from flowkit import flow, task


@task
def lock():
    return threading.Lock()


@task(persist=False)
def unkept() -> int:
    return 1


@task
def both(lock, number: int) -> int:
    if not Path("works").exists():
        raise OSError("not today")
    return number


@flow
def odd():
    both(lock(), unkept())


@task
def deadly() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@flow
def fatal():
    deadly()
