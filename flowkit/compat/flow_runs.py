"""Tasks that start runs of other flows, wait for them, and take results out of them.

Source of the vocabulary and of the rules: Prefect classic, 20.1 to 20.4. What was a matter of its server is
taken, and said once where it asks for something: projects, labels and run configurations mean nothing here,
and a run starts now.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from flowkit import task
from flowkit.compat.views import FlowRunView
from flowkit.engine.context import CURRENT, context, logger_of
from flowkit.engine.signals import FAIL, signal_from_state
from flowkit.errors import UsageError
from flowkit.flow.defaults import defaults_from_attrs
from flowkit.flow.task import Task
from flowkit.flow.warning import say_once
from flowkit.runs import children, seen
from flowkit.runs.seen import SeenRun

__all__ = [
    "CancelFlowRun",
    "FlowRunTask",
    "RenameFlowRun",
    "StartFlowRun",
    "create_flow_run",
    "get_task_run_result",
    "wait_for_flow_run",
]

_POLL = 1.0  # seconds after which the history is asked again about a run of another process


# Nothing follows from a run whose id is not on disk: else a resume might start another one for it.
@task(durability="task")
def create_flow_run(
    flow_id: str | None = None,
    flow_name: str | None = None,
    project_name: str = "",
    parameters: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    labels: Iterable[str] | None = None,
    run_name: str | None = None,
    run_config: Any = None,
    scheduled_start_time: datetime | None = None,
    idempotency_key: str | None = None,
) -> str:
    """Start a run of a registered flow beside this one; its id is the result.

    Args:
        flow_id: what `flow.register()` returns, which is the flow's name.
        flow_name: the name of the flow; one of the two.
        parameters: of the run; those that are not given have their defaults.
        context: more keys for its `flowkit.context`.
        idempotency_key: that of an earlier run of this flow, started by the same run, means that one.
        project_name, labels, run_config: taken, and not used.
        run_name: what its `flowkit.context` says that it is called; the history names runs itself.
        scheduled_start_time: taken; it starts now.

    Raises:
        ValueError: both names or none; no such flow; wrong parameters.
        LoadError: its file cannot be loaded.
    """
    if flow_id and flow_name:
        raise ValueError("Received both `flow_id` and `flow_name`. Only one flow identifier can be passed.")
    name = flow_id or flow_name
    if not name:
        raise ValueError("Both `flow_id` and `flow_name` are null. You must pass a flow identifier")
    return _start(name, parameters, context, run_name, scheduled_start_time, idempotency_key)


def _start(
    name: str,
    parameters: Mapping[str, Any] | None,
    more: Mapping[str, Any] | None,
    run_name: str | None,
    at: datetime | None,
    key: str | None,
) -> str:
    if at is not None and (at if at.tzinfo else at.replace(tzinfo=UTC)) > datetime.now(UTC):
        say_once("`scheduled_start_time` asks for a later start; flowkit starts a child run now.")
    started = children.start(name, parameters, context=more, run_name=run_name, idempotency_key=key)
    called = f", called {run_name!r}" if run_name else ""
    _logger().info("Started the run %s%s", started.said, called)
    return started.id


@task
def wait_for_flow_run(
    flow_run_id: str,
    stream_states: bool = True,
    stream_logs: bool = False,
    raise_final_state: bool = False,
    max_duration: timedelta = timedelta(hours=12),
) -> FlowRunView:
    """Wait until a run has ended; the result shows it.

    Args:
        flow_run_id: of a run that this one, or any other process of the project, has started.
        stream_states: log how it stands, when that changes.
        stream_logs: log what a run of another process prints; that of a child run is shown anyway.
        raise_final_state: end as that run has ended.
        max_duration: how long to wait at most.

    Raises:
        ValueError: no such run; or it is the run of this task.
        RuntimeError: it took longer than `max_duration`.
    """
    told = _Told(stream_states, stream_states and stream_logs)
    run = seen.wait(flow_run_id, _POLL, max_duration.total_seconds(), told.see)
    view = FlowRunView.of(run)
    if raise_final_state:
        _end_as(run, view)
    return view


class _Told:
    """Logs what happens to a run that is waited for."""

    def __init__(self, states: bool, logs: bool) -> None:
        self._states, self._logs = states, logs
        self._state: type | None = None
        self._line = -1

    def see(self, run: SeenRun) -> None:
        """The run stands so now."""
        for line in run.source.lines(self._line) if self._logs else ():
            self._line = line.line
            _logger().log(line.level or logging.INFO, "Flow %r: %s", run.name, line.text)
        if self._states and type(run.state) is not self._state:
            self._state = type(run.state)
            _logger().info(
                "Flow %r: Entered state <%s>: %s", run.name, type(run.state).__name__, run.state.message
            )


def _end_as(run: SeenRun, result: Any) -> NoReturn:
    """End the task in the state that a run has ended in; a cancelled one counts as failed."""
    message = f"{run.id} finished in state {run.state}"
    try:
        kind = signal_from_state(run.state)
    except UsageError:  # as for one that was cancelled, which classic did not see
        kind = FAIL
    raise kind(message, result=result)


@task
def get_task_run_result(flow_run_id: str, task_slug: str, map_index: int = -1, poll_time: float = 5) -> Any:
    """The result of a task of another run, which is waited for.

    Args:
        flow_run_id: of a run that this one, or any other process of the project, has started.
        task_slug: `clean-1`; its key, `clean`, does as well.
        map_index: which child of a mapped task; -1: all, as a list.
        poll_time: seconds after which the history is asked again about a run of another process.

    Raises:
        ValueError: the slug is empty, or no task has it; it is the run of this task; the task has no result.
        HistoryError: the result cannot be read.
    """
    if not task_slug:
        raise ValueError("Required argument `task_slug` is empty")
    run = seen.wait(flow_run_id, poll_time)
    return run.source.task(task_slug, map_index).read()


class StartFlowRun(Task):
    """Start a run of a registered flow beside this one.

    Args:
        flow_name: of the flow.
        parameters: of the run.
        wait: end when that run does, and as it does; else the id of the run is the result at once.
        new_flow_context: more keys for its `flowkit.context`.
        run_name: as `create_flow_run` takes it.
        project_name, run_config, scheduled_start_time, poll_interval, create_link_artifact: taken, and not
            used.
        **options: those of `Task`; the name is `Flow NAME` where the flow is given here.

    Raises:
        TypeError: a task among the parameters, which are given when the task is called.
    """

    def __init__(
        self,
        flow_name: str | None = None,
        project_name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        run_config: Any = None,
        wait: bool = False,
        new_flow_context: Mapping[str, Any] | None = None,
        run_name: str | None = None,
        scheduled_start_time: datetime | None = None,
        poll_interval: timedelta = timedelta(seconds=10),
        create_link_artifact: bool = True,
        **options: Any,
    ) -> None:
        if any(isinstance(value, Task) for value in (parameters or {}).values()):
            raise TypeError(
                "An instance of `Task` was passed to the `StartFlowRun` constructor via the `parameters`"
                " kwarg; pass these when calling the task instead: `start_flow_run(parameters=...)`"
            )
        self.flow_name = flow_name
        self.project_name = project_name
        self.parameters = parameters
        self.run_config = run_config
        self.wait = wait
        self.new_flow_context = new_flow_context
        self.run_name = run_name
        self.scheduled_start_time = scheduled_start_time
        self.poll_interval = poll_interval
        self.create_link_artifact = create_link_artifact
        if flow_name:
            options.setdefault("name", f"Flow {flow_name}")
        super().__init__(**options)

    @defaults_from_attrs(
        "flow_name",
        "project_name",
        "parameters",
        "run_config",
        "new_flow_context",
        "run_name",
        "scheduled_start_time",
    )
    def run(
        self,
        flow_name: str | None = None,
        project_name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        run_config: Any = None,
        new_flow_context: Mapping[str, Any] | None = None,
        run_name: str | None = None,
        idempotency_key: str | None = None,
        scheduled_start_time: datetime | None = None,
    ) -> str:
        """Start the run; with `wait`, end as it does.

        Args:
            idempotency_key: see `create_flow_run`; default: none, so that a retry starts another run.

        Raises:
            ValueError: no name; no such flow; wrong parameters.
        """
        if flow_name is None:
            raise ValueError("Must provide a flow name.")
        run_id = _start(
            flow_name, parameters, new_flow_context, run_name, scheduled_start_time, idempotency_key
        )
        if not self.wait:
            return run_id
        run = seen.wait(run_id, _POLL)
        _end_as(run, run_id)


class FlowRunTask(StartFlowRun):
    """The older name of `StartFlowRun`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        warnings.warn("`FlowRunTask` has been renamed to `StartFlowRun`", stacklevel=2)
        super().__init__(*args, **options)


class CancelFlowRun(Task):
    """Stop a run that this process has started.

    Args:
        flow_run_id: default: the run that the task is part of.
        **options: those of `Task`.
    """

    def __init__(self, flow_run_id: str | None = None, **options: Any) -> None:
        self.flow_run_id = flow_run_id
        super().__init__(**options)

    @defaults_from_attrs("flow_run_id")
    def run(self, flow_run_id: str | None = None) -> bool:
        """Ask the run to stop; whether it still went on.

        Raises:
            ValueError: no id, and no run around; no such run.
            FlowkitError: another process carries it out.
        """
        return seen.cancel(_id_or_own(flow_run_id, "Can't cancel a flow run without flow run ID."))


class RenameFlowRun(Task):
    """Taken, and said once: the history names runs itself.

    Args:
        flow_run_id: default: the run that the task is part of.
        flow_run_name: the name.
        **options: those of `Task`.
    """

    def __init__(
        self, flow_run_id: str | None = None, flow_run_name: str | None = None, **options: Any
    ) -> None:
        self.flow_run_id = flow_run_id
        self.flow_run_name = flow_run_name
        super().__init__(**options)

    @defaults_from_attrs("flow_run_id", "flow_run_name")
    def run(self, flow_run_id: str | None = None, flow_run_name: str | None = None) -> bool:
        """False: the run has the name that it had.

        Raises:
            ValueError: no id, and no run around; no name.
        """
        _id_or_own(flow_run_id, "`flow_run_id` must be explicitly provided or available in the context")
        if flow_run_name is None:
            raise ValueError("Must provide a flow name.")
        say_once(
            "`RenameFlowRun` would have renamed a run; flowkit names runs itself, `flowkit runs` shows how."
        )
        return False


def _id_or_own(run_id: str | None, otherwise: str) -> str:
    found = run_id or context.get("flow_run_id")
    if not found:
        raise ValueError(otherwise)
    return str(found)


def _logger() -> logging.Logger:
    """That of the task which this is part of."""
    return context.logger if CURRENT.get() is not None else logger_of("")
