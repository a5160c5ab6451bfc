"""Going on with a run: what stands of it is taken over, the rest runs, in the same run.

Guarantees: one owner; what changed in the flow since is found out by comparing, said, and exactly what it
touches runs again; a run that cannot be gone on with is left as it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flowkit.engine.earlier import Earlier
from flowkit.errors import FlowkitError, HistoryError, UsageError
from flowkit.plan.facts import detail_of
from flowkit.plan.matching import Matching, match
from flowkit.plan.outline import Outline, continued, ids_of, outline_order, packed
from flowkit.plan.plan import Plan
from flowkit.plan.resumption import Attempt, Child, Resumption, resumption
from flowkit.plan.status import CACHED, MAPPED, SUCCESS
from flowkit.runs.borrow import Borrowed
from flowkit.runs.memory import Asked, Drawn, Kept, Memory, digests, forced_nodes
from flowkit.store import database, opening, owners
from flowkit.store.batch import Mark
from flowkit.store.opening import Session
from flowkit.store.past import Past
from flowkit.store.records import RunRecord
from flowkit.store.results import UnreadableError

_GLANCE = 0.2  # seconds for which a command that looks whether a run lives may hold its lock
MOST_LOST = 3  # times that a run may die while a task runs, until that task is not run again unasked


@dataclass(frozen=True)
class Continuation:
    """How a run goes on.

    Attributes:
        matching: which task is which, and what changed.
        standing: what is not run again.
        outline: of the flow as it is now, with the numbers that its tasks have in the rows of the run.
    """

    run: RunRecord
    plan: Plan
    drawn: Drawn
    outline: Outline
    matching: Matching
    standing: Resumption
    earlier: Earlier

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to run."""
        plan, ends = self.plan, self.standing.ends
        given = {*plan.known, *plan.parameters.values(), *(row[0] for row in self.earlier.rows)}
        left = set(range(plan.size)) - given - {node for node, child in ends if child < 0}
        return not left - set(self.standing.widths)


def claim(memory: Memory, run: RunRecord) -> None:
    """Take a run for this process.

    Raises:
        UsageError: it goes on elsewhere.
    """
    if not owners.claim(memory.folder, run.number, patience=_GLANCE):
        raise UsageError(
            f"the run {run.number} ({run.name}) still goes on{_where(memory, run)}",
            hints=(
                f"`flowkit cancel {run.number}` stops it",
                f"`flowkit logs {run.number} --follow` watches it",
            ),
        )


def continuation(
    memory: Memory,
    run: RunRecord,
    outline: Outline,
    plan: Plan,
    values: Mapping[str, Any],
    forced: Collection[str],
    lent: Borrowed,
) -> Continuation:
    """Find out how a run goes on; changes nothing.

    Args:
        outline: of the run, as it was.
        plan, values: of the flow as it is now, and of its parameters.
        forced: keys of tasks that run again though they are done; `*`: all.
        lent: what it takes from other runs.

    Raises:
        FlowkitError: a task was running each time when the process of the run died.
    """
    drawn = memory.drawn(plan)
    matching = match(outline, run.asked["digests"], drawn.outline, digests(plan, values))
    past = memory.past(run.number, run.uid)
    attempts, details, numbers = _attempts(past, outline, matching)
    standing = resumption(
        drawn.outline,
        outline_order(drawn.outline),
        {node: group.pairs for node, group in plan.groups.items()},
        attempts,
        _readable(past, attempts, numbers),
        same=set(matching.same) - _forced_with_followers(plan, forced),
        given={*plan.known, *plan.parameters.values(), *lent.sources},
        now=time.time(),
    )
    _refuse_deadly(plan, standing, forced, run)
    whole = continued(outline, drawn.outline, matching.like)
    earlier = _earlier(plan, standing, details, past, outline, matching)
    earlier = replace(earlier, rows=[*lent.ends.rows, *earlier.rows])
    return Continuation(run, plan, drawn, whole, matching, standing, earlier)


def go_on(
    memory: Memory, found: Continuation, values: Mapping[str, Any], session: Session, asked: Asked
) -> Kept:
    """Enter another session of a run that was claimed.

    Raises:
        HistoryError: it could not be written; the run is let go.
    """
    run, plan = found.run, found.plan
    try:
        with database.explained(memory.path):
            begun = opening.go_on(
                memory.connection,
                memory.folder,
                run.number,
                session,
                asked=memory.told(plan, values, asked),
                outline=packed(found.outline),
                codes=found.drawn.parts,
                parameters=memory.shown(plan, values),
                values=memory.parameter_batch(run.uid, plan, values),
            )
    except BaseException:
        owners.release(memory.folder, run.number)
        raise
    drawn = replace(found.drawn, outline=found.outline)
    return memory.kept(found.plan, drawn, begun, asked)


def parameters_of(memory: Memory, run: RunRecord) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that a run was given, and why others cannot be had."""
    values, missing = {}, {}
    for name, stored in memory.past(run.number, run.uid).parameters().items():
        try:
            values[name] = memory.results.loaded(stored)
        except UnreadableError as error:
            missing[name] = str(error)
    return values, missing


def _attempts(
    past: Past, outline: Outline, matching: Matching
) -> tuple[dict[Child, list[Attempt]], dict[Child, str | None], dict[Child, Mark]]:
    """The attempts of a run by the nodes of the flow as it is now; details and marks of the last ones."""
    ids = ids_of(outline)
    nodes = {ids[old]: new for new, old in matching.like.items()}
    attempts: dict[Child, list[Attempt]] = {}
    details: dict[Child, str | None] = {}
    marks: dict[Child, Mark] = {}
    for row in past.attempts():
        node = nodes.get(row.node)
        if node is None:
            continue
        child = (node, row.child)
        attempts.setdefault(child, []).append(_attempt(row.attempt, row.status, row.ended, row.detail))
        if row.attempt > 0:
            details[child] = row.detail
            marks[child] = (row.node, row.child, row.attempt)
    return attempts, details, marks


def _attempt(number: int, status: int, ended: float, detail: str | None) -> Attempt:
    if detail is None:
        return Attempt(number, status, ended)
    known = json.loads(detail)
    return Attempt(number, status, ended, known.get("retry_in"), bool(known.get("lost")))


def _readable(past: Past, attempts: Mapping[Child, list[Attempt]], marks: Mapping[Child, Mark]) -> set[Child]:
    """The tasks whose last attempt succeeded, with a result that can be had."""
    readable = past.readable()
    return {
        child
        for child, mark in marks.items()
        if mark in readable and attempts[child][-1].status in (SUCCESS, CACHED)
    }


def _forced_with_followers(plan: Plan, forced: Iterable[str]) -> set[int]:
    """The forced nodes, as if they had changed; what follows from them is found by comparing."""
    named = list(forced)
    nodes = forced_nodes(plan, named) if named else set()
    if named and not nodes:
        raise UsageError(f"the flow `{plan.name}` has no task `{named[0]}`")
    return nodes


def _refuse_deadly(plan: Plan, standing: Resumption, forced: Collection[str], run: RunRecord) -> None:
    allowed = forced_nodes(plan, forced) if forced else set()
    for (node, child), times in standing.lost.items():
        if times >= MOST_LOST and node not in allowed:
            key = plan.key(node, child)
            raise FlowkitError(
                f"`{key}` was running each of the last {times} times that the process of the run "
                f"{run.number} died, so it is not run again",
                hints=(f"`flowkit resume {run.number} --force {plan.keys[node]}` runs it all the same",),
            )


def _earlier(
    plan: Plan,
    standing: Resumption,
    details: Mapping[Child, str | None],
    past: Past,
    outline: Outline,
    matching: Matching,
) -> Earlier:
    """What stands, as the engine takes it: children before their mapped task."""
    ids = ids_of(outline)
    rows = []
    for (node, child), status in sorted(standing.ends.items(), key=lambda end: end[0][1] < 0):
        needs = plan.needs.get(node)
        detail = None
        if needs is not None and status in (SUCCESS, CACHED):
            value = _value(past, ids[matching.like[node]], child, plan.key(node, child))
            detail = detail_of(needs, value, child=child >= 0)
        rows.append((node, child, 1, status, 0.0, 0.0, None, detail))
    for node, width in standing.widths.items():
        rows.append((node, -1, width, MAPPED, 0.0, 0.0, None, None))
    return Earlier(rows=rows, attempts=standing.attempts, waits=standing.waits)


def _value(past: Past, number: int, child: int, key: str) -> Any:
    try:
        return past.value(number, child)
    except UnreadableError as error:
        raise HistoryError(f"the result of `{key}` cannot be read: {error}") from error


def _where(memory: Memory, run: RunRecord) -> str:
    """In which process, where that is known."""
    row = memory.connection.execute(
        "SELECT pid, host FROM sessions WHERE run=? ORDER BY session DESC LIMIT 1", (run.number,)
    ).fetchone()
    return f" in process {row[0]} on {row[1]}" if row is not None else ""
