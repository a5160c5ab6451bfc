"""The composition root: from a flow and what was asked for to an engine, and from that to a state.

It is the one module that knows flows, plans, the engine and the project at once.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from flowkit.engine.engine import Engine
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.engine.executors.base import Executor
from flowkit.engine.interrupts import OverdueError
from flowkit.engine.observers import LogObserver, Observer
from flowkit.engine.outcome import Outcome, not_run
from flowkit.errors import UsageError
from flowkit.flow import ambient
from flowkit.flow.flow import Flow
from flowkit.flow.task import Task
from flowkit.flow.values import checked
from flowkit.plan.compiler import compile_flow
from flowkit.plan.state import Pending, State
from flowkit.project import loader
from flowkit.project.config import config
from flowkit.project.root import find
from flowkit.project.settings import Settings

_NAMED = {"inline": LocalExecutor, "threads": ThreadExecutor}


def executor_named(name: str, workers: int | None = None) -> Executor:
    """The executor of a lane.

    Raises:
        UsageError: an unknown name, or fewer than 1 worker.
    """
    if name == "inline":
        return LocalExecutor()
    if name == "threads":
        return ThreadExecutor(workers)
    known = ", ".join(f"`{known}`" for known in _NAMED)
    raise UsageError(f"there is no executor `{name}`", hints=(f"there are {known}",))


def prepare(
    flow: Flow,
    values: Mapping[str, Any],
    executor: Executor,
    *,
    observers: Sequence[Observer] = (),
    only: Collection[Task] | None = None,
    fail_fast: bool = False,
    timeout: float | None = None,
    capture: bool = False,
    switch_interval: float | None = None,
) -> Engine:
    """An engine that is ready to run a flow whose graph is built.

    Args:
        values: of all parameters.
        executor: for the tasks that do not name a lane of their own.
        only: the tasks to run; default: all.

    Raises:
        DefinitionError: the flow cannot be compiled.
        UsageError: a task names a lane that does not exist.
    """
    plan = compile_flow(flow, lane=executor.name, only=only)
    others = [executor_named(lane) for lane in plan.lanes[1:]]
    return Engine(
        plan,
        [executor, *others],
        parameters=values,
        observers=observers,
        fail_fast=fail_fast,
        timeout=timeout,
        capture=capture,
        switch_interval=switch_interval,
    )


def built(flow: Flow, values: Mapping[str, Any]) -> Flow:
    """The flow with its graph, made from its build parameters where it has some."""
    return flow.build(**{name: values[name] for name in flow.build_parameters})


def run_flow(
    flow: Flow,
    parameters: Mapping[str, Any] | None = None,
    *,
    executor: Executor | str | None = None,
    **values: Any,
) -> State:
    """Run a flow, here and now; this is `flow.run`.

    Args:
        parameters: values by name; keyword arguments are parameters too, and win.
        executor: default: the flow's own, else `executor` of the settings where it is set, else
            inline, in this thread.

    Returns:
        The state of the run; `.result[task].result` is the value of a task.

    Raises:
        UsageError: unknown, missing or ill-typed parameters, all at once, before anything runs.
        DefinitionError: the flow cannot run, for example for a cycle.
        KeyboardInterrupt, SystemExit: Ctrl-C, SIGTERM; running tasks had half a second to end.
    """
    _refuse_inside(flow, "run")
    if loader.ignore("flow.run()"):
        return _not_now(flow)
    engine = _engine_for(flow, {**(parameters or {}), **values}, executor)
    return _state_of(engine.run())


async def run_flow_async(
    flow: Flow,
    parameters: Mapping[str, Any] | None = None,
    *,
    executor: Executor | str | None = None,
    **values: Any,
) -> State:
    """Run a flow from an asyncio program or a notebook; this is `flow.arun`.

    When the awaiting task is cancelled the run is asked to stop, and waited for.
    """
    import asyncio  # 15 ms that nothing else needs

    _refuse_inside(flow, "arun")
    if loader.ignore("flow.arun()"):
        return _not_now(flow)
    engine = _engine_for(flow, {**(parameters or {}), **values}, executor)
    running = asyncio.ensure_future(asyncio.to_thread(engine.run))
    try:
        return _state_of(await asyncio.shield(running))
    except asyncio.CancelledError:
        engine.interrupts.ask(signal.SIGINT, around=False)
        await running
        raise


class FlowRunner:
    """Runs one flow; the entry point of Prefect classic, 4.11.

    Unlike there, `run` waits for retries, and the result has all tasks.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow

    def run(
        self,
        parameters: Mapping[str, Any] | None = None,
        executor: Executor | str | None = None,
        return_tasks: Collection[Task] | None = None,
    ) -> State:
        """Run the flow; `return_tasks` is accepted, as all tasks are returned."""
        return run_flow(self.flow, parameters, executor=executor)


def _engine_for(flow: Flow, given: Mapping[str, Any], executor: Executor | str | None) -> Engine:
    values = checked(flow, given)
    resolved = config.resolve(find(Path.cwd()))
    settings = resolved.settings
    show_logs(settings.logging.level)
    chosen = executor if executor is not None else flow.executor
    if chosen is None:
        # Classic scripts run in their own thread unless asked otherwise; `flowkit run` uses threads.
        chosen = settings.executor if "executor" in resolved.origins else "inline"
    return prepare(
        built(flow, values),
        values,
        _executor(chosen, settings),
        observers=[LogObserver()],
        timeout=settings.run.timeout,
        switch_interval=settings.switch_interval,
    )


def _executor(chosen: Executor | str, settings: Settings) -> Executor:
    return executor_named(chosen, settings.workers) if isinstance(chosen, str) else chosen


def _refuse_inside(flow: Flow, what: str) -> None:
    if ambient.current().flow is not None:
        raise UsageError(
            f"`flow.{what}()` was called inside `with Flow(...)`, where `{flow.name}` is still written",
            hints=("call it after the block",),
        )


def _not_now(flow: Flow) -> State:
    tasks = {} if flow.build_parameters else dict.fromkeys(flow.tasks)
    return Pending("Not run: flowkit only loads the file.", not_run(tasks))


def _state_of(outcome: Outcome) -> State:
    asked = outcome.engine.interrupts.happened
    if asked == signal.SIGINT:
        raise KeyboardInterrupt
    if asked == signal.SIGALRM:
        raise OverdueError
    if asked is not None:
        raise SystemExit(128 + asked)
    return outcome.state


class _Stderr(logging.StreamHandler[Any]):
    """Writes to what `sys.stderr` is at that time, so that a task's records are seen as its own."""

    def __init__(self, form: str) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter(form))

    @property
    def stream(self) -> Any:
        return sys.stderr


SCRIPT_RECORD = "[%(asctime)s] %(levelname)s - %(name)s | %(message)s"


def show_logs(level: str, *, everyones: bool = False, form: str = SCRIPT_RECORD) -> None:
    """Let records be seen where the program has not set logging up itself.

    Args:
        level: from which on flowkit's and its tasks' are shown; of others, warnings.
        everyones: show those of others from that level on too.
        form: what a record looks like, in the notation of `logging`.
    """
    log = logging.getLogger("flowkit")
    log.setLevel(level)
    root = logging.getLogger()
    if not log.hasHandlers():
        root.addHandler(_Stderr(form))
        if everyones:
            root.setLevel(level)
