"""`--dry-run`: what would run, what would be found, and why, from the very plan that a run would use."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from flowkit.cli import moments
from flowkit.cli.styled import joined
from flowkit.cli.table import columns
from flowkit.cli.wording import counted
from flowkit.flow.flow import Flow
from flowkit.flow.keys import keys_of
from flowkit.flow.parameter import Parameter
from flowkit.plan.plan import Plan
from flowkit.runs.borrow import Chosen
from flowkit.runs.memory import Asked, Memory
from flowkit.runs.outdated import outdated
from flowkit.runs.rehearsal import Action, Step, rehearsed

Row = tuple[str, str, str]


def shown(
    flow: Flow,
    plan: Plan,
    chosen: Chosen,
    values: Mapping[str, Any],
    memory: Memory | None,
    asked: Asked,
    *,
    as_json: bool,
) -> str:
    """The plan of a run as lines, or as JSON.

    Args:
        flow: with all its tasks.
        plan: of those that are chosen.

    Raises:
        UsageError: a result that is to be taken from an earlier run is not there.
    """
    steps = rehearsed(plan, chosen, values, memory, asked)
    taken = {plan.keys[step.node]: step.run for step in steps if step.run is not None}
    changed = outdated(memory, flow, values, taken) if memory is not None else {}
    rows = [_row(plan, step, ", ".join(changed.get(plan.keys[step.node], ()))) for step in steps]
    rows += _left_out(flow, chosen)
    if as_json:
        document = [{"action": action, "task": key, "reason": reason} for action, key, reason in rows]
        return json.dumps({"schema": 1, "flow": flow.name, "plan": document}, indent=2)
    return columns(rows)


def _left_out(flow: Flow, chosen: Chosen) -> list[Row]:
    """The tasks that the plan does not have."""
    if chosen.only is None:
        return []
    keys = keys_of(flow)
    left = [task for task in flow.tasks if task not in chosen.only]
    return [
        (Action.SKIP.value, keys[task], "not selected")
        for task in left
        if not (task.is_carrier or isinstance(task, Parameter))
    ]


def _row(plan: Plan, step: Step, changed: str) -> Row:
    return step.action.value, plan.keys[step.node], joined([_said(step), changed, *step.notes], "; ")


def _said(step: Step) -> str:
    if step.action is Action.TAKEN:
        return f"not selected; its result is taken from run {step.run}"
    if step.children is not None:
        return _of_children(step, *step.children)
    if step.entry is not None:
        return f"made in run {step.entry.run}, {moments.ago(time.time() - step.entry.made)}"
    return step.reason.short if step.reason is not None else ""


def _of_children(step: Step, width: int, found: int) -> str:
    if not width:
        return "nothing to map over"
    cached = f"{found:,} of {width:,} children are in the cache" if found else ""
    if step.action is Action.CACHED:
        made = f"the first made in run {step.entry.run}" if step.entry is not None else ""
        return joined([f"all {_children(width)} are in the cache" if found == width else cached, made], ", ")
    if len(step.reasons) == 1 and not found:
        return joined([_children(width), step.reason.short if step.reason is not None else ""], "; ")
    reasons = [f"{_children(number)}: {words}" for words, number in step.reasons.items()]
    more = f"and {counted(len(reasons) - 3, 'other reason')}" if len(reasons) > 3 else ""
    return joined([cached, *reasons[:3], more], "; ")


def _children(number: int) -> str:
    return f"{number:,} {'child' if number == 1 else 'children'}"
