"""The runners of Prefect classic, 4.11 to 4.13: one pass over a flow, one task against given states.

They are made of the same engine as `flow.run()`; nothing here carries anything out.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flowkit.engine.context import given
from flowkit.engine.executors.base import Executor
from flowkit.engine.executors.inline import LocalExecutor
from flowkit.engine.handling import Handler
from flowkit.engine.signals import FAIL, seconds_until
from flowkit.errors import UsageError
from flowkit.flow import ambient
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task
from flowkit.flow.values import checked
from flowkit.flow.warning import warn
from flowkit.plan.compiler import compile_flow
from flowkit.plan.state import Mapped, Paused, Pending, Scheduled, State
from flowkit.runs.start import Options, prepare
from flowkit.runs.wanted import Wanted


class FlowRunnerInitializeResult(NamedTuple):
    """How a run of a flow begins: what a `FlowRunner` makes of what it is given."""

    state: State
    task_states: dict[Task, State]
    context: dict[str, Any]
    task_contexts: dict[Task, Mapping[str, Any]]


class FlowRunner:
    """Runs a flow in one pass; a subclass may override `run` and `initialize_run`.

    Args:
        flow: what to run.
        task_runner_cls: what the handlers of its tasks are told to be run by; a `TaskRunner`.
        state_handlers: called with the runner, the old and the new state of the flow, after the flow's own.
    """

    def __init__(
        self,
        flow: Flow,
        task_runner_cls: type[TaskRunner] | None = None,
        state_handlers: Sequence[Handler] | None = None,
    ) -> None:
        self.flow = flow
        self.task_runner_cls = task_runner_cls or TaskRunner
        self.state_handlers = list(state_handlers or ())

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _warn_of_steps(cls, _STEPS_OF_FLOWS)

    def initialize_run(
        self,
        state: State | None,
        task_states: dict[Task, State],
        context: dict[str, Any],
        task_contexts: dict[Task, Mapping[str, Any]],
        parameters: Mapping[str, Any],
    ) -> FlowRunnerInitializeResult:
        """What the run begins with; its context has all parameters that have a value."""
        known = {parameter.name: parameter for parameter in self.flow.parameters()}
        values = {name: parameter.default for name, parameter in known.items() if not parameter.required}
        there = context.get("parameters") or {}
        values |= {name: there[name] for name in known if name in there}
        context["parameters"] = {**values, **parameters}
        return FlowRunnerInitializeResult(
            Pending() if state is None else state, task_states, context, task_contexts
        )

    def run(
        self,
        state: State | None = None,
        task_states: Mapping[Task, State] | None = None,
        return_tasks: Collection[Task] | None = None,
        parameters: Mapping[str, Any] | None = None,
        task_runner_state_handlers: Sequence[Handler] | None = None,
        executor: Executor | str | None = None,
        context: Mapping[str, Any] | None = None,
        task_contexts: Mapping[Task, Mapping[str, Any]] | None = None,
    ) -> State:
        """Run every task once that can be: what is to be tried again, or is paused, is left so.

        Args:
            return_tasks: whose states are in the result.
            task_runner_state_handlers: called with a `TaskRunner`, the old and the new state of each task,
                after the task's own.

        Returns:
            The state of the flow, `Running` where something is left.
        """
        from flowkit.runs.script import carried_out

        unknown = [task for task in return_tasks or () if task not in self.flow.tasks]
        if unknown:
            raise UsageError(f"`return_tasks` has `{unknown[0].name}`, which is not in `{self.flow.name}`")
        begun = self.initialize_run(
            state,
            dict(task_states or {}),
            {**given(), **(context or {})},
            dict(task_contexts or {}),
            dict(parameters or {}),
        )
        chosen = dict(begun.context["parameters"])
        for parameter in self.flow.parameters():  # defaults are as they are: only what is given is checked
            if not parameter.required and chosen.get(parameter.name) is parameter.default:
                chosen.pop(parameter.name, None)
        lacking = [each for each in self.flow.parameters() if _lacks(each, chosen)]
        missing: dict[Task, State] = {each: _not_given(each) for each in lacking}
        unset = {each.name for each in lacking}
        values = checked(self.flow, chosen, needed=())
        asked = Wanted(
            values={name: value for name, value in values.items() if name not in unset},
            executor=executor,
            task_states={**begun.task_states, **missing},
            context=begun.context,
            task_contexts=begun.task_contexts,
            state=begun.state,
            flow_handlers=[_told(self, handler) for handler in self.state_handlers],
            task_handlers=[
                _told_by(self.task_runner_cls, handler) for handler in task_runner_state_handlers or ()
            ],
            one_pass=True,
        )
        found = carried_out(self.flow, asked)
        if isinstance(found.result, Mapping):
            found.result = {task: found.result[task] for task in return_tasks or ()}
        return found


class TaskRunner:
    """Runs one task against given states of its upstreams.

    Args:
        task: what to run.
        state_handlers: called with the runner, the old and the new state, after the task's own.
        flow_result: accepted for scripts of Prefect classic; a task that is run alone keeps nothing.
    """

    def __init__(
        self, task: Task, state_handlers: Sequence[Handler] | None = None, flow_result: Any = None
    ) -> None:
        self.task = task
        self.state_handlers = list(state_handlers or ())

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _warn_of_steps(cls, _STEPS_OF_TASKS)

    def run(
        self,
        state: State | None = None,
        upstream_states: Mapping[Edge, State] | None = None,
        context: Mapping[str, Any] | None = None,
        is_mapped_parent: bool = False,
    ) -> State:
        """Run the task once.

        Args:
            state: how it stands; one that is not to be run now is returned.
            upstream_states: how its upstreams have ended, by the edge from them.
            context: more for `flowkit.context`.
            is_mapped_parent: whether it is mapped: its children are run too, and are the `map_states`.

        Returns:
            The new state; where it is to be tried again that says so.
        """
        from flowkit.runs.script import as_earlier

        state = _inner(state)
        upstreams = dict(upstream_states or {})
        if not _may_start(state) or not all(each.is_finished() for each in upstreams.values()):
            return state
        flow = self._flow(upstreams, is_mapped_parent)
        plan = compile_flow(flow, lane="inline")
        if is_mapped_parent:
            plan.handled |= {plan.tasks.index(self.task)}
        values = {
            edge.upstream.name: each.result
            for edge, each in upstreams.items()
            if isinstance(edge.upstream, Parameter)
        }
        states = {edge.upstream: each for edge, each in upstreams.items()}
        earlier = as_earlier(plan, {**states, self.task: state}, values)
        asked = Wanted(
            context=context, one_pass=True, task_handlers=[_told(self, each) for each in self.state_handlers]
        )
        options = Options(manner=asked.manner(), capture=bool(plan.logged), echo=True)
        engine = prepare(plan, values, [LocalExecutor() for _ in plan.lanes], options, earlier=earlier)
        return engine.run().states.of(plan.tasks.index(self.task))

    def _flow(self, upstreams: Mapping[Edge, State], is_mapped_parent: bool) -> Flow:
        """A flow of the task and of its upstreams, in which nothing else is run."""
        with ambient.entered(ambient.Ambient()):
            flow = Flow(self.task.name, tasks=[self.task])
            for edge in upstreams:
                flow.add_edge(
                    edge.upstream,
                    self.task,
                    edge.key,
                    edge.mapped and is_mapped_parent,
                    edge.flattened and is_mapped_parent,
                )
        return flow


def run_by(runner: FlowRunner, asked: Wanted) -> State:
    """Run a flow by a runner of the caller's own, pass after pass, until nothing is left to wait for."""
    states, state = dict(asked.task_states), asked.state
    while True:
        state = runner.run(
            state=state,
            task_states=states,
            return_tasks=list(runner.flow.tasks),
            parameters=dict(asked.values),
            executor=asked.executor,
            context=asked.context,
            task_contexts=asked.task_contexts,
        )
        states = dict(state.result) if isinstance(state.result, Mapping) else {}
        times = [each.start_time for each in _leaves(states.values()) if isinstance(each, Scheduled)]
        known = [at for at in times if at is not None]
        if state.is_finished() or not known:
            return state
        time.sleep(min(map(seconds_until, known)))


def _warn_of_steps(cls: type, steps: Collection[str]) -> None:
    """Say which methods of a runner of the caller's own nobody calls."""
    lost = ", ".join(f"`{name}`" for name in vars(cls) if name in steps)
    if lost:
        warn(
            f"the runner `{cls.__name__}` overrides {lost}, which flowkit's engine does not call; "
            "state handlers see, and change, every state"
        )


# Methods of classic's runners, of which flowkit's engine has none.
_STEPS_OF_FLOWS = frozenset(
    {
        "check_flow_is_pending_or_running",
        "check_flow_reached_start_time",
        "check_for_cancellation",
        "determine_final_state",
        "get_flow_run_state",
        "handle_state_change",
        "set_flow_to_running",
    }
)
_STEPS_OF_TASKS = frozenset(
    {
        "cache_result",
        "check_for_retry",
        "check_target",
        "check_task_is_cached",
        "check_task_is_looping",
        "check_task_is_ready",
        "check_task_reached_start_time",
        "check_task_ready_to_map",
        "check_task_trigger",
        "check_upstream_finished",
        "check_upstream_skipped",
        "get_task_inputs",
        "get_task_run_state",
        "handle_state_change",
        "initialize_run",
        "load_results",
        "set_task_run_name",
        "set_task_to_running",
    }
)


def _leaves(states: Iterable[State]) -> Iterator[State]:
    """States, those of children instead of that of their mapped task."""
    for state in states:
        yield from state.map_states if isinstance(state, Mapped) else [state]


def _inner(state: State | None) -> State:
    """The state that a meta state says something about; a task that has none is pending."""
    while state is not None and state.is_meta_state():
        state = state.state  # type: ignore[attr-defined]
    return state or Pending()


def _may_start(state: State) -> bool:
    if isinstance(state, Scheduled):
        return not (isinstance(state, Paused) and state.start_time is None) and (
            state.start_time is None or seconds_until(state.start_time) <= 0
        )
    return state.is_pending() or state.is_mapped() or state.is_cached()


def _lacks(parameter: Parameter, given: Mapping[str, Any]) -> bool:
    return parameter.required and parameter.name not in given


def _not_given(parameter: Parameter) -> State:
    """How a required parameter ends that was not given: classic, 4.12."""
    return FAIL(f'Parameter "{parameter.name}" was required but not provided.').state


def _told(runner: Any, handler: Handler) -> Handler:
    """A handler that is told of its runner, not of what that runs."""
    return lambda _, old, new: handler(runner, old, new)


def _told_by(kind: type[TaskRunner], handler: Handler) -> Handler:
    """A handler that is told of a runner of the task."""
    return lambda task, old, new: handler(kind(task), old, new)
