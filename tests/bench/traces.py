"""`python tests/bench/traces.py [--seconds 10]`: workflows that really ran, against a schedule without costs.

The traces of `../shared/wfinstances` (WfFormat): each task sleeps as long as it once ran, times the scale at
which the list schedule of wfstats.py there, which knows all durations and costs nothing, takes so many
seconds on eight workers. Each is run twice in a project of its own: the second run knows how long the tasks
of the first one took. So does a prediction that is made between them, which is held against it.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from figures import Figure, table

from flowkit import Flow, task
from flowkit.engine.executors import ThreadExecutor
from flowkit.plan.compiler import compile_flow
from flowkit.project.root import Project
from flowkit.project.settings import Settings
from flowkit.runs.durations import durations_of
from flowkit.runs.memory import Asked, Memory, session_of
from flowkit.runs.prediction import outlook
from flowkit.runs.start import Options, prepare

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "wfinstances"
WORKERS = 8
ABSENT = f"traces: not run, as there are none in {FOLDER}\n"
FIRST, SECOND = 10.0, 2.0  # %
HEADS = ("trace", "tasks", "run", "s", "% more")
OFF = 10.0  # %
PREDICTED = ("trace", "tasks", "s", "predicted", "% off")


@dataclass(frozen=True)
class Trace:
    """A workflow: seconds of each task by id, and for each the tasks that it waits for."""

    name: str
    seconds: dict[str, float]
    parents: dict[str, list[str]]
    ideal: float

    def flow(self, scale: float) -> Flow:
        """The same graph, of tasks that sleep."""
        with Flow(self.name) as flow:
            made = {
                job: rest(seconds * scale, task_args={"slug": job}) for job, seconds in self.seconds.items()
            }
            for job, parents in self.parents.items():
                for parent in parents:
                    made[job].set_upstream(made[parent])
        return flow


@task
def rest(seconds: float) -> None:
    time.sleep(seconds)


def traces() -> list[Trace]:
    """Those of the folder; none where there is no such folder here."""
    if not FOLDER.is_dir():
        return []
    wfstats = _wfstats()
    return [_trace(wfstats, path) for path in sorted(FOLDER.glob("*.json"))]


@dataclass(frozen=True)
class Played:
    """Seconds from the beginning to the end of two runs of a trace, and those predicted between them."""

    first: float
    second: float
    predicted: float

    @property
    def off(self) -> float:
        """By how much the prediction differs from the second run, in %."""
        return abs(self.predicted / self.second - 1) * 100


def played(trace: Trace, seconds: float, then: int = WORKERS) -> Played:
    """Run a trace twice, one after the other, in one history.

    Args:
        seconds: of the list schedule.
        then: the workers of the second run.
    """
    flow = trace.flow(seconds / trace.ideal)
    with TemporaryDirectory() as folder:
        project = Project.at(Path(folder))
        first = _run(flow, project, WORKERS)
        predicted = _predicted(flow, project, then)
        return Played(first, _run(flow, project, then), predicted)


def figures(some: Sequence[Trace], seconds: float) -> tuple[list[Figure], list[Figure]]:
    """How much longer both runs of each trace take than the list schedule; how far off predictions are."""
    longer = f"Traces on {WORKERS} threads: % more than the {seconds:g} s of the list schedule without costs"
    runs, off = [], []
    for trace in some:
        found = played(trace, seconds)
        runs += [
            Figure(
                longer,
                (trace.name, f"{len(trace.seconds)}", run),
                (spent / seconds - 1) * 100,
                (f"{spent:.3f}",),
                limit,
            )
            for run, limit, spent in (("first", FIRST, found.first), ("second", SECOND, found.second))
        ]
        off.append(
            Figure(
                "Predictions: % by which the first run of a trace foretells the second wrongly",
                (trace.name, f"{len(trace.seconds)}"),
                found.off,
                (f"{found.second:.3f}", f"{found.predicted:.3f}"),
                OFF,
            )
        )
    return runs, off


def _predicted(flow: Flow, project: Project, workers: int) -> float:
    memory = Memory(project, Settings())
    try:
        return outlook(memory, flow, "threads", [workers], {}).prediction.forecasts[0].seconds
    finally:
        memory.close()


def _run(flow: Flow, project: Project, workers: int) -> float:
    executor = ThreadExecutor(workers)
    memory = Memory(project, Settings())
    plan = compile_flow(flow, durations=durations_of(memory, flow, executor))
    kept = memory.begin(plan, {}, session_of(executor), Asked())
    outcome = prepare(plan, {}, [executor], Options(switch_interval=0.0005), kept).run()
    assert outcome.state.is_successful()
    return outcome.duration


def _trace(wfstats: ModuleType, path: Path) -> Trace:
    document: Any = wfstats.load(str(path))
    ids, seconds, children, _ = wfstats.graph(document)
    parents: dict[str, list[str]] = {job: [] for job in ids}
    for job in ids:
        for child in sorted(children[job]):
            parents[child].append(job)
    return Trace(path.stem, seconds, parents, wfstats.stats(document)[f"ls_{WORKERS}"])


def _wfstats() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wfstats", FOLDER / "wfstats.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Run the traces at the scale that is asked for; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description="Workflows that really ran, against the list schedule.")
    parser.add_argument("--seconds", type=float, default=10.0, help="that the list schedule takes")
    parser.add_argument("names", nargs="*", help="traces whose names begin so; default: all")
    options = parser.parse_args()
    some = [trace for trace in traces() if trace.name.startswith(tuple(options.names) or "")]
    if not some:
        print(ABSENT)
        return 0
    runs, off = figures(some, options.seconds)
    print(table(runs, HEADS))
    print(table(off, PREDICTED))
    return 1 if any(each.verdict == "OVER" for each in [*runs, *off]) else 0


if __name__ == "__main__":
    sys.exit(main())
