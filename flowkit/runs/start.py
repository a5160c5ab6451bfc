"""From a flow and what was asked for to an engine that is ready to run.

With `script`, `resume` and `record` this is the composition root: what knows flows, plans, the engine, the
store and the project at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowkit.engine.earlier import Earlier
from flowkit.engine.engine import Engine
from flowkit.engine.executors import (
    CoroutineExecutor,
    DaskExecutor,
    LocalExecutor,
    ProcessExecutor,
    RayExecutor,
    ThreadExecutor,
)
from flowkit.engine.executors.base import Executor
from flowkit.engine.lane import Bell
from flowkit.engine.manner import USUAL, Manner
from flowkit.engine.observers import Observer
from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.plan.plan import BESIDE_COROUTINES, COROUTINES, Plan
from flowkit.project.elsewhere import finding
from flowkit.project.limit import Limit
from flowkit.runs.memory import Kept
from flowkit.runs.process_cache import process_results
from flowkit.store.local_result import LocalResult

_NAMED: dict[str, Callable[[int | None], Executor]] = {
    "inline": lambda _: LocalExecutor(),
    "threads": ThreadExecutor,
    "processes": ProcessExecutor,
    "coroutines": CoroutineExecutor,
    "dask": lambda workers: DaskExecutor(workers=workers),
    "ray": lambda workers: RayExecutor(workers=workers),
}
# Those of `project.settings.ADDRESSED`.
_ADDRESSED: dict[str, Callable[[str, int | None], Executor]] = {
    "dask": lambda address, _: DaskExecutor(address),
    "ray": RayExecutor,
}


def executor_named(name: str, workers: int | None = None) -> Executor:
    """The executor of a lane, which may have an address: `dask:tcp://10.0.0.1:8786`.

    Raises:
        UsageError: an unknown name, or fewer than 1 worker.
    """
    if name in _NAMED:
        return _NAMED[name](workers)
    lane, _, address = name.partition(":")
    if address and lane in _ADDRESSED:
        return _ADDRESSED[lane](address, workers)
    known = ", ".join(f"`{known}`" for known in _NAMED)
    raise UsageError(f"there is no executor `{name}`", hints=(f"there are {known}",))


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run, besides where.

    Attributes:
        observers: who is told.
        fail_fast: start nothing any more after the first failure.
        timeout: seconds for the whole run.
        capture: take over what tasks print; `echo`: and let it through.
        switch_interval: seconds after which a thread gives way.
        forgets: nobody asks for values after the run.
        careful: no task begins before that is committed.
        manner: what else is asked for.
        limits: those of the settings.
        clock, rest: how time passes; see `Engine`.
    """

    observers: Sequence[Observer] = ()
    fail_fast: bool = False
    timeout: float | None = None
    capture: bool = False
    echo: bool = False
    switch_interval: float | None = None
    forgets: bool = False
    careful: bool = False
    manner: Manner = USUAL
    limits: Mapping[str, Limit] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    rest: Callable[[Bell, float | None], object] = Bell.wait


def executors_for(plan: Plan, executor: Executor, workers: int | None = None) -> list[Executor]:
    """The executors of a plan's lanes.

    Args:
        executor: for the tasks that do not name a lane of their own.
        workers: of each of the others but coroutines, which cost little; default: as many as it chooses.

    Raises:
        UsageError: a task names a lane that does not exist, or for which something is not installed.
    """
    coroutines = executor if isinstance(executor, CoroutineExecutor) else CoroutineExecutor()
    others: dict[str, Executor] = {COROUTINES: coroutines, BESIDE_COROUTINES: coroutines.beside}
    executors = [executor, *(others.get(lane) or executor_named(lane, workers) for lane in plan.lanes[1:])]
    for each in executors:
        _ = each.workers  # one that cannot be had says so now, when nothing has begun
    return executors


def prepare(
    plan: Plan,
    values: Mapping[str, Any],
    executors: Sequence[Executor],
    options: Options,
    kept: Kept | None = None,
    earlier: Earlier | None = None,
) -> Engine:
    """An engine that is ready to run a plan.

    Args:
        values: of all parameters.
        executors: of its lanes.
        kept: what remembers the run; None: nobody.
        earlier: what is known already.

    Raises:
        UsageError: a limit that cannot hold across the machine.
    """
    limits = folder = None
    if options.limits or plan.demanding:
        from flowkit.runs.limiting import folder_for, limits_for

        limits = limits_for(plan, options.limits)
        folder = folder_for(limits) if limits is not None else None
    engine = Engine(
        plan,
        executors,
        parameters=values,
        observers=options.observers,
        fail_fast=options.fail_fast,
        timeout=options.timeout,
        capture=options.capture,
        echo=options.echo,
        switch_interval=options.switch_interval,
        run_id=kept.record.begun.uid if kept is not None else None,
        number=kept.record.begun.run if kept is not None else None,
        ledger=kept.record if kept is not None else None,
        results=kept.results if kept is not None else process_results(plan),
        place=LocalResult() if plan.placed else None,
        earlier=earlier,
        forgets=options.forgets,
        careful=options.careful,
        manner=options.manner,
        finding=finding(),
        limits=limits,
        slots=folder,
        clock=options.clock,
        rest=options.rest,
    )
    if kept is not None and kept.record.cache is not None:
        kept.record.cache.give_back = engine.recorder.line
    return engine


def built(flow: Flow, values: Mapping[str, Any]) -> Flow:
    """The flow with its graph, made from its build parameters where it has some."""
    return flow.build(**{name: values[name] for name in flow.build_parameters})
