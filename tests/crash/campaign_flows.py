"""The flows of the campaign: 1, 10 and 200 tasks; each tells an oracle, outside of flowkit, what it does.

`ORACLE` is that file: a line `start|end|fail run task attempt pid` by a single write each. `PACE` is the
seconds that a task takes; with `COMPANY` it starts others meanwhile, and ends them. Every result follows from
the arguments alone, so that it is the same in each run.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import flowkit
from flowkit import flow, task

AT_ONCE = timedelta(0)


def note(what: str) -> None:
    """Tell the oracle; by a call of Python's own, as the tests let those of flowkit fail."""
    now = flowkit.context
    line = f"{what} {now['flow_run_id']} {now['task_full_name']} {now['task_run_count']} {os.getpid()}\n"
    with Path(os.environ["ORACLE"]).open("ab", buffering=0) as oracle:
        oracle.write(line.encode())


@contextmanager
def company() -> Iterator[None]:
    """Others that a task has started: one in its group, and one that has left that, in a shell."""
    if "COMPANY" not in os.environ:
        yield
        return
    others = [
        subprocess.Popen(["sleep", "60"]),
        subprocess.Popen(["sh", "-c", "sleep 60; true"], start_new_session=True),
    ]
    try:
        yield
    finally:
        os.killpg(others[1].pid, signal.SIGKILL)
        for other in others:
            other.kill()
            other.wait()


@contextmanager
def noted() -> Iterator[None]:
    """The work of a task."""
    note("start")
    try:
        with company():
            threading.Event().wait(float(os.environ.get("PACE", "0")))
            yield
    except BaseException:
        note("fail")
        raise
    note("end")


@task
def large(number: int) -> bytes:
    """100 KB: a file."""
    with noted():
        return number.to_bytes(4, "big") * 25_000


@task
def step(number: int) -> int:
    """A plain value."""
    with noted():
        return number * 3 % 1_000_003


@task
def table(number: int) -> dict[str, Any]:
    """A kilobyte: a pickle in a row."""
    with noted():
        return {"number": number, "text": f"{number:04}" * 250, "parts": {number, number + 1}}


@task
def talking(number: int) -> int:
    """Prints and logs."""
    with noted():
        for line in range(3):
            print("line", line, "of", number)
        logging.getLogger("campaign").warning("number %s", number)
        return number + 1


@task(max_retries=2, retry_delay=AT_ONCE)
def flaky(number: int) -> int:
    """Fails once."""
    with noted():
        if flowkit.context["task_run_count"] == 1:
            raise ConnectionError("try again")
        return number - 1


@task
def numbers(count: int) -> list[int]:
    """What to map over."""
    with noted():
        return list(range(count))


@task
def total(parts: list[Any], more: int = 0) -> int:
    """Of numbers, of lengths of bytes, and of the numbers in tables."""
    with noted():
        return more + sum(_number(part) for part in parts)


def _number(part: Any) -> int:
    if isinstance(part, dict):
        return int(part["number"])
    return len(part) if isinstance(part, bytes) else int(part)


@flow
def one() -> Any:
    """A single task."""
    return large(7)


@task(cache=True)
def remembered(number: int) -> bytes:
    """An entry of the cache with a file, and with lines."""
    with noted():
        print("remembered", number)
        return number.to_bytes(4, "big") * 25_000


@flow
def one_remembered() -> Any:
    """A single task with a cache."""
    return remembered(7)


@flow
def ten_in_a_row() -> Any:
    """A chain."""
    number = step(1)
    for _ in range(3):
        number = flaky(talking(number))
    return large(table_number(table(number)))


@task
def table_number(found: dict[str, Any]) -> int:
    """The number in a table."""
    with noted():
        return int(found["number"])


@flow
def ten_side_by_side() -> Any:
    """Out to eight, and in."""
    first = step(5)
    return total(
        [
            large(first),
            large(step(first)),
            table(first),
            talking(first),
            flaky(first),
            step(first),
            step(first),
        ]
    )


@flow
def two_hundred_mapped() -> Any:
    """Mapped tasks one after another, a retry in each child."""
    found = numbers(66)
    return total(table.map(flaky.map(step.map(found))), more=len_of(found))


@task
def len_of(found: list[int]) -> int:
    """How many."""
    with noted():
        return len(found)


@flow
def two_hundred_crossed() -> Any:
    """Twenty layers of ten; each task needs two of the layer before."""
    kinds = (step, talking, step, flaky, step, step)
    layer = [step(number) for number in range(10)]
    for depth in range(18):
        layer = [kinds[(depth + place) % 6](both(layer[place], layer[place - 1])) for place in range(5)] * 2
    return total(layer)


@task
def both(first: int, second: int) -> int:
    """Of two."""
    with noted():
        return first ^ second
