"""`python tests/bench/processes.py`: what the lane of processes costs, beside `ProcessPoolExecutor`."""

from __future__ import annotations

import gc
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from figures import Figure, table

from flowkit import Flow, context, task
from flowkit.engine.engine import Engine
from flowkit.engine.executors import ProcessExecutor
from flowkit.plan.compiler import compile_flow

WORKERS = 2
SINGLE, MAPPED, ARRAY, REPLACED = 40.0, 5.0, 0.4, 0.1  # µs, µs, x pool, seconds
US = 1e6
_SMALL = 100  # calls whose cost is the fixed part


@dataclass(frozen=True)
class Care:
    """How exactly it is measured: calls, children, bytes of the array, deaths, and how often."""

    calls: int
    children: int
    array: int
    deaths: int
    repeats: int


FULL = Care(3_000, 30_000, 100_000_000, 15, 5)
QUICK = Care(300, 1_000, 4_000_000, 2, 1)


def nothing(value: int) -> int:
    return value


def length(array: Any) -> int:
    return len(array)


nothing_task, length_task = task(nothing), task(length)


@task(max_retries=1, retry_delay=0)
def die_once(moments: str) -> None:
    """Notes when it begins, and dies the first time."""
    with Path(moments).open("a") as file:
        file.write(f"{time.monotonic()}\n")
    if context.task_run_count == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def chain(calls: int) -> Flow:
    with Flow("chain") as flow:
        made = nothing_task(1)
        for _ in range(calls - 1):
            made = nothing_task(made)
    return flow


def wide(calls: int) -> Flow:
    with Flow("wide") as flow:
        for value in range(calls):
            nothing_task(value)
    return flow


def mapped(calls: int) -> Flow:
    with Flow("mapped") as flow:
        nothing_task.map(list(range(calls)))
    return flow


def engine_of(flow: Flow) -> Engine:
    return Engine(compile_flow(flow, lane="processes"), [ProcessExecutor(WORKERS)])


def spent(flow: Flow) -> float:
    """CPU seconds of this process for a run."""
    engine = engine_of(flow)
    gc.collect()
    started = time.process_time()
    outcome = engine.run()
    cost = time.process_time() - started
    assert outcome.state.is_successful()
    return cost


def cost_of(shape: Callable[[int], Flow], calls: int, repeats: int) -> float:
    """CPU seconds a call, at the margin."""
    found = [(spent(shape(calls)) - spent(shape(_SMALL))) / (calls - _SMALL) for _ in range(repeats)]
    return statistics.median(found)


def cost_of_pool(pool: ProcessPoolExecutor, calls: int, repeats: int, *, at_once: bool) -> float:
    """The same of `ProcessPoolExecutor`.

    Args:
        at_once: all are submitted before one is waited for.
    """
    found = []
    for _ in range(repeats):
        started = time.process_time()
        if at_once:
            wait_for([pool.submit(nothing, value) for value in range(calls)])
        else:
            for value in range(calls):
                pool.submit(nothing, value).result()
        found.append((time.process_time() - started) / calls)
    return statistics.median(found)


def array_with(pool: ProcessPoolExecutor, care: Care) -> tuple[float, float]:
    """Seconds of wall time to give a large array to a task, here and with the pool, beside that of a call."""
    import numpy

    large, small = numpy.ones(care.array, dtype="u1"), numpy.ones(1, dtype="u1")
    ours = [of_argument(large) - of_argument(small) for _ in range(care.repeats)]
    theirs = [of_submitted(pool, large) - of_submitted(pool, small) for _ in range(care.repeats)]
    return statistics.median(ours), statistics.median(theirs)


def of_argument(array: Any) -> float:
    with Flow("array") as flow:
        length_task(array)
    engine = engine_of(flow)
    started = time.perf_counter()
    assert engine.run().state.is_successful()
    return time.perf_counter() - started


def of_submitted(pool: ProcessPoolExecutor, array: Any) -> float:
    started = time.perf_counter()
    pool.submit(length, array).result()
    return time.perf_counter() - started


def replaced(deaths: int) -> float:
    """Seconds from the death of a worker until the one that takes its place calls a task."""
    found = []
    for _ in range(deaths):
        with TemporaryDirectory() as folder:
            moments = Path(folder, "moments")
            with Flow("dies") as flow:
                die_once(str(moments))
            assert engine_of(flow).run().state.is_successful()
            died, answered = map(float, moments.read_text().split())
            found.append(answered - died)
    return statistics.median(found)


def figures(care: Care) -> Iterator[Figure]:
    """What is promised of the lane, beside what the pool costs."""
    heading = f"Processes, {WORKERS} workers, beside ProcessPoolExecutor"
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(nothing, range(_SMALL)))  # its processes start
        spent(chain(_SMALL))
        one = cost_of_pool(pool, care.calls, care.repeats, at_once=False) * US
        many = cost_of_pool(pool, care.calls, care.repeats, at_once=True) * US
        ours, theirs = array_with(pool, care)
    cost, size = "a no-op, µs of CPU here: ", f"an array of {care.array / 1e6:g} MB"
    for what, shape, calls, pools, limit in (
        ("one after another", chain, care.calls, one, SINGLE),
        ("all at once", wide, care.calls, many, SINGLE),
        ("mapped", mapped, care.children, many, MAPPED),
    ):
        value = cost_of(shape, calls, care.repeats) * US
        yield Figure(heading, (cost + what,), value, (f"{pools:.1f}",), limit)
    yield Figure(heading, (f"{size}, x pool",), ours / theirs, (f"{theirs * 1e3:.0f} ms",), ARRAY)
    yield Figure(heading, ("a worker is replaced, s",), replaced(care.deaths), ("",), REPLACED)


HEADS = ("", "pool", "")


def main() -> int:
    found = list(figures(FULL))
    print(table(found, HEADS))
    return 1 if any(each.verdict == "OVER" for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
