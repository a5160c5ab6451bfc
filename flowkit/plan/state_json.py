"""States as JSON and back, without values: those are never written there. Source: Prefect classic, 11.9."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flowkit.errors import UsageError
from flowkit.plan import state as states
from flowkit.plan.state import State

_TIMES = ("start_time", "cached_result_expiration")
_PLAIN = ("run_count", "loop_count", "cached_parameters", "hashed_inputs", "n_map_states")


def serialized(state: State) -> dict[str, Any]:
    """A state as JSON can have it; of a class of the user's, the nearest one that is known."""
    known = next(kind for kind in type(state).__mro__ if vars(states).get(kind.__name__) is kind)
    found: dict[str, Any] = {
        "type": known.__name__,
        "message": state.message,
        "context": state.context,
        "cached_inputs": dict.fromkeys(state.cached_inputs),
    }
    for name in (*_TIMES, *_PLAIN):
        if hasattr(state, name):
            value = getattr(state, name)
            found[name] = value.isoformat() if isinstance(value, datetime) else value
    if isinstance(state, states._MetaState):
        found["state"] = None if state.state is None else serialized(state.state)
    return found


def deserialized(document: dict[str, Any]) -> State:
    """The state that this was made of; its result is none.

    Raises:
        UsageError: there is no such state.
    """
    kind = vars(states).get(str(document.get("type")))
    if not (isinstance(kind, type) and issubclass(kind, State)):
        raise UsageError(f"there is no state `{document.get('type')}`")
    options: dict[str, Any] = {
        name: document[name] for name in ("message", "context", "cached_inputs", *_PLAIN) if name in document
    }
    for name in _TIMES:
        if name in document:
            at = document[name]
            options[name] = datetime.fromisoformat(at) if at else None
    if document.get("state") is not None:
        options["state"] = deserialized(document["state"])
    return kind(**options)
