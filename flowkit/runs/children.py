"""Child runs: a task of a run starts the run of another flow, which goes on beside it, in this process.

Source of the vocabulary: Prefect classic, 20.1 to 20.4, where a server did that. Guarantees: a flow that
cannot be run is said before anything of it is written; a child run's end is written when the run around it is
stopped; one that has the key of an earlier one in the same run is that one.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flowkit.engine.child_runs import ChildRun
from flowkit.engine.context import CURRENT
from flowkit.engine.engine import Engine
from flowkit.engine.stop_notices import undisturbed
from flowkit.errors import FlowkitError, UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.values import checked
from flowkit.project import loader
from flowkit.project.config import config
from flowkit.project.discovery import resolve
from flowkit.project.names import quoted, suggestions
from flowkit.project.registration import REGISTERED
from flowkit.project.root import Project, find
from flowkit.runs.script import performed, prepared, state_of
from flowkit.runs.wanted import Wanted
from flowkit.store.history import History

_HINT = "`flowkit register PATH`, or `flow.register()` in this process, makes a flow known"

# Of this process, by id. The engine around a child run has it; what no run is around ends before it is known.
_RUNS: weakref.WeakValueDictionary[str, ChildRun] = weakref.WeakValueDictionary()
_UNKEPT: list[ChildRun] = []  # that nobody else has, and no history
_starting = threading.RLock()  # who looks for a key, and starts a run under it where there is none


class Started(NamedTuple):
    """A run by its id, and as people call it."""

    id: str
    said: str


def start(
    flow_name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    context: Mapping[str, Any] | None = None,
    run_name: str | None = None,
    idempotency_key: str | None = None,
) -> Started:
    """Start a run of a flow that is registered here.

    In a task it goes on beside the run of that task, which ends after it. Elsewhere there is no run that
    could wait for it, so that it has ended when this returns.

    Args:
        flow_name: of a flow that this process has registered, else what `flowkit run` takes.
        context: more keys for its `flowkit.context`.
        run_name: what that says that it is called.
        idempotency_key: that of an earlier child of the same run means that one.

    Raises:
        UsageError: no such flow, or its parameters are wrong.
        LoadError: its file cannot be loaded.
        FlowkitError: it cannot be started.
    """
    around = CURRENT.get()
    if idempotency_key is None or around is None:
        parent = around[0] if around is not None else None
        return _started(flow_name, parameters, context, run_name, None, parent)
    with _starting:
        known = _known(around[0], flow_name, idempotency_key)
        return known or _started(flow_name, parameters, context, run_name, idempotency_key, around[0])


def child_run(run_id: str) -> ChildRun | None:
    """A child run that this process still has; None for all others."""
    return _RUNS.get(run_id)


def _started(
    flow_name: str,
    parameters: Mapping[str, Any] | None,
    context: Mapping[str, Any] | None,
    run_name: str | None,
    key: str | None,
    parent: Engine | None,
) -> Started:
    flow, caller = _flow(flow_name)
    chosen = flow.executor or config.resolve(find(Path.cwd())).settings.executor
    asked = Wanted(
        values=checked(flow, dict(parameters or {})),
        executor=chosen,
        context=context,
        flow_run_name=run_name,
        idempotency_key=key,
        is_child=True,
    )
    with undisturbed():  # a run that has begun must have somebody who ends it
        engine, kept = prepared(flow, asked, caller)
        name = kept.record.begun.name if kept is not None else f"{flow.name} {engine.run_id[:8]}"
        run = ChildRun(engine, lambda: performed(engine, kept), name, key)
        _RUNS[engine.run_id] = run
        if parent is not None:
            try:
                parent.children.start(run)
            except FlowkitError as error:
                if kept is not None:
                    kept.record.fail(error.message)
                raise
    if parent is None:
        if kept is None:
            _UNKEPT.append(run)
        run.run()
        if run.outcome is not None:
            state_of(run.outcome)  # an interrupt goes on through whoever has called this
    return Started(engine.run_id, run.said)


def _known(parent: Engine, flow_name: str, key: str) -> Started | None:
    """The run that a run has started under a key, in this session or an earlier one."""
    for run in parent.children.started:
        if run.idempotency_key == key and run.engine.plan.name == flow_name:
            return Started(run.engine.run_id, run.said)
    project = find(Path.cwd())
    if parent.number is None or project is None:
        return None
    with History(project.state) as history:
        for each in history.started_by(history.find(str(parent.number))):
            if each.asked.get("idempotency_key") == key and each.flow == flow_name:
                return Started(each.uid, f"{each.number} ({each.name}) of {each.flow}")
    return None


def _flow(name: str) -> tuple[Flow, Mapping[str, Any]]:
    """The flow of a name, and the globals of who has registered it."""
    if name in REGISTERED:
        return REGISTERED[name]
    project = find(Path.cwd())
    if project is None:
        hints = (*suggestions(name, REGISTERED), _HINT)
        raise UsageError(f"no flow is called {quoted(name)}: there is no project here", hints=hints)
    return _from_file(name, project), {}


def _from_file(name: str, project: Project) -> Flow:
    try:
        target = resolve(name, project, folder=config.resolve(project).settings.flows)
    except UsageError as error:
        error.hints = (*suggestions(name, REGISTERED), *error.hints, _HINT)
        raise
    # Not once more: the runs that go on have objects of the classes in it.
    return loader.load(target, project, again=False)[1]
