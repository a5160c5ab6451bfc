"""How a run is carried out for who asks from Python: what they add to it, and what they want to hear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowkit.plan.state import Scheduled, State

if TYPE_CHECKING:
    from flowkit.engine.handling import Handler
    from flowkit.flow.task import Task


@dataclass(frozen=True, kw_only=True)
class Manner:
    """What only some who run a flow ask for.

    Attributes:
        context: more that `flowkit.context` has in all tasks.
        task_contexts: more that it has in some.
        before: how the run stood, as the handlers of the flow see it.
        run_id, run_name: what it says that the run is called.
        task_handlers, flow_handlers: state handlers for all tasks, and for the flow, after their own.
        ask: whether a paused task, by its key, may go on; asked where nothing else can happen any more.
        one_pass: what would be tried again, or go on after a time, is left waiting.
        lets_out: exceptions of tasks that end the run and come out of it.
    """

    context: Mapping[str, Any] = field(default_factory=dict)
    task_contexts: Mapping[Task, Mapping[str, Any]] = field(default_factory=dict)
    before: State = field(default_factory=Scheduled)
    run_id: str | None = None
    run_name: str | None = None
    task_handlers: Sequence[Handler] = ()
    flow_handlers: Sequence[Handler] = ()
    ask: Callable[[str], bool] | None = None
    one_pass: bool = False
    lets_out: tuple[type[BaseException], ...] = ()


USUAL = Manner()
