"""`python tests/bench/run.py [--quick] [--traces SECONDS] [--json FILE]`: what flowkit costs, against limits.

All costs are CPU time of one process, as ratios to a bare `ThreadPoolExecutor` measured in between, so
that a slow or busy machine slows both. Exits with 1 where a limit is missed by more than the noise.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

import bare
import measures
import metg
import on_dask
import processes
import remembering as remembering_of
import traces
from figures import Figure, table
from shapes import RESULTS, SHAPES
from terminal import terminal

SMALL = 100  # tasks whose cost is the fixed part: what a run costs whatever its size
US = 1e6
KB = 1024
WAYS = ("threads, display", "threads", "inline")
REMEMBERED = {"history, numbers": ("number", 0.7), "history, 1 KB": ("record", 1.2)}  # and their limits
CACHED, OPENING, LISTING, CHAIN = 15.0, 60.0, 300.0, 100.0

RATIO, BUILD, GROWTH = 0.4, 20.0, 1.5
MEMORY, IDLE, NAPPING = float(KB), 5.0, 1.5
DASK = 0.2
LIMITED = 10_000  # tasks from which on the ratio has a limit


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        repeats: how often, by number of tasks.
        memory: the shapes, and the tasks, of the runs whose memory is looked at.
        idle: seconds of the idle stretch.
        bare: calls of the bare pool, each time.
        cached: tasks of the run in which all is cached.
        runs: in the history that is listed.
        chain: tasks that pass a megabyte on.
        mapped: children of a mapped task on a Dask cluster, and how often.
        commands: how often each whole command is run.
        naps: coroutines that sleep at once.
        traces: seconds that the list schedule of a trace takes.
        metg, processes: how exactly these are measured.
        judged: whether the figures are exact enough to be held to the limits.
    """

    repeats: dict[int, int]
    memory: tuple[tuple[str, ...], int]
    idle: float
    bare: int
    cached: int
    runs: int
    chain: int
    mapped: tuple[int, int]
    commands: int
    naps: int
    traces: float
    metg: metg.Care
    processes: processes.Care
    judged: bool = True


FULL = Effort(
    {1_000: 15, 10_000: 5, 100_000: 3},
    memory=(SHAPES[:3], 100_000),
    idle=4.0,
    bare=5_000,
    cached=10_000,
    runs=10_000,
    chain=1_000,
    mapped=(10_000, 3),
    commands=9,
    naps=10_000,
    traces=3.0,
    metg=metg.FULL,
    processes=processes.FULL,
)
QUICK = Effort(
    {500: 3, 3_000: 2},
    memory=(SHAPES[:1], 2_000),
    idle=0.2,
    bare=500,
    cached=300,
    runs=50,
    chain=5,
    mapped=(200, 1),
    commands=1,
    naps=200,
    traces=0.1,
    metg=metg.QUICK,
    processes=processes.QUICK,
    judged=False,
)


@dataclass
class Samples:
    """What was measured of one shape at one size: seconds a task at the margin, by way, and the rest."""

    shape: str
    size: int
    marginal: dict[str, list[float]]
    fixed: dict[str, list[float]]
    bare: list[float]
    dependent: list[float]
    build: list[float]

    def cost(self, way: str) -> float:
        """Seconds a task."""
        return statistics.median(self.marginal[way])


def measured(shape: str, size: int, effort: Effort, file: TextIO) -> Samples:
    """Measure a shape at a size, in turns with the bare pool."""
    repeats = effort.repeats[size]
    found = Samples(shape, size, {way: [] for way in WAYS}, {way: [] for way in WAYS}, [], [], [])
    for _ in range(min(3, repeats)):
        plan, build = measures.planned(shape, size, "threads")
        found.build.append(build)
    small, _ = measures.planned(shape, SMALL, "threads")
    found.dependent = [bare.dependent(plan, measures.WORKERS) / plan.size for _ in range(min(3, repeats))]
    gc.collect()
    for _ in range(repeats):
        for way in WAYS:
            found.bare.append(_marginal_bare(effort.bare))
            lanes = (way.partition(",")[0],)
            onto = file if "display" in way else None
            little = measures.run(replace(small, lanes=lanes), onto)
            much = measures.run(replace(plan, lanes=lanes), onto)
            marginal = (much - little) / (plan.size - small.size)
            found.marginal[way].append(marginal)
            found.fixed[way].append(little - small.size * marginal)
    return found


def _marginal_bare(size: int, function: Callable[[], Any] = RESULTS["number"]) -> float:
    much = bare.independent(size, measures.WORKERS, function)
    return (much - bare.independent(SMALL, measures.WORKERS, function)) / (size - SMALL)


def ratios(samples: list[Samples]) -> Iterator[Figure]:
    """The bare pool's cost is that of all its samples at a size, as it varies more than what is measured."""
    pools = {
        size: [cost for each in samples if each.size == size for cost in each.bare] for size in sizes(samples)
    }
    for each in samples:
        pool = pools[each.size]
        for way in WAYS:
            yield Figure(
                "A task's cost at the margin, µs, and as a multiple of what a call costs a bare pool",
                (each.shape, f"{each.size:,}", way),
                each.cost(way) / statistics.median(pool),
                (
                    f"{each.cost(way) * US:.2f}",
                    f"{statistics.median(pool) * US:.1f}",
                    f"{statistics.median(each.dependent) * US:.1f}",
                ),
                RATIO if way.startswith("threads") and each.size >= LIMITED else None,
            )


def remembered(shape: str, size: int, effort: Effort, file: TextIO) -> Iterator[Figure]:
    """A shape with history, results and display, in turns with the bare pool that runs the same function."""
    for way, (result, limit) in REMEMBERED.items():
        plan, _ = measures.planned(shape, size, "threads", result)
        small, _ = measures.planned(shape, SMALL, "threads", result)
        costs, pool = [], []
        for _ in range(effort.repeats[size]):
            pool.append(_marginal_bare(effort.bare, RESULTS[result]))
            with TemporaryDirectory() as folder:
                little = measures.run(small, file, Path(folder))
                much = measures.run(plan, file, Path(folder))
            costs.append((much - little) / (plan.size - small.size))
        cost, bare_cost = statistics.median(costs), statistics.median(pool)
        yield Figure(
            "With history, results and display, µs a task, and as a multiple of the bare pool's call",
            (shape, f"{size:,}", way),
            cost / bare_cost,
            (f"{cost * US:.2f}", f"{bare_cost * US:.1f}"),
            limit if size >= LIMITED else None,
        )


def remembering(effort: Effort) -> list[Figure]:
    heading = "Remembering"
    ms = 1e3
    return [
        Figure(
            heading,
            (f"all of {effort.cached:,} tasks found in the cache, µs a task",),
            remembering_of.cached(effort.cached, measures.WORKERS) * US,
            limit=CACHED,
        ),
        Figure(
            heading,
            ("what history adds to the command that runs four tasks, ms",),
            remembering_of.opening(effort.commands) * ms,
            limit=OPENING,
        ),
        Figure(
            heading,
            (f"`flowkit runs` of {effort.runs:,}, more than `--help`, ms",),
            remembering_of.listing(effort.runs, effort.commands) * ms,
            limit=LISTING,
        ),
        Figure(
            heading,
            (f"memory of a process that passes 1 MB through {effort.chain:,} tasks, MB",),
            remembering_of.chain_memory(effort.chain) / 1e6,
            limit=CHAIN,
            exact=True,
        ),
    ]


def on_cluster(effort: Effort) -> list[Figure]:
    """In turns, on one cluster, whose scheduler is in this process."""
    size, repeats = effort.mapped
    with on_dask.cluster(measures.WORKERS) as there:
        on_dask.mapped(there, 1)  # imports, here and there
        costs = [(on_dask.mapped(there, size), on_dask.client_map(there, size)) for _ in range(repeats)]
    ours, theirs = (statistics.median(each) / size for each in zip(*costs, strict=True))
    return [
        Figure(
            "A mapped task on a Dask cluster, µs a child, and as a multiple of what `Client.map` costs",
            (f"{size:,} children that do nothing",),
            ours / theirs,
            (f"{ours * US:.1f}", f"{theirs * US:.1f}"),
            DASK,
        )
    ]


def sizes(samples: list[Samples]) -> list[int]:
    return sorted({each.size for each in samples})


def fixed(samples: list[Samples]) -> list[Figure]:
    return [
        Figure(
            "What a run costs whatever its size, ms",
            (way,),
            statistics.median(cost for each in samples for cost in each.fixed[way]) * 1e3,
        )
        for way in WAYS
    ]


def building(samples: list[Samples]) -> list[Figure]:
    return [
        Figure(
            "Building and compiling, µs a task: the least of a few, as all that disturbs adds to it",
            (each.shape, f"{each.size:,}"),
            min(each.build) * US,
            limit=BUILD if each.size >= LIMITED else None,
        )
        for each in samples
    ]


def growth(samples: list[Samples]) -> list[Figure]:
    least, *_, most = sizes(samples)
    by = {(each.shape, each.size): each for each in samples}
    return [
        Figure(
            f"A task's cost in {most:,} tasks, as a multiple of that in {least:,}",
            (shape, "threads"),
            by[shape, most].cost("threads") / by[shape, least].cost("threads"),
            limit=GROWTH,
        )
        for shape in SHAPES
    ]


def memory(effort: Effort) -> Iterator[Figure]:
    shapes, size = effort.memory
    for shape in shapes:
        found = measures.memory(shape, size)
        yield Figure(
            f"Memory at the peak of {size:,} tasks, bytes a task: flow, plan and run",
            (shape,),
            found["traced"],
            (f"{found['resident']:,.0f}",),
            MEMORY,
            exact=True,
        )


def idle(effort: Effort, file: TextIO) -> list[Figure]:
    heading = "Share of a core while all tasks only wait, %"
    return [
        Figure(heading, ("with the display",), measures.idle_share(file, effort.idle) * 100, limit=IDLE),
        Figure(heading, ("without",), measures.idle_share(None, effort.idle) * 100),
    ]


def napping(effort: Effort) -> list[Figure]:
    """The run alone: that Python starts, and the flow is built, comes before."""
    taken = [(measures.napping(effort.naps), bare.napping(effort.naps, measures.NAP)) for _ in range(3)]
    flowkit, asyncio = (statistics.median(column) for column in zip(*taken, strict=True))
    return [
        Figure(
            f"Coroutines that sleep for {measures.NAP:g} s, all at once: seconds of wall time",
            (f"{effort.naps:,} tasks",),
            flowkit,
            (f"{asyncio:.2f}",),
            NAPPING,
        )
    ]


def figures_of(effort: Effort) -> Iterator[tuple[list[Figure], tuple[str, ...]]]:
    """All tables, each with the heads of its columns, as they are ready."""
    with ExitStack() as stack:
        file = stack.enter_context(terminal())
        measures.run(measures.planned("chain", SMALL, "threads")[0], file)  # imports
        samples = [measured(shape, size, effort, file) for size in effort.repeats for shape in SHAPES]
        yield (
            list(ratios(samples)),
            ("shape", "tasks", "how", "µs", "bare", "bare, ordered", "x bare"),
        )
        yield (
            [
                figure
                for size in effort.repeats
                for shape in SHAPES
                for figure in remembered(shape, size, effort, file)
            ],
            ("shape", "tasks", "how", "µs", "bare", "x bare"),
        )
        yield fixed(samples), ("how", "ms")
        yield building(samples), ("shape", "tasks", "µs")
        yield growth(samples), ("shape", "how", "times")
        yield idle(effort, file), ("", "%")
    yield napping(effort), ("", "bare asyncio", "s")
    yield remembering(effort), ("", "")
    if some := traces.traces():
        runs, predictions = traces.figures(some, effort.traces)
        yield runs, traces.HEADS
        yield predictions, traces.PREDICTED
    else:
        print(traces.ABSENT)
    yield list(processes.figures(effort.processes)), processes.HEADS
    yield metg.figures(metg.LANES, effort.metg), metg.HEADS
    yield on_cluster(effort), ("", "µs", "map", "x map")
    yield list(memory(effort)), ("shape", "resident", "allocated")


def machine() -> str:
    return f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} processors"


def main() -> int:
    """Measure, print, and say whether every limit is kept."""
    parser = argparse.ArgumentParser(description="What flowkit costs, against its limits.")
    parser.add_argument("--quick", action="store_true", help="small and inexact: only whether it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--traces", type=float, metavar="SECONDS", help="that the schedule of a trace takes")
    options = parser.parse_args()
    started = time.monotonic()
    print(f"{machine()}; {measures.WORKERS} workers, CPU time, medians\n")
    figures: list[Figure] = []
    effort = QUICK if options.quick else FULL
    effort = replace(effort, traces=options.traces or effort.traces)
    for measured_now, heads in figures_of(effort):
        found = measured_now if effort.judged else [replace(each, limit=None) for each in measured_now]
        print(table(found, heads), flush=True)
        figures += found
    if options.json:
        document = {
            "machine": machine(),
            "figures": [asdict(each) | {"verdict": each.verdict} for each in figures],
        }
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    over = [each for each in figures if each.verdict == "OVER"]
    print(f"{len(over)} of {sum(each.limit is not None for each in figures)} limits missed", end="")
    print(f", in {time.monotonic() - started:.0f} s")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
