"""Why tasks of a run that had ended run again when it goes on: a sentence each, for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flowkit.fingerprint import changes
from flowkit.plan.matching import Matching
from flowkit.plan.outline import Outline
from flowkit.plan.plan import Plan
from flowkit.plan.resumption import Resumption
from flowkit.runs.memory import Drawn, Memory
from flowkit.why.archive import parts_of

_MOST = 1000  # tasks of which it is remembered
_FEW = 3  # changes of one task that are said


def reasons(
    memory: Memory,
    plan: Plan,
    old: Outline,
    drawn: Drawn,
    matching: Matching,
    standing: Resumption,
    forced: Collection[int],
    unkept: Collection[int],
) -> dict[str, str]:
    """Why each task that was there before, and does not stand, runs, by key.

    Args:
        old: the outline of the run, as it was.
        forced: nodes that were asked for.
        unkept: nodes whose results were not kept.
    """
    standing_nodes = {node for node, child in standing.ends if child < 0} | set(standing.widths)
    given = {*plan.known, *plan.parameters.values()}
    again = [node for node in range(plan.size) if node not in standing_nodes and node not in given]
    found: dict[str, str] = {}
    for node in [node for node in again if node in matching.like and not plan.hidden(node)][:_MOST]:
        before = matching.like[node]
        reason = (
            ("it was forced" if node in forced else "")
            or _code(memory, old, drawn, before, node)
            or _parameters(plan, matching, node)
            or _constants(old, drawn.outline, before, node)
            or ("its result was not kept" if node in unkept else "")
            or ("its result could not be read" if node in standing.unreadable else "")
            or _upstream(plan, set(again), node)
        )
        if reason:
            found[plan.keys[node]] = reason
    return found


def remembered(
    before: Mapping[str, str], now: Mapping[str, str], renamed: Mapping[str, str], runs: Collection[str]
) -> dict[str, str]:
    """The reasons of the sessions before, of tasks that stand now, with those of this one.

    Args:
        renamed: what tasks are called now, by what they were called.
        runs: the keys of those that run now.
    """
    kept = {renamed.get(key, key): reason for key, reason in before.items()}
    return {key: reason for key, reason in kept.items() if key not in runs} | dict(now)


def _code(memory: Memory, old: Outline, drawn: Drawn, before: int, node: int) -> str:
    number = drawn.outline["code"][node]
    digest = bytes.fromhex(old["codes"][old["code"][before]])
    if digest.hex() == drawn.outline["codes"][number]:
        return ""
    row = memory.connection.execute("SELECT parts FROM codes WHERE digest=?", (digest,)).fetchone()
    if row is None:
        return "its code changed"
    told = [str(change) for change in changes(parts_of(row[0]), parts_of(drawn.parts[number][1]))]
    more = f" and {len(told) - _FEW} more" if len(told) > _FEW else ""
    return f"its code changed: {', '.join(told[:_FEW])}{more}" if told else "its code changed"


def _parameters(plan: Plan, matching: Matching, node: int) -> str:
    names = {number: name for name, number in plan.parameters.items()}
    changed = [names[source] for source in _sources(plan, node) if names.get(source) in matching.parameters]
    return f"parameter {', '.join(f'`{name}`' for name in changed)} changed" if changed else ""


def _constants(old: Outline, new: Outline, before: int, node: int) -> str:
    """Whether what the flow itself gives it is another value."""
    return "its arguments in the flow changed" if written(old, before) != written(new, node) else ""


def written(outline: Outline, node: int) -> list[Any]:
    """The arguments of a task that are values in the flow itself."""
    size = len(outline["code"])
    return [outline["constants"][ref - size] for ref in outline["refs"][node] if ref >= size]


def _upstream(plan: Plan, again: Collection[int], node: int) -> str:
    """The first upstream that runs again, through those that only carry values."""
    for source in _sources(plan, node):
        if source in again and not plan.hidden(source):
            return f"upstream `{plan.keys[source]}` ran again"
    return "what is upstream of it changed"


def _sources(plan: Plan, node: int) -> list[int]:
    """What a node takes from, and is gated by; behind carriers, what they carry."""
    found: dict[int, None] = {}
    todo = [*plan.upstreams[node], *(gate.condition for gate in plan.gates.get(node, ()))][::-1]
    seen: set[int] = set()
    while todo and len(seen) < _MOST:
        source = todo.pop()
        if source in seen:
            continue
        seen.add(source)
        found[source] = None
        if plan.tasks[source].is_carrier:
            todo += plan.upstreams[source][::-1]
    return list(found)


def said(reasons: Mapping[str, str], keys: Sequence[str], most: int = 5) -> list[str]:
    """Lines for people: those of these tasks."""
    told = [f"{key} runs again: {reasons[key]}" for key in keys if key in reasons]
    return [*told[:most], *([f"… and {len(told) - most} more"] if len(told) > most else [])]
