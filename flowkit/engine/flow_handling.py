"""Calling the state handlers of a flow: where a run of it starts, and where it ends.

The thread that drives the run does it. Source of the rules: Prefect classic, 17.2 and 3.18.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowkit.engine.handling import Handler, moved
from flowkit.engine.outcome import RUNNING_FLOW, Outcome, not_run
from flowkit.plan.state import Failed, Running, State

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow


class FlowHandling:
    """The handlers of one flow, in one run.

    Args:
        others: those of who runs it, after its own.
    """

    def __init__(self, flow: Flow, others: Sequence[Handler] = ()) -> None:
        self._flow = flow
        self._handlers = (*flow.state_handlers, *others)
        self._state: State = Running(RUNNING_FLOW)

    def begin(self, before: State) -> State | None:
        """Tell that the run starts; returns the state that it has instead, where a handler says so."""
        result = moved(self._flow, self._handlers, before, self._state)
        self._state = result.state
        if result.cause is None and result.state.is_running():
            return None
        if result.state._result is None or not result.state.is_failed():
            result.state.result = not_run(dict.fromkeys(self._flow.tasks))
        return result.state

    def end(self, outcome: Outcome) -> State | None:
        """Tell that the run has ended; returns the state that it ends in."""
        state = outcome.state
        if not state.is_finished():
            return None
        tasks = state.result
        state = self._judged(state, outcome)
        state = moved(self._flow, self._handlers, self._state, state).state
        if state.result is None:
            state.result = tasks
        return state

    def _judged(self, state: State, outcome: Outcome) -> State:
        """What the flow's own last word makes of it."""
        judge = self._flow.terminal_state_handler
        if judge is None:
            return state
        try:
            return judge(self._flow, state, outcome.reference_states) or state
        except Exception as error:
            return Failed(f"Unexpected error: {error!r}", error)
