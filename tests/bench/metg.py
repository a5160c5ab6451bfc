"""`python tests/bench/metg.py`: the smallest tasks that are worth it, on a lane and in `ProcessPoolExecutor`.

Source of the measure: Task Bench (Slaughter et al., SC 2020). METG 50 % is the minimum effective task
granularity: the shortest duration of tasks with which half of what the cores do is still their work. The
graph is a stencil: each task of a row takes what up to three of the row before gave.
"""

from __future__ import annotations

import hashlib
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor as Pool
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from figures import Figure, table

from flowkit import Flow, task
from flowkit.engine.engine import Engine
from flowkit.engine.executors import ProcessExecutor, ThreadExecutor
from flowkit.engine.executors.base import Executor
from flowkit.plan.compiler import compile_flow
from flowkit.runs.start import Options, prepare

CORES, WIDTH = 2, 4
LIMIT = 0.333  # of what ProcessPoolExecutor needs
EFFICIENCY = 0.5
_SMALL = 8  # rows, whose cost is that of starting and ending
_NEAR = 4.0  # the answer lies within this factor of what a task costs beside its work
_STEPS = 5  # halvings of that range: to within a tenth
_MANY, _OFTEN = 20_000, 15  # iterations that tell how fast they are, and how often
US = 1e6

Stencil = Callable[[int, int], float]  # seconds to run so many rows of tasks of so many iterations
Lanes = Mapping[str, Callable[[], Executor]]

LANES: Lanes = {
    "threads": lambda: ThreadExecutor(CORES),
    "processes": lambda: ProcessExecutor(CORES),
}


@dataclass(frozen=True)
class Care:
    """How exactly it is measured: seconds that a stencil is to take, and how often it is run."""

    seconds: float
    repeats: int


FULL, QUICK = Care(0.1, 5), Care(0.01, 1)


def kernel(iterations: int) -> int:
    """Work of so many equal steps that needs no memory, and lets other threads go on meanwhile."""
    return hashlib.pbkdf2_hmac("sha256", b"task", b"bench", iterations)[0]


def cell(iterations: int, left: int = 0, middle: int = 0, right: int = 0) -> int:
    return (kernel(iterations) + left + middle + right) & 0xFF


cell_task = task(cell)


def second_of_work() -> float:
    """Iterations that a core makes in a second while all are at work, and nothing disturbs them."""
    with ThreadPoolExecutor(CORES) as pool:

        def spent() -> float:
            started = time.perf_counter()
            list(pool.map(kernel, [_MANY] * CORES))
            return time.perf_counter() - started

        return _MANY / min(spent() for _ in range(_OFTEN))


def metg(stencil: Stencil, per_second: float, care: Care) -> float:
    """Seconds of work of the smallest tasks of which the cores spend half of their time on work."""
    beside = _beside(stencil, 1, per_second, Care(care.seconds / 4, care.repeats))
    low, high = math.log(beside / _NEAR), math.log(beside * _NEAR)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        iterations = max(1, round(math.exp(middle) * per_second))
        work = iterations / per_second
        if work >= EFFICIENCY * (work + _beside(stencil, iterations, per_second, care)):
            high = middle
        else:
            low = middle
    return math.exp(high)


def _beside(stencil: Stencil, iterations: int, per_second: float, care: Care) -> float:
    """Seconds of a core that a task costs beside its work, at the margin; what disturbs only adds to it."""
    work = iterations / per_second
    rows = _SMALL + max(_SMALL, round(care.seconds * CORES / WIDTH / max(2 * work, 20e-6)))
    little, much = (min(stencil(some, iterations) for _ in range(care.repeats)) for some in (_SMALL, rows))
    return max((much - little) * CORES / ((rows - _SMALL) * WIDTH) - work, 1e-7)


def engine_of(rows: int, iterations: int, executor: Executor) -> Engine:
    """The stencil as a flow, ready to run."""
    with Flow("stencil") as flow:
        row: list[Any] = [cell_task(iterations) for _ in range(WIDTH)]
        for _ in range(rows - 1):
            row = [cell_task(iterations, *_near(row, place)) for place in range(WIDTH)]
    plan = compile_flow(flow, lane=executor.name)
    return prepare(plan, {}, [executor], Options(switch_interval=0.0005, forgets=True))


def of_lane(executor: Callable[[], Executor]) -> Stencil:
    """The stencil, run by an executor of flowkit."""

    def run(rows: int, iterations: int) -> float:
        engine = engine_of(rows, iterations, executor())
        started = time.perf_counter()
        outcome = engine.run()
        spent = time.perf_counter() - started
        assert outcome.state.is_successful()
        return spent

    return run


def of_pool(pool: Pool) -> Stencil:
    """The stencil with a pool of `concurrent.futures`: each call is submitted when those that it takes from
    have ended."""

    def run(rows: int, iterations: int) -> float:
        started = time.perf_counter()
        Submitting(pool, rows, iterations).wait()
        return time.perf_counter() - started

    return run


class Submitting:
    """One stencil on a pool."""

    def __init__(self, pool: Pool, rows: int, iterations: int) -> None:
        self._pool = pool
        self._iterations = iterations
        self.values: list[list[int]] = [[0] * WIDTH for _ in range(rows)]
        self._waits = [
            [0 if not row else len(_near(range(WIDTH), place)) for place in range(WIDTH)]
            for row in range(rows)
        ]
        self._left = rows * WIDTH
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._error: BaseException | None = None
        for place in range(WIDTH):
            self._submit(0, place)

    def wait(self) -> None:
        self._over.wait()
        if self._error is not None:
            raise self._error

    def _submit(self, row: int, place: int) -> None:
        given = _near(self.values[row - 1], place) if row else ()
        future = self._pool.submit(cell, self._iterations, *given)
        future.add_done_callback(lambda ended: self._ended(row, place, ended))

    def _ended(self, row: int, place: int, future: Future[int]) -> None:
        try:
            self.values[row][place] = future.result()
            for follower in self._ready_after(row, place):
                self._submit(row + 1, follower)
        except BaseException as error:
            self._error = error
            self._over.set()

    def _ready_after(self, row: int, place: int) -> list[int]:
        ready = []
        with self._lock:
            self._left -= 1
            if not self._left:
                self._over.set()
            for follower in _near(range(WIDTH), place) if row + 1 < len(self._waits) else ():
                self._waits[row + 1][follower] -= 1
                if not self._waits[row + 1][follower]:
                    ready.append(follower)
        return ready


def _near(row: Any, place: int) -> Any:
    """Those of a row that a task at this place of the next one takes."""
    return row[max(0, place - 1) : place + 2]


def figures(lanes: Lanes, care: Care) -> list[Figure]:
    """METG of the lanes, and as a multiple of that of `ProcessPoolExecutor`."""
    heading = f"METG 50 % on a stencil of width {WIDTH}, {CORES} workers, µs, and as a multiple of the pool's"
    per_second = second_of_work()
    with ProcessPoolExecutor(CORES) as pool:
        stencil = of_pool(pool)
        stencil(_SMALL, 1)  # its processes start
        bare = metg(stencil, per_second, care)
    found = [Figure(heading, ("ProcessPoolExecutor",), 1.0, (f"{bare * US:.1f}",))]
    for name, executor in lanes.items():
        of_it = metg(of_lane(executor), per_second, care)
        found.append(Figure(heading, (name,), of_it / bare, (f"{of_it * US:.1f}",), LIMIT))
    return found


HEADS = ("how", "µs", "x pool")


def main() -> int:
    found = figures(LANES, FULL)
    print(table(found, HEADS))
    return 1 if any(each.verdict == "OVER" for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
