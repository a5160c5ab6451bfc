"""A run as another one sees it: how it stands, its tasks, their results; waited for, and stopped.

A child run of this process is asked itself, every other run of the project through its history. Guarantees:
nothing of another run is changed by looking; a run whose process is gone counts as failed. Relies on: who
waits does so in a task or in a script, which Ctrl-C interrupts.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from flowkit.engine.child_runs import ChildRun
from flowkit.engine.context import CURRENT
from flowkit.engine.engine import Engine
from flowkit.engine.stop_notices import told
from flowkit.errors import FlowkitError, HistoryError, UsageError
from flowkit.plan.state import CLASSES, Cancelled, Failed, Mapped, Paused, Running, State, Success, TimedOut
from flowkit.plan.status import Status
from flowkit.plan.verdicts import state_class
from flowkit.project import state_folder
from flowkit.project.config import config
from flowkit.project.names import quoted, suggestions
from flowkit.project.root import Project, find
from flowkit.runs.children import child_run
from flowkit.runs.memory import Memory
from flowkit.store import database
from flowkit.store.history import History
from flowkit.store.records import AttemptRecord, LogLine, RunRecord, hidden_nodes
from flowkit.store.results import UnreadableError
from flowkit.store.run_status import RunStatus
from flowkit.store.sweep import CANCELLED_BY_COMMAND, sweep

_CHILD_POLL = 60.0  # seconds; the end of a run of this process is told at once


@dataclass(frozen=True, kw_only=True)
class SeenTask:
    """A task of a run, or a child of a mapped one, as it stood when it was looked at.

    Attributes:
        slug: as in Prefect classic, `clean-1`.
        index: of a child; -1: none.
        width: how many children a mapped task has; 0 for others.
        read: gives the result.
    """

    slug: str
    name: str
    index: int
    width: int
    state: State
    read: Callable[[], Any] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class SeenRun:
    """A run, as it stood when it was looked at.

    Attributes:
        number: in the history; None where it is not kept.
        over: whether nothing more happens to it by itself; what is paused is over, and not finished.
        parameters: of a run of this process the values, of others what the history shows of them.
    """

    id: str
    name: str
    number: int | None
    flow: str
    state: State
    over: bool
    parameters: Mapping[str, Any]
    context: Mapping[str, Any]
    source: Source = field(repr=False)


class Source(Protocol):
    """Where a run is looked at."""

    def seen(self) -> SeenRun:
        """The run as it stands."""

    def wait(self, seconds: float) -> None:
        """Wait for the end of the run, or for something to happen to who waits."""

    def tasks(self) -> list[SeenTask]:
        """Its tasks, none of those that only carry values."""

    def task(self, slug: str, index: int) -> SeenTask:
        """A task by its slug or key, or a child of a mapped one.

        Raises:
            UsageError: there is none.
        """

    def lines(self, after: int) -> list[LogLine]:
        """What its tasks printed and logged after a line, where nobody else has shown it."""

    def cancel(self) -> bool:
        """Ask it to stop; whether that could be said."""


def look(run_id: str) -> SeenRun:
    """A run as it stands.

    Args:
        run_id: its id; its number or name do as well.

    Raises:
        UsageError: there is none.
        HistoryError, RegistryError: the history cannot be read, or must not be.
    """
    run = child_run(run_id)
    return (_Child(run) if run is not None else _Past.of(run_id)).seen()


def wait(
    run_id: str, poll: float, longest: float | None = None, seen: Callable[[SeenRun], None] = lambda run: None
) -> SeenRun:
    """Wait until a run has ended.

    Args:
        poll: seconds after which the history is looked at again.
        longest: seconds.
        seen: told of the run as it stands, now and then.

    Returns:
        The run as it has ended.

    Raises:
        ValueError: it is the run of who asks, or around it, which ends later.
        RuntimeError: it took longer.
        UsageError, HistoryError, RegistryError: see `look`.
    """
    _refuse_own(run_id)
    run = look(run_id)
    deadline = float("inf") if longest is None else time.monotonic() + longest
    seen(run)
    while not run.over:
        left = deadline - time.monotonic()
        if left <= 0:
            raise RuntimeError(f"the run {run.name} has not ended after {longest:g} seconds")
        run.source.wait(min(left, poll))
        run = run.source.seen()
        seen(run)
    return run


def cancel(run_id: str) -> bool:
    """Ask a run of this process to stop; whether it still went on.

    Raises:
        UsageError: there is no such run.
        FlowkitError: another process carries it out.
    """
    around = CURRENT.get()
    while around is not None and around[0].run_id != run_id:
        around = around[0].parent
    if around is not None:
        _stop(around[0])
        return True
    return look(run_id).source.cancel()


def _stop(engine: Engine) -> None:
    if engine.number is not None and (project := find(Path.cwd())) is not None:
        _wish(project, engine.number)
    engine.interrupts.ask(signal.SIGTERM, around=False)


def _refuse_own(run_id: str) -> None:
    around = CURRENT.get()
    while around is not None:
        if run_id in (around[0].run_id, str(around[0].number)):
            raise ValueError(
                "Given `flow_run_id` is the same as the currently running flow, or as one that it is part of;"
                " it does not end while it is waited for in it"
            )
        around = around[0].parent


# -- a run of this process --------------------------------------------------------------------


class _Child:
    """A child run of this process."""

    def __init__(self, run: ChildRun) -> None:
        self._run = run

    def seen(self) -> SeenRun:
        run, engine = self._run, self._run.engine
        return SeenRun(
            id=engine.run_id,
            name=run.name,
            number=engine.number,
            flow=engine.plan.name,
            state=self._state(),
            parameters={
                name: "•••" if name in engine.plan.secrets else value
                for name, value in engine.parameters.items()
            },
            context=engine.manner.context,
            over=self._run.ended.is_set(),
            source=self,
        )

    def _state(self) -> State:
        run = self._run
        if not run.ended.is_set():
            return Running("It runs.")
        if run.outcome is not None:
            state = run.outcome.state
            return type(state)(state.message)  # without those of its tasks, so that it can be kept
        return Failed(f"It could not be carried out: {run.error}")

    def wait(self, seconds: float) -> None:
        stopped = _Stopped()
        with told(stopped), self._run.telling(stopped.event):
            stopped.event.wait(seconds)
        if stopped.asked and not self._run.ended.is_set():
            raise KeyboardInterrupt

    def tasks(self) -> list[SeenTask]:
        plan = self._run.engine.plan
        return [self._made(node, -1) for node in range(plan.size) if not plan.hidden(node)]

    def task(self, slug: str, index: int) -> SeenTask:
        plan = self._run.engine.plan
        node = _node_of(slug, plan.keys, plan.name)
        if index >= 0 and index >= self._width(node):
            raise _no_child(slug, index, self._width(node))
        return self._made(node, index)

    def _width(self, node: int) -> int:
        group = self._run.engine.machine.groups.get(node)
        return group.width if group is not None else 0

    def _made(self, node: int, index: int) -> SeenTask:
        engine, outcome = self._run.engine, self._run.outcome
        state = outcome.states.of(node, index) if outcome is not None else Running("Its run has not ended.")
        name, slug = engine.plan.tasks[node].name, _slug(engine.plan.keys[node], engine.plan.tasks[node].name)
        return SeenTask(
            slug=slug,
            name=name,
            index=index,
            width=self._width(node) if index < 0 else 0,
            state=state,
            read=lambda: _result(slug, index, state),
        )

    def lines(self, after: int) -> list[LogLine]:
        return []  # whoever shows what the run around it prints shows them

    def cancel(self) -> bool:
        run = self._run
        if run.ended.is_set():
            return False
        _stop(run.engine)
        return True


def _result(slug: str, index: int, state: State) -> Any:
    if state.is_failed() or state.is_cancelled():
        raise _no_result(slug, index, state)
    if isinstance(state, Mapped):
        return [_result(slug, place, child) for place, child in enumerate(state.map_states)]
    return state.result


# -- a run of the history ---------------------------------------------------------------------


class _Past:
    """A run of the project's history."""

    def __init__(self, project: Project, number: int) -> None:
        self._project = project
        self._number = number

    @classmethod
    def of(cls, run_id: str) -> _Past:
        """The run of an id.

        Raises:
            UsageError: there is none.
        """
        project = find(Path.cwd())
        if project is None:
            raise UsageError(f"there is no run {quoted(str(run_id))}: this process has none, and no project")
        with _history(project) as history:
            return cls(project, history.find(str(run_id)).number)

    def seen(self) -> SeenRun:
        with _history(self._project) as history:
            run = history.find(str(self._number))
        return SeenRun(
            id=run.uid,
            name=run.name,
            number=run.number,
            flow=run.flow,
            state=_state_of(run),
            parameters=run.parameters,
            context=run.asked.get("context") or {},
            over=run.status is not RunStatus.RUNNING,
            source=self,
        )

    def wait(self, seconds: float) -> None:
        stopped = _Stopped()
        with told(stopped):
            if stopped.event.wait(seconds):
                raise KeyboardInterrupt

    def tasks(self) -> list[SeenTask]:
        with _history(self._project) as history:
            run = history.find(str(self._number))
            outline = history.outline(run)
            hidden, keys = hidden_nodes(outline), outline.get("keys", ())
            nodes = outline.get("ids") or range(len(keys))
            return [self._made(history, run, node, -1, keys[node]) for node in nodes if node not in hidden]

    def task(self, slug: str, index: int) -> SeenTask:
        with _history(self._project) as history:
            run = history.find(str(self._number))
            keys = history.outline(run).get("keys", ())
            key = keys[_node_of(slug, keys, run.flow)]
            node = history.locate(run, key)[0]
            width = history.width(run, node) or 0
            if index >= 0 and index >= width:
                raise _no_child(slug, index, width)
            return self._made(history, run, node, index, key)

    def _made(self, history: History, run: RunRecord, node: int, index: int, key: str) -> SeenTask:
        attempts = [each for each in history.attempts(run, node) if each.child == index and each.attempt >= 0]
        state = _state_of_task(attempts[-1]) if attempts else CLASSES[Status.WAITING]("Not reached.")
        name = _name(key)
        slug = _slug(key, name)
        width = history.width(run, node) if index < 0 else None
        mark = (slug, node, index, width, state)
        return SeenTask(
            slug=slug,
            name=name,
            index=index,
            width=width or 0,
            state=state,
            read=lambda: self._value(run, *mark),
        )

    def _value(
        self, run: RunRecord, slug: str, node: int, index: int, width: int | None, state: State
    ) -> Any:
        if state.is_failed() or state.is_cancelled() or not state.is_finished():
            raise _no_result(slug, index, state)
        if state.is_skipped():
            return None
        memory = Memory(self._project, config.resolve(self._project).settings)
        with closing(memory):
            past = memory.past(run.number, run.uid)
            try:
                if width is None:
                    return past.value(node, index)
                return [past.value(node, child) for child in range(width)]
            except UnreadableError as error:
                raise HistoryError(
                    f"the result of `{slug}` in run {run.number} ({run.name}) cannot be read: {error}"
                ) from error

    def lines(self, after: int) -> list[LogLine]:
        with _history(self._project) as history:
            return list(history.logs(history.find(str(self._number)), after=after))

    def cancel(self) -> bool:
        run = self.seen()
        if run.over:
            return False
        raise FlowkitError(
            f"run {run.number} ({run.name}) is carried out by another process",
            hints=(f"`flowkit cancel {run.number}` stops it",),
        )


class _Stopped:
    """Told where who waits is to stop."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.asked = False

    def ask(self) -> None:
        self.asked = True
        self.event.set()

    give_up = ask


@contextmanager
def _history(project: Project) -> Iterator[History]:
    state_folder.check(project.state)
    gone = [run.number for run in sweep(project.state)]
    with History(project.state, gone) as history:
        yield history


def _wish(project: Project, number: int) -> None:
    """Write that a run is to be cancelled, so that its end says so; see `flowkit cancel`."""
    path = project.state / database.FILE
    with (
        contextlib.suppress(sqlite3.Error, HistoryError),
        closing(database.open_to_write(path)) as connection,
    ):
        connection.execute(
            "UPDATE runs SET reason=? WHERE number=? AND status=?",
            (CANCELLED_BY_COMMAND, number, RunStatus.RUNNING),
        )


def _state_of(run: RunRecord) -> State:
    message = run.reason or f"The run {run.number} {run.status.word}."
    if run.status is RunStatus.CRASHED:
        message = (
            f"Run {run.number} ({run.name}) crashed: {message}; `flowkit resume {run.number}` goes on with it"
        )
    return _STATES.get(run.status, Running)(message)


_STATES: dict[RunStatus, type[State]] = {
    RunStatus.SUCCESS: Success,
    RunStatus.FAILED: Failed,
    RunStatus.CANCELLED: Cancelled,
    RunStatus.INTERRUPTED: Cancelled,
    RunStatus.TIMED_OUT: TimedOut,
    RunStatus.CRASHED: Failed,
    RunStatus.PAUSED: Paused,
}


def _state_of_task(attempt: AttemptRecord) -> State:
    failure = attempt.detail.get("failure")
    text = attempt.detail.get("message") or (failure.get("message") if isinstance(failure, dict) else "")
    return state_class(attempt.status, text)(str(text or ""))


# -- names ------------------------------------------------------------------------------------


def _slug(key: str, name: str) -> str:
    """What classic calls a task: numbered from the first on."""
    return f"{name}-1" if key == name else key


def _name(key: str) -> str:
    """The name of a task, as far as its key shows it."""
    name, _, number = key.rpartition("-")
    return name if name and number.isdecimal() else key


def _node_of(slug: str, keys: Any, flow: str) -> int:
    """The node of a slug, or of a key.

    Raises:
        UsageError: there is none.
    """
    for key in (slug.removesuffix("-1") if slug.endswith("-1") else None, slug):
        if key in keys:
            return list(keys).index(key)
    slugs = [_slug(key, _name(key)) for key in keys]
    raise UsageError(
        f"the flow {quoted(flow)} has no task with the slug {quoted(slug)}",
        hints=suggestions(slug, slugs) or (f"it has {', '.join(quoted(each) for each in slugs[:10])}",),
    )


def _no_child(slug: str, index: int, width: int) -> UsageError:
    said = f"has {width} children, numbered from 0" if width else "is not mapped"
    return UsageError(f"there is no child {index} of {quoted(slug)}, which {said}")


def _no_result(slug: str, index: int, state: State) -> ValueError:
    task = slug if index < 0 else f"{slug}[{index}]"
    return ValueError(f"`{task}` has no result: it ended as {state!r}")
