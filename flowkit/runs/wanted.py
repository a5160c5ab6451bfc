"""What a call of `flow.run()` asks for: parameters, and how to run."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from flowkit.engine.context import given
from flowkit.engine.debugging import LETS_OUT
from flowkit.engine.executors.base import Executor
from flowkit.engine.handling import Handler
from flowkit.engine.manner import Manner
from flowkit.engine.secret import cover_given
from flowkit.engine.signals import seconds_until
from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.task import Task
from flowkit.flow.values import checked
from flowkit.plan.state import Pending, Scheduled, State


class WrongCallError(UsageError, TypeError):
    """An argument that is neither a parameter of the flow nor an option; classic, 4.1."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How a run is asked for; see `run_flow` for what the options mean.

    Attributes:
        values: of the parameters, checked.
        task_handlers, flow_handlers: of a runner.
        one_pass: as `Manner` has it.
        idempotency_key: as `Asked` has it.
        is_child: it goes on beside who starts it: it has nothing of their context, nobody is asked about what
            is paused, and nothing can be let out.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    executor: Executor | str | None = None
    task_states: Mapping[Task, State] = field(default_factory=dict)
    history: bool | None = None
    context: Mapping[str, Any] | None = None
    task_contexts: Mapping[Task, Mapping[str, Any]] | None = None
    state: State | None = None
    flow_run_id: str | None = None
    flow_run_name: str | None = None
    task_handlers: Sequence[Handler] = ()
    flow_handlers: Sequence[Handler] = ()
    one_pass: bool = False
    idempotency_key: str | None = None
    is_child: bool = False

    def __post_init__(self) -> None:
        for each in (self.context, *(self.task_contexts or {}).values()):
            cover_given(each)

    def manner(self, ask: Any = None, lets_out: tuple[type[BaseException], ...] = ()) -> Manner:
        """The part of it that the engine knows.

        Args:
            ask, lets_out: as `Manner` has them.
        """
        return Manner(
            context={**({} if self.is_child else given()), **(self.context or {})},
            before=self.state or (Pending() if self.one_pass else Scheduled()),
            task_contexts=self.task_contexts or {},
            run_id=self.flow_run_id,
            run_name=self.flow_run_name,
            task_handlers=self.task_handlers,
            flow_handlers=self.flow_handlers,
            ask=ask,
            one_pass=self.one_pass,
            lets_out=(*lets_out, *LETS_OUT.get()),
        )

    def wait(self) -> None:
        """Until the time that the state says that the run was scheduled for."""
        if isinstance(self.state, Scheduled) and self.state.start_time is not None:
            time.sleep(seconds_until(self.state.start_time))


OPTIONS = frozenset(each.name for each in dataclasses.fields(Wanted)) - {
    "values",
    "task_handlers",
    "flow_handlers",
    "one_pass",
    "idempotency_key",
    "is_child",
}


def _of_context(known: Set[str], context: Mapping[str, Any] | None) -> dict[str, Any]:
    """The values of parameters that the context has (Prefect classic, 5.4); not those of a run around."""
    found = {**given(), **(context or {})}.get("parameters")
    return {name: found[name] for name in known & found.keys()} if isinstance(found, Mapping) else {}


def defaults_of(flow: Flow, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a clock gives to parameters of a flow; names of others mean nothing, as in classic.

    Raises:
        UsageError: one is not of the type of its parameter.
    """
    known = {parameter.name for parameter in flow.parameters()} & defaults.keys()
    values = checked(flow, {name: defaults[name] for name in known}, needed=())
    return {name: values[name] for name in known}


def wanted(flow: Flow, parameters: Mapping[str, Any] | None, options: Mapping[str, Any]) -> Wanted:
    """What is asked for; an argument that is called as a parameter of the flow is one.

    Raises:
        UsageError: unknown, missing or ill-typed parameters, all at once; it is a `TypeError` too where an
            argument is no option either.
    """
    known = {parameter.name for parameter in flow.parameters()}
    chosen = {name: value for name, value in options.items() if name in OPTIONS - known and value is not None}
    named = {name: value for name, value in options.items() if name not in OPTIONS - known}
    if "return_tasks" in named.keys() - known:
        raise UsageError("`flow.run()` gives the states of all tasks; `return_tasks` is for a `FlowRunner`")
    try:
        values = checked(flow, {**_of_context(known, chosen.get("context")), **(parameters or {}), **named})
    except UsageError as error:
        if named.keys() <= known:
            raise
        raise WrongCallError(error.message, hints=error.hints) from None
    return Wanted(values=values, **chosen)
