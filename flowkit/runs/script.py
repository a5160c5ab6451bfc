"""Running a flow from Python: `flow.run()`, `flow.arun()` and classic's `FlowRunner`."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from flowkit.engine.context import CURRENT, logger_of
from flowkit.engine.earlier import Earlier
from flowkit.engine.engine import Engine
from flowkit.engine.executors.base import Executor
from flowkit.engine.interrupts import GRACE, OverdueError
from flowkit.engine.observers import LogObserver
from flowkit.engine.outcome import Outcome, not_run
from flowkit.engine.secret import cover
from flowkit.errors import FlowkitError, UsageError
from flowkit.flow import ambient
from flowkit.flow.flow import Flow
from flowkit.flow.graph import CycleError
from flowkit.flow.task import Task
from flowkit.flow.values import checked
from flowkit.logs import show_logs
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Row
from flowkit.plan.facts import detail_of_end
from flowkit.plan.plan import Plan
from flowkit.plan.state import CLASSES, Failed, Mapped, Pending, State
from flowkit.plan.status import SKIPPED, SUCCESS, WAITING
from flowkit.project import loader
from flowkit.project.config import config
from flowkit.project.home import home_of
from flowkit.project.root import Project, find
from flowkit.project.settings import Settings
from flowkit.runs.memory import Asked, Kept, Memory, session_of
from flowkit.runs.start import Options, built, executor_named, executors_for, prepare

_SAID: list[str] = []  # what is said once a process
_STATUSES = {kind: status for status, kind in CLASSES.items() if status >= SUCCESS}


def run_flow(
    flow: Flow,
    parameters: Mapping[str, Any] | None = None,
    *,
    executor: Executor | str | None = None,
    task_states: Mapping[Task, State] | None = None,
    history: bool | None = None,
    _caller: Mapping[str, Any] | None = None,
    **values: Any,
) -> State:
    """Run a flow, here and now; this is `flow.run`.

    Args:
        parameters: values by name; keyword arguments are parameters too, and win.
        executor: default: the flow's own, else `executor` of the settings where it is set, else
            inline, in this thread.
        task_states: how tasks have ended already; they are not run. Classic, 4.6.
        history: whether the run is remembered; default: where there is a project around the working
            directory, and the settings say so.
        _caller: the globals of the module that asks; no parameter of a flow is called so.

    Returns:
        The state of the run; `.result[task].result` is the value of a task.

    Raises:
        UsageError: unknown, missing or ill-typed parameters, all at once, before anything runs.
        DefinitionError: the flow cannot run; where that is for a cycle, the state is Failed instead, and its
            result the error (Prefect classic, 3.15).
        KeyboardInterrupt, SystemExit: Ctrl-C, SIGTERM; running tasks had half a second to end.
    """
    _refuse_inside(flow, "run")
    if loader.ignore("flow.run()"):
        return _not_now(flow)
    try:
        engine, kept = _prepared(
            flow, {**(parameters or {}), **values}, executor, task_states, history, _caller
        )
    except CycleError as error:
        return _failed(error)
    return _state_of(_carried_out(engine, kept))


async def run_flow_async(
    flow: Flow,
    parameters: Mapping[str, Any] | None = None,
    *,
    executor: Executor | str | None = None,
    task_states: Mapping[Task, State] | None = None,
    history: bool | None = None,
    _caller: Mapping[str, Any] | None = None,
    **values: Any,
) -> State:
    """Run a flow from an asyncio program or a notebook; this is `flow.arun`.

    When the awaiting task is cancelled the run is asked to stop, and waited for.
    """
    import asyncio  # 15 ms that nothing else needs

    _refuse_inside(flow, "arun")
    if loader.ignore("flow.arun()"):
        return _not_now(flow)
    try:
        engine, kept = _prepared(
            flow, {**(parameters or {}), **values}, executor, task_states, history, _caller
        )
    except CycleError as error:
        return _failed(error)
    running = asyncio.ensure_future(asyncio.to_thread(_carried_out, engine, kept))
    try:
        return _state_of(await asyncio.shield(running))
    except asyncio.CancelledError:
        engine.interrupts.ask(signal.SIGINT, around=False)
        engine.stop_notices.ask()  # the thread that would see to it may be in the task that waits
        if not (await asyncio.wait({running}, timeout=GRACE))[0]:
            engine.stop_notices.give_all_up()
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
        task_states: Mapping[Task, State] | None = None,
    ) -> State:
        """Run the flow; `return_tasks` is accepted, as all tasks are returned."""
        return run_flow(self.flow, parameters, executor=executor, task_states=task_states)


def _prepared(
    flow: Flow,
    given: Mapping[str, Any],
    executor: Executor | str | None,
    task_states: Mapping[Task, State] | None,
    history: bool | None,
    caller: Mapping[str, Any] | None,
) -> tuple[Engine, Kept | None]:
    values = checked(flow, given)
    cover(flow.parameters(), values)
    project = find(Path.cwd())
    resolved = config.resolve(project)
    settings = resolved.settings
    show_logs(settings.logging.level)
    chosen = executor if executor is not None else flow.executor
    if chosen is None:
        # Classic scripts run in their own thread unless asked otherwise; `flowkit run` uses threads.
        chosen = settings.executor if "executor" in resolved.origins else "inline"
    used = _executor(chosen, settings)
    graph = built(flow, values)
    plan = compile_flow(graph, lane=used.name)
    executors = executors_for(plan, used)
    earlier = as_earlier(plan, task_states or {})
    kept = None
    if project is not None and settings.history and history is not False:
        home = home_of(flow, caller or {})
        ref = f"{project.display(home.path)}:{home.attribute}" if home is not None else ""
        kept = _kept(project, settings, plan, values, used, ref, earlier)
    options = Options(
        observers=[LogObserver()],
        timeout=settings.run.timeout,
        switch_interval=settings.switch_interval,
        capture=kept is not None,
        echo=True,
    )
    return prepare(plan, values, executors, options, kept, earlier), kept


def _carried_out(engine: Engine, kept: Kept | None) -> Outcome:
    try:
        return engine.run()
    except FlowkitError as error:
        if (
            kept is not None
        ):  # else a run that could not even start is its process's for as long as that lives
            kept.record.fail(error.message)
        raise


def _kept(
    project: Project,
    settings: Settings,
    plan: Plan,
    values: Mapping[str, Any],
    executor: Executor,
    ref: str,
    earlier: Earlier,
) -> Kept:
    memory = Memory(project, settings)
    session = session_of(executor)
    around = CURRENT.get()
    asked = Asked(
        ref=ref,
        command=shlex.join(sys.argv),
        parent=around[0].number if around else None,
        states=_given(plan, earlier),
    )
    try:
        return memory.begin(plan, values, session, asked)
    except BaseException:
        memory.close()
        raise


def as_earlier(plan: Plan, task_states: Mapping[Task, State]) -> Earlier:
    """States that a caller gives, as what is known of a run; what has not finished runs.

    Source of the rule: Prefect classic, 4.6: a state of a mapped task counts for its children only, and one
    that came from a cache is looked up again, and resources are set up and cleaned up again.

    Raises:
        UsageError: a task that is not in the flow.
    """
    nodes = {task: node for node, task in enumerate(plan.tasks)}
    rows: list[Row] = []
    values: dict[tuple[int, int], Any] = {}
    for task, state in task_states.items():
        if task not in nodes:
            raise UsageError(
                f"`task_states` has the task `{task.name}`, which is not in the flow `{plan.name}`"
            )
        for node, child, each in _ends(nodes[task], state):
            if node in plan.parameters.values() or node in plan.known or not _fits(plan, node, child, each):
                continue
            if node in plan.again:
                continue
            status = _STATUSES[type(each)]
            detail = detail_of_end(plan.needs.get(node), status, each.result, child=child >= 0)
            rows.append((node, child, 1, status, 0.0, 0.0, None, detail))
            values[node, child] = each.result
    return Earlier(rows=rows, values=values)


def _given(plan: Plan, earlier: Earlier) -> dict[str, int | list[int]]:
    """The states that a caller has given, to be remembered; see `Asked`."""
    found: dict[str, int | list[int]] = {}
    children: dict[int, dict[int, int]] = {}
    for node, child, _, status, *_ in earlier.rows:
        if child < 0:
            found[plan.keys[node]] = int(status)
        else:
            children.setdefault(node, {})[child] = int(status)
    for node, some in children.items():
        found[plan.keys[node]] = [some.get(child, int(WAITING)) for child in range(max(some) + 1)]
    return found


def _ends(node: int, state: State) -> Iterator[tuple[int, int, State]]:
    found = enumerate(state.map_states) if isinstance(state, Mapped) else [(-1, state)]
    for child, each in found:
        if each is not None and each.is_finished() and not each.is_cached() and type(each) in _STATUSES:
            yield node, child, each


def _fits(plan: Plan, node: int, child: int, state: State) -> bool:
    """Whether a task can end so; a mapped one succeeds by its children only."""
    if node in plan.groups:
        return child >= 0 or _STATUSES[type(state)] >= SKIPPED
    return child < 0


def _executor(chosen: Executor | str, settings: Settings) -> Executor:
    return executor_named(chosen, settings.workers) if isinstance(chosen, str) else chosen


def no_agent() -> None:
    """Say, once, that there are no agents; this is `flow.run_agent` (Prefect classic, 3.27)."""
    if not loader.ignore("flow.run_agent()") and not _SAID:
        _SAID.append("agent")
        show_logs(config.resolve(find(Path.cwd())).settings.logging.level)
        logger_of("").warning(
            "flowkit has no agents; `flowkit serve` runs registered flows on their schedules"
        )


def _failed(error: CycleError) -> State:
    logger_of("").error("%s", error)
    return Failed(f"Unexpected error: {error!r}", error)


def _refuse_inside(flow: Flow, what: str) -> None:
    if ambient.current().flow is flow:
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
