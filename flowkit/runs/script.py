"""Running a flow from Python: `flow.run()` and `flow.arun()`."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flowkit.engine.context import CURRENT, logger_of
from flowkit.engine.earlier import Earlier
from flowkit.engine.engine import Engine
from flowkit.engine.executors.base import Executor
from flowkit.engine.interrupts import GRACE, OverdueError
from flowkit.engine.observers import LogObserver
from flowkit.engine.outcome import Outcome, not_run
from flowkit.engine.rounds import Round
from flowkit.engine.secret import cover
from flowkit.engine.signals import seconds_until
from flowkit.errors import FlowkitError, UsageError
from flowkit.flow import ambient
from flowkit.flow.flow import Flow
from flowkit.flow.graph import CycleError
from flowkit.flow.task import Task
from flowkit.flow.warning import say_once
from flowkit.logs import show_logs
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Detail, Row
from flowkit.plan.facts import detail_of_end
from flowkit.plan.plan import Plan
from flowkit.plan.state import (
    CLASSES,
    Failed,
    Mapped,
    Pending,
    Resume,
    Retrying,
    Scheduled,
    State,
    status_of,
)
from flowkit.plan.status import SKIPPED, WAITING
from flowkit.project import loader
from flowkit.project.config import config
from flowkit.project.home import home_of
from flowkit.project.root import Project, find
from flowkit.project.settings import Settings
from flowkit.runs.durations import durations_of
from flowkit.runs.memory import Asked, Kept, Memory, session_of
from flowkit.runs.runners import FlowRunner, run_by
from flowkit.runs.start import Options, built, executor_named, executors_for, prepare
from flowkit.runs.wanted import Wanted, defaults_of, wanted

_OUT = (KeyboardInterrupt, SystemExit)  # of a task that is run inline, as in Prefect classic, 4.16


class UnfinishedFlowError(UsageError, RuntimeError):
    """A flow is run inside the block in which it is still written; classic, 3.3."""


def run_flow(
    flow: Flow,
    parameters: Mapping[str, Any] | None = None,
    run_on_schedule: bool | None = None,
    runner_cls: type[FlowRunner] | None = None,
    *,
    _caller: Mapping[str, Any] | None = None,
    **options: Any,
) -> State:
    """Run a flow, here and now; this is `flow.run`.

    Args:
        parameters: values by name.
        run_on_schedule: run it again and again, when its schedule says so; default: once.
        runner_cls: what runs it instead, a `FlowRunner` of the caller's own.
        _caller: the globals of the module that asks.
        **options: more parameters, which win, and of these those that are no parameters:
            `executor`: default: the flow's own, else `executor` of the settings where it is set, else
            inline, in this thread. `task_states`: how tasks have ended already; they are not run (4.6).
            `history`: whether the run is remembered; default: where there is a project around the working
            directory, and the settings say so. `context`, and `task_contexts` by task: more for
            `flowkit.context`. `state`: how the run stands; one that is finished is returned, one that is
            scheduled is waited for. `flow_run_id`, `flow_run_name`: what the context says that it is called.

    Returns:
        The state of the run; `.result[task].result` is the value of a task. Where a task is paused, and
        nobody at a terminal lets it go on, it is `Paused`.

    Raises:
        UsageError: unknown, missing or ill-typed parameters, all at once, before anything runs; it is a
            `TypeError` too where an argument is no option either.
        DefinitionError: the flow cannot run; where that is for a cycle, the state is Failed instead, and its
            result the error (Prefect classic, 3.15).
        KeyboardInterrupt, SystemExit: Ctrl-C, SIGTERM; running tasks had half a second to end. Also where a
            task raises one of them inline.
    """
    _refuse_inside(flow, "run")
    if loader.ignore("flow.run()"):
        return _not_now(flow)
    asked = wanted(flow, parameters, options)
    if run_on_schedule and flow.schedule is not None:
        return _run_on_schedule(flow, asked, _caller)
    if runner_cls is not None and runner_cls is not FlowRunner:
        return run_by(runner_cls(flow), asked)
    return carried_out(flow, asked, _caller)


def carried_out(flow: Flow, asked: Wanted, caller: Mapping[str, Any] | None = None) -> State:
    """Run a flow once, as it is asked for."""
    if asked.state is not None and asked.state.is_finished():
        if not isinstance(asked.state.result, Mapping):
            asked.state.result = not_run(dict.fromkeys(flow.tasks))
        return asked.state
    asked.wait()
    try:
        is_main = threading.current_thread() is threading.main_thread()
        engine, kept = prepared(flow, asked, caller, in_main=is_main)
    except CycleError as error:
        return _failed(error)
    return state_of(performed(engine, kept))


def _run_on_schedule(flow: Flow, asked: Wanted, caller: Mapping[str, Any] | None) -> State:
    """Run a flow each time that it is due; returns the state of the last run, where the schedule ends.

    What a clock gives as defaults of parameters goes before what the call says (Prefect classic, 5.7).

    Raises:
        UsageError: it is never due.
    """
    state = None
    while due := flow.schedule.next(1, return_events=True):
        values = {**asked.values, **defaults_of(flow, due[0].parameter_defaults)}
        now = replace(asked, values=values, state=Scheduled(start_time=due[0].start_time))
        state = carried_out(flow, now, caller)
    if state is None:
        raise UsageError(f"the schedule of the flow `{flow.name}` has no time that is still to come")
    return state


async def run_flow_async(
    flow: Flow,
    parameters: Mapping[str, Any] | None = None,
    *,
    _caller: Mapping[str, Any] | None = None,
    **options: Any,
) -> State:
    """Run a flow from an asyncio program or a notebook, with the options of `run_flow`; this is `flow.arun`.

    When the awaiting task is cancelled the run is asked to stop, and waited for.
    """
    import asyncio  # 15 ms that nothing else needs

    _refuse_inside(flow, "arun")
    if loader.ignore("flow.arun()"):
        return _not_now(flow)
    try:
        engine, kept = prepared(flow, wanted(flow, parameters, options), _caller)
    except CycleError as error:
        return _failed(error)
    running = asyncio.ensure_future(asyncio.to_thread(performed, engine, kept))
    try:
        return state_of(await asyncio.shield(running))
    except asyncio.CancelledError:
        engine.interrupts.ask(signal.SIGINT, around=False)
        engine.stop_notices.ask()  # the thread that would see to it may be in the task that waits
        if not (await asyncio.wait({running}, timeout=GRACE))[0]:
            engine.stop_notices.give_all_up()
        await running
        raise


def prepared(
    flow: Flow, asked: Wanted, caller: Mapping[str, Any] | None, *, in_main: bool = False
) -> tuple[Engine, Kept | None]:
    """An engine that is ready to run a flow, and what remembers the run.

    Args:
        in_main: it is run in the main thread: what a task raises inline that ends programs comes out of it.

    Raises:
        UsageError, DefinitionError, HistoryError: see `run_flow`.
    """
    values = dict(asked.values)
    cover(flow.parameters(), values)
    project = find(Path.cwd())
    resolved = config.resolve(project)
    settings = resolved.settings
    show_logs(settings.logging.level)
    chosen = asked.executor if asked.executor is not None else flow.executor
    if chosen is None:
        # Classic scripts run in their own thread unless asked otherwise; `flowkit run` uses threads.
        chosen = settings.executor if "executor" in resolved.origins else "inline"
    used = _executor(chosen, settings)
    graph = built(flow, values)
    memory = kept = None
    if project is not None and settings.history and asked.history is not False:
        memory = Memory(project, settings)
    try:
        plan = compile_flow(graph, lane=used.name, durations=durations_of(memory, graph, used))
        executors = executors_for(plan, used, settings.workers)
        if asked.flow_handlers and plan.followed is None:
            plan.followed = graph
        earlier = as_earlier(plan, _that_stand(asked.task_states), values)
        if memory is not None:
            ref = _ref(memory.project, flow, caller or {})
            kept = memory.begin(plan, values, session_of(used), _asked(asked, ref, plan, earlier))
    except BaseException:
        if memory is not None:
            memory.close()
        raise
    options = Options(
        observers=[LogObserver()],
        timeout=settings.run.timeout,
        switch_interval=settings.switch_interval,
        limits=settings.limits,
        capture=kept is not None or bool(plan.logged),
        echo=True,
        manner=asked.manner()
        if asked.is_child
        else asked.manner(_asker(), _OUT if in_main and used.name == "inline" else ()),
    )
    return prepare(plan, values, executors, options, kept, earlier), kept


def performed(engine: Engine, kept: Kept | None) -> Outcome:
    """Run an engine; where it cannot even start, that is remembered.

    Raises:
        FlowkitError: see `Engine.run`.
    """
    try:
        return engine.run()
    except FlowkitError as error:
        if (
            kept is not None
        ):  # else a run that could not even start is its process's for as long as that lives
            kept.record.fail(error.message)
        raise


def _asked(asked: Wanted, ref: str, plan: Plan, earlier: Earlier) -> Asked:
    """How the run was asked for, as it is remembered."""
    around = CURRENT.get()
    return Asked(
        ref=ref,
        command=shlex.join(sys.argv),
        parent=around[0].number if around else None,
        states=_given(plan, earlier),
        context=asked.context or {},
        idempotency_key=asked.idempotency_key,
    )


def _ref(project: Project, flow: Flow, caller: Mapping[str, Any]) -> str:
    """From where a flow is loaded again; "" where it cannot be."""
    home = home_of(flow, caller)
    return f"{project.display(home.path)}:{home.attribute}" if home is not None else ""


def _that_stand(states: Mapping[Task, State]) -> dict[Task, State]:
    """Without those of secrets, which are looked up again (Prefect classic, 19.7).

    A `TaskRunner` does not ask this: it takes no run up.
    """
    return {task: state for task, state in states.items() if not task.is_renewed}


def as_earlier(
    plan: Plan, task_states: Mapping[Task, State], values: Mapping[str, Any] | None = None
) -> Earlier:
    """States that a caller gives, as what is known of a run; what has not finished runs.

    Source of the rule: Prefect classic, 4.6: a state of a mapped task counts for its children only, and one
    that came from a cache is looked up again, and resources are set up and cleaned up again.
    What was to be tried again goes on with its attempts, what may go on after a pause does.

    Args:
        values: of the parameters that have one; default: all have.

    Raises:
        UsageError: a task that is not in the flow.
    """
    nodes = {task: node for node, task in enumerate(plan.tasks)}
    known = {node for name, node in plan.parameters.items() if values is None or name in values}
    found = _Found()
    for task, state in task_states.items():
        if task not in nodes:
            raise UsageError(
                f"`task_states` has the task `{task.name}`, which is not in the flow `{plan.name}`"
            )
        for node, child, each in _children(nodes[task], state):
            if node not in known and node not in plan.known and node not in plan.again:
                found.add(plan, node, child, each)
    return Earlier(
        rows=found.rows,
        values=found.values,
        attempts=found.attempts,
        waits=found.waits,
        rounds={mark: Round(resumed=True) for mark in found.resumed},
        resumed=found.resumed,
    )


class _Found:
    """What the states say that a caller gives."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.values: dict[tuple[int, int], Any] = {}
        self.attempts: dict[tuple[int, int], tuple[int, int]] = {}
        self.waits: dict[tuple[int, int], float] = {}
        self.resumed: list[tuple[int, int]] = []

    def add(self, plan: Plan, node: int, child: int, state: State) -> None:
        """Take a state of a task, or of a child of a mapped one."""
        if isinstance(state, Resume):
            self.resumed.append((node, child))
        elif isinstance(state, Scheduled):
            self._go_on(node, child, state)
        elif state.is_finished() and not state.is_cached() and _fits(plan, node, child, state):
            needs, status = plan.needs.get(node), status_of(state)
            detail = detail_of_end(needs, status, state.result, child=child >= 0)
            if type(state) is not CLASSES[status] or state.is_failed():
                detail = (detail or Detail())._replace(message=state.message or "", state=state)
            self.rows.append((node, child, 1, status, 0.0, 0.0, None, detail))
            self.values[node, child] = state.result

    def _go_on(self, node: int, child: int, state: Scheduled) -> None:
        made = state.run_count if isinstance(state, Retrying) else 0
        self.attempts[node, child] = (made + 1, 0)
        if state.start_time is not None:
            self.waits[node, child] = seconds_until(state.start_time)


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


def _children(node: int, state: State) -> Iterator[tuple[int, int, State]]:
    while state is not None and state.is_meta_state():
        state = state.state  # type: ignore[attr-defined]
    found = enumerate(state.map_states) if isinstance(state, Mapped) else [(-1, state)]
    for child, each in found:
        if each is not None:
            yield node, child, each


def _fits(plan: Plan, node: int, child: int, state: State) -> bool:
    """Whether a task can end so; a mapped one succeeds by its children only."""
    if node in plan.groups:
        return child >= 0 or status_of(state) >= SKIPPED
    return child < 0


def _asker() -> Callable[[str], bool] | None:
    """Asks the person at the terminal whether a paused task may go on; None where there is none."""
    at_terminal = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
    return _ask if at_terminal else None


def _ask(key: str) -> bool:
    try:
        return input(f"`{key}` is paused; enter `y` to let it go on: ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _executor(chosen: Executor | str, settings: Settings) -> Executor:
    return executor_named(chosen, settings.workers) if isinstance(chosen, str) else chosen


def no_agent() -> None:
    """Say, once, that there are no agents; this is `flow.run_agent` (Prefect classic, 3.27)."""
    if not loader.ignore("flow.run_agent()"):
        show_logs(config.resolve(find(Path.cwd())).settings.logging.level)
        say_once("flowkit has no agents; `flowkit serve` runs registered flows on their schedules")


def _failed(error: CycleError) -> State:
    logger_of("").error("%s", error)
    return Failed(f"Unexpected error: {error!r}", error)


def _refuse_inside(flow: Flow, what: str) -> None:
    if ambient.current().flow is flow:
        raise UnfinishedFlowError(
            f"`flow.{what}()` was called inside `with Flow(...)`, where `{flow.name}` is still written",
            hints=("call it after the block",),
        )


def _not_now(flow: Flow) -> State:
    tasks = {} if flow.build_parameters else dict.fromkeys(flow.tasks)
    return Pending("Not run: flowkit only loads the file.", not_run(tasks))


def state_of(outcome: Outcome) -> State:
    """The state of a run that is over.

    Raises:
        KeyboardInterrupt, SystemExit, OverdueError: what was asked of it, or what a task let out, goes on.
    """
    if outcome.engine.let_out is not None:
        raise outcome.engine.let_out
    asked = outcome.engine.interrupts.happened
    if asked == signal.SIGINT:
        raise KeyboardInterrupt
    if asked == signal.SIGALRM:
        raise OverdueError
    if asked is not None:
        raise SystemExit(128 + asked)
    return outcome.state
