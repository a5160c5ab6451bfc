"""The child that measures memory: `python memory.py traced|resident SHAPE SIZE` prints bytes a task."""

from __future__ import annotations

import json
import resource
import sys
import tracemalloc
from pathlib import Path

from shapes import build

from flowkit import Flow
from flowkit.engine.engine import Engine
from flowkit.engine.executors import ThreadExecutor
from flowkit.plan.compiler import compile_flow
from flowkit.plan.plan import Plan

_STATUS = Path("/proc/self/status")


def carried_out(shape: str, size: int) -> tuple[Flow, Plan]:
    """All that a program keeps of a run is kept until its memory has been looked at."""
    flow = build(shape, size)
    plan = compile_flow(flow, lane="threads")
    assert Engine(plan, [ThreadExecutor(2)]).run().state.is_successful()
    return flow, plan


def traced(shape: str, size: int) -> float:
    tracemalloc.start()
    _, plan = carried_out(shape, size)
    return tracemalloc.get_traced_memory()[1] / plan.size


def resident(shape: str, size: int) -> float:
    before = _peak()
    _, plan = carried_out(shape, size)
    return (_peak() - before) / plan.size


def _peak() -> int:
    """The most memory that this process ever had, in bytes. On Linux `getrusage` has the parent's in it."""
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    carried_out(sys.argv[2], 100)  # what is imported and cached at the first use is not a task's
    kinds = {"traced": traced, "resident": resident}
    print(json.dumps(kinds[sys.argv[1]](sys.argv[2], int(sys.argv[3]))))
