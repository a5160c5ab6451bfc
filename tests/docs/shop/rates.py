"""The rates of six days, cleaned, and their mean."""

import os
import signal
import threading
from pathlib import Path

from rounding import rounded

from flowkit import flow, task

_asked = threading.Semaphore(0)


@task
def fetch(day: int) -> float:
    """Ask a server. where a file `deadly` lies, the process dies while it asks for the last two days."""
    print("asking for day", day)
    if day < 5:
        return 19.5 + day / 3
    deadly = Path("deadly")
    if deadly.exists():
        _asked.release()
        if day == 6:
            _asked.acquire()
            _asked.acquire()
            deadly.unlink()
            threading.Event().wait(0.4)  # what has been shown so far is on disk
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait()
    return 19.5 + day / 3


@task(cache=True)
def clean(rates: list[float], digits: int) -> list[float]:
    print(len(rates), "rates")
    return [rounded(rate, digits) for rate in rates]


@task
def mean(rates: list[float]) -> float:
    return sum(rates) / len(rates)


@flow
def rates(digits: int = 2):
    """The mean rate of six days."""
    return mean(clean(fetch.map([1, 2, 3, 4, 5, 6]), digits))
