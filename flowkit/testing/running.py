"""Running a flow in a test: in memory, in this process, by a clock of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flowkit.engine.context import context
from flowkit.engine.secret import cover
from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.task import Task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.state import State
from flowkit.plan.task_states import TaskStates
from flowkit.project import loader
from flowkit.project.config import config
from flowkit.project.discovery import resolve
from flowkit.project.root import Project, find, find_or_start
from flowkit.runs.memory import Asked, Memory, session_of
from flowkit.runs.script import performed, state_of
from flowkit.runs.start import Options, built, executor_named, executors_for, prepare
from flowkit.runs.wanted import Wanted, defaults_of, wanted
from flowkit.testing.clock import FakeClock

if TYPE_CHECKING:
    from flowkit.engine.capture import Line as TakenLine
    from flowkit.engine.engine import Engine
    from flowkit.engine.executors.base import Executor
    from flowkit.engine.outcome import Outcome
    from flowkit.plan.events import Row
    from flowkit.plan.plan import Plan
    from flowkit.runs.memory import Kept
    from flowkit.schedule.event import ClockEvent


_KEY = re.compile(r"(.*?)(?:\[(\d+)\])?", re.DOTALL)


class Line(NamedTuple):
    """A line that a task printed or logged.

    Attributes:
        task: its key, such as `clean` or `clean[3]`; "" where it is not known.
        text: without the line end.
        stream: `stdout`, `stderr`, or `log` for a record.
        level: of a record, as `logging` counts; 0 of what was printed.
    """

    task: str
    text: str
    stream: str
    level: int = 0


class TestedStates(TaskStates):
    """The states of the tasks of a run, by task, or by key: `state.result["clean[3]"]`.

    Attributes:
        outcome: how the run ended.
        lines: what its tasks printed and logged, in order.
    """

    __test__ = False  # it is no test, whatever it is called

    def __init__(self, outcome: Outcome, lines: list[Line]) -> None:
        plan = outcome.plan
        super().__init__(zip(plan.tasks, range(plan.size), strict=True), outcome.states.of)
        self.outcome = outcome
        self.lines = lines

    def __getitem__(self, task: Task | str) -> State:
        if not isinstance(task, str):
            return super().__getitem__(task)
        return self.outcome.states.of(*self.find(task))

    def find(self, key: str) -> tuple[int, int]:
        """The number of a task in the plan, and of the child of a mapped one, else -1.

        Raises:
            UsageError: there is no such task, with what there is.
        """
        plan, groups = self.outcome.plan, self.outcome.engine.machine.groups
        name, index = _KEY.fullmatch(key).groups()  # type: ignore[union-attr]  # all texts match
        if name in plan.keys:
            node = plan.keys.index(name)
            if index is None:
                return node, -1
            if node in groups and int(index) < groups[node].width:
                return node, int(index)
        known = ", ".join(
            f"`{plan.keys[node]}`" for node in range(plan.size) if not plan.tasks[node].is_carrier
        )
        raise UsageError(f"the run has no task `{key}`", hints=(f"it has {known}",))


class _Listener:
    """Keeps what tasks print."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def begin(self, engine: Engine) -> None:
        self._plan = engine.plan

    def see(self, rows: Sequence[Row], lines: Sequence[TakenLine]) -> None:
        for call, stream, text, level in lines:
            key = self._plan.key(call[0], call[1]) if call[0] >= 0 else ""
            self.lines.append(Line(key, text, stream, level))

    def end(self, outcome: Outcome) -> None:
        pass


def run(
    flow: Flow | str,
    parameters: Mapping[str, Any] | None = None,
    *,
    clock: FakeClock | None = None,
    real_time: bool = False,
    executor: Executor | str = "inline",
    store: Path | None = None,
    timeout: float | None = None,
    approve: Callable[[str], bool] | None = None,
    **values: Any,
) -> State:
    """Run a flow as a test wants it: without the project's history, and without waiting.

    Args:
        flow: a `Flow`, or where it is: `flows/etl.py:etl`, or its name.
        parameters, **values: of the flow, by name; those by keyword win.
        clock: whose time it takes; default: a new one.
        real_time: by the clock of the machine instead.
        executor: for the tasks that name none of their own; default: one after another, in this thread.
        store: a folder that is taken for the project's, and gets its `.flowkit`; default: nothing is kept.
        timeout: seconds for the whole run, by its clock.
        approve: whether a paused task, by its key, may go on; default: the run ends as Paused.

    Returns:
        The state of the run. `state.result["clean"]` is the state of a task, also by `Task`; `.result` of
        that is its value.

    Raises:
        UsageError, DefinitionError, LoadError: the flow cannot be run at all.
    """
    found = load(flow) if isinstance(flow, str) else flow
    with apart():
        asked = wanted(found, parameters, {**values, "executor": executor})
        return _carried_out(
            found, asked, None if real_time else clock or FakeClock(), store, timeout, approve
        )


def run_scheduled(
    flow: Flow | str, times: int, *, clock: FakeClock | None = None, **options: Any
) -> list[State]:
    """Run a flow as often as its schedule says, without waiting for it.

    Args:
        times: how many of the coming times.
        clock: it is put forward to each of them.
        **options: as of `run`, values of parameters among them; these go before what the schedule's clocks
            have as defaults.

    Returns:
        A state a run; fewer where the schedule ends.

    Raises:
        UsageError: the flow has no schedule.
    """
    found = load(flow) if isinstance(flow, str) else flow
    clock = clock or FakeClock()
    if found.schedule is None:
        raise UsageError(f"the flow `{found.name}` has no schedule")
    states = []
    for event in found.schedule.next(times, clock.now, return_events=True):
        clock.sleep(event.start_time - clock.now)
        states.append(_run_due(found, event, clock, options))
    return states


def _run_due(flow: Flow, event: ClockEvent, clock: FakeClock, options: dict[str, Any]) -> State:
    given = {**defaults_of(flow, event.parameter_defaults), **(options.get("parameters") or {})}
    with context(scheduled_start_time=event.start_time):
        return run(
            flow, given, clock=clock, **{name: options[name] for name in options.keys() - {"parameters"}}
        )


def load(ref: str, folder: Path | None = None) -> Flow:
    """The flow that a name on the command line means, such as `flows/etl.py:etl`.

    A file that this process has loaded is not executed again while its text is the same.

    Args:
        folder: where relative paths start; default: the working directory.

    Raises:
        UsageError: there is none.
        LoadError: its file cannot be loaded.
    """
    folder = folder or Path.cwd()
    project = find_or_start(folder)
    return loader.load(resolve(ref, project, cwd=folder), project, again=False)[1]


@contextmanager
def apart() -> Iterator[None]:
    """Keep the runs that tasks start themselves out of the project's history, too."""
    before = os.environ.get("FLOWKIT_HISTORY")
    os.environ["FLOWKIT_HISTORY"] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ["FLOWKIT_HISTORY"]
        else:
            os.environ["FLOWKIT_HISTORY"] = before


def _carried_out(
    flow: Flow,
    asked: Wanted,
    clock: FakeClock | None,
    store: Path | None,
    timeout: float | None,
    approve: Callable[[str], bool] | None,
) -> State:
    cover(flow.parameters(), asked.values)
    settings = config.resolve(find(Path.cwd())).settings
    used = executor_named(asked.executor) if isinstance(asked.executor, str) else asked.executor
    assert used is not None
    plan = compile_flow(built(flow, asked.values), lane=used.name)
    listener = _Listener()
    timing = {} if clock is None else {"clock": clock, "rest": clock.rest}
    options = Options(
        observers=[listener],
        timeout=timeout,
        limits=settings.limits,
        capture=True,
        echo=True,
        manner=asked.manner(approve),
        **timing,  # type: ignore[arg-type]
    )
    kept = None
    if store is not None:
        kept = _stored(Project.at(store), plan, asked, used)
    engine = prepare(plan, asked.values, executors_for(plan, used, settings.workers), options, kept)
    with clock.driving(engine) if clock is not None else nullcontext():
        outcome = performed(engine, kept)
    state = state_of(outcome)
    if isinstance(state.result, TaskStates):
        state.result = TestedStates(outcome, listener.lines)
    return state


def _stored(project: Project, plan: Plan, asked: Wanted, used: Executor) -> Kept:
    """What remembers the run, in a folder of its own."""
    memory = Memory(project, config.resolve(project).settings)
    try:
        return memory.begin(plan, asked.values, session_of(used), Asked(command="flowkit.testing"))
    except BaseException:
        memory.close()
        raise
