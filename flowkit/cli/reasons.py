"""Why something was not run, in a few words: whom it needs, rather than what a trigger is called."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowkit.cli import moments
from flowkit.cli.wording import duration, listed, one_line
from flowkit.plan.events import Detail, Row
from flowkit.plan.plan import Plan
from flowkit.plan.status import CACHED, CANCELLED, FAILED, SKIPPED, TRIGGER_FAILED
from flowkit.plan.verdicts import (
    GATE_BROKEN,
    GATE_SHUT,
    GATE_SKIPPED,
    NOTHING_TO_MAP,
    TRIGGER_SAID_NO,
    UPSTREAM_SKIPPED,
)
from flowkit.store.records import table

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

_NEEDS = (
    GATE_BROKEN,
    NOTHING_TO_MAP,
    TRIGGER_SAID_NO.format("all_successful"),
    TRIGGER_SAID_NO.format("not_all_skipped"),  # of a merge
)
_FOLLOWS = (UPSTREAM_SKIPPED, GATE_SKIPPED)
_MOST_ASKED = 1000


def upstreams(plan: Plan, node: int) -> list[int]:
    """What a task waits for, and the conditions that it depends on."""
    return [*plan.upstreams[node], *(gate.condition for gate in plan.gates.get(node, ()))]


def reason_of(engine: Engine, row: Row) -> str:
    """`needs clean`, `after notify`, or what the state's message says."""
    node, index, _, status, _, _, _, detail = row
    reason = detail.message if isinstance(detail, Detail) else detail or ""
    if status == CACHED and isinstance(detail, Detail) and detail.origin:
        return made_in(table(detail.origin))
    if status in (TRIGGER_FAILED, FAILED) and reason in _NEEDS:
        culprits = _culprits(engine, node, index, bad=True)
        return f"needs {listed(culprits)}" if culprits else one_line(reason)
    if status == SKIPPED and reason in _FOLLOWS:
        culprits = _culprits(engine, node, index, bad=False)
        return f"after {listed(culprits)}" if culprits else one_line(reason)
    if reason == GATE_SHUT:
        return "its case was not chosen"
    return one_line(reason)


def pause_text(engine: Engine, row: Row) -> str:
    """Why it is paused, and for how long where that is known."""
    detail = row[7]
    left = detail.retry_in if isinstance(detail, Detail) else None
    reason = reason_of(engine, row)
    if left is None:
        return reason
    return f"{reason + ', ' if reason else ''}goes on in {duration(left)}"


def made_in(origin: Mapping[str, Any]) -> str:
    """Where and when a value that was found was made: `from run 41, 2 hours ago`."""
    run, made = origin.get("run"), origin.get("made")
    when = f", {moments.ago(time.time() - made)}" if isinstance(made, int | float) else ""
    return f"from run {run}{when}" if run else ""


def _culprits(engine: Engine, node: int, index: int, *, bad: bool) -> list[str]:
    """The upstreams that ended so; through those that only carry values, to the ones that people know."""
    plan = engine.plan
    found: dict[str, None] = {}
    todo, seen = upstreams(plan, node)[::-1], {node}
    while todo and len(seen) < _MOST_ASKED:
        source = todo.pop()
        if source in seen:
            continue
        seen.add(source)
        key = _culprit(engine, source, index if _paired(plan, node, source) else -1, bad=bad)
        if key is None:
            continue
        behind = upstreams(plan, source) if plan.hidden(source) else []
        if behind:
            todo += behind[::-1]
        else:
            found[key] = None
    return list(found)


def _paired(plan: Plan, node: int, source: int) -> bool:
    return node in plan.groups and source in plan.groups[node].pairs


def _culprit(engine: Engine, source: int, index: int, *, bad: bool) -> str | None:
    """The key to name, where this upstream ended so."""
    group = engine.machine.groups.get(source)
    if group is None:
        return engine.plan.keys[source] if _is(engine.machine.status[source], bad) else None
    if index >= 0:
        return engine.plan.key(source, index) if _is(group.states[index], bad) else None
    return engine.plan.keys[source] if any(_is(state, bad) for state in set(group.states)) else None


def _is(status: int, bad: bool) -> bool:
    return SKIPPED < status <= CANCELLED if bad else status == SKIPPED
