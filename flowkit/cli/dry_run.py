"""`--dry-run`: what would run, in which order, from the very plan that a run would use."""

from __future__ import annotations

import json
from collections.abc import Collection

from flowkit.cli.table import columns
from flowkit.engine.executors.base import Executor
from flowkit.flow.flow import Flow
from flowkit.flow.task import Task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.plan import Plan


def shown(
    flow: Flow, keys: dict[Task, str], only: Collection[Task] | None, executor: Executor, *, as_json: bool
) -> str:
    """The plan of a run as lines, or as JSON.

    Raises:
        DefinitionError: the flow cannot be compiled.
    """
    plan = compile_flow(flow, lane=executor.name, only=only)
    rows = [_row(plan, node) for node in _order(plan) if not plan.hidden(node)]
    left = [task for task in flow.tasks if only is not None and task not in only and not task.auto_generated]
    rows += [("skip", keys[task], "not selected") for task in left]
    if as_json:
        document = [{"action": action, "task": key, "reason": reason} for action, key, reason in rows]
        return json.dumps({"schema": 1, "flow": flow.name, "plan": document}, indent=2)
    return columns(rows)


def _order(plan: Plan) -> list[int]:
    """The nodes in the order in which one worker would run them."""
    waits = list(plan.waits)
    followers = [list(after) for after in plan.successors]
    for source, paired in plan.paired.items():
        followers[source] += paired
    ready = [node for node, count in enumerate(waits) if not count]
    for node in ready:  # grows as it is walked
        for follower in followers[node]:
            waits[follower] -= 1
            if not waits[follower]:
                ready.append(follower)
    return ready


def _row(plan: Plan, node: int) -> tuple[str, str, str]:
    reasons = []
    gates = plan.gates.get(node, ())
    for gate in gates:
        expected = plan.needs[gate.condition].expected[gate.slot]
        reasons.append(f"if {plan.keys[gate.condition]} gives {expected!r}")
    if node in plan.groups:
        over = ", ".join(dict.fromkeys(plan.keys[source] for source in plan.groups[node].sources))
        reasons.append(f"once for each element of {over}")
    if node in plan.triggers:
        reasons.append(f"trigger {plan.triggers[node]}")
    return ("maybe" if gates else "run", plan.keys[node], "; ".join(reasons) or "no kept result")
