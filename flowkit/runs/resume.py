"""Going on with a run: what stands of it is taken over, the rest runs, in the same run.

Guarantees: one owner; what changed in the flow since is found out by comparing, said, and exactly what it
touches runs again; a run that cannot be gone on with is left as it is.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flowkit.engine.earlier import Earlier
from flowkit.engine.rounds import Round
from flowkit.errors import FlowkitError, UsageError
from flowkit.plan.events import Detail, Row
from flowkit.plan.facts import detail_of, skipped_itself
from flowkit.plan.matching import Matching, match
from flowkit.plan.outline import Outline, continued, ids_of, outline_order, written
from flowkit.plan.plan import Plan
from flowkit.plan.resumption import Attempt, Child, Resumption, resumption
from flowkit.plan.status import CACHED, LOOPED, MAPPED, SKIPPED, SUCCESS
from flowkit.runs.again import reasons, remembered
from flowkit.runs.borrow import Borrowed
from flowkit.runs.memory import Asked, Drawn, Kept, Memory, forced_nodes
from flowkit.store import database, opening, owners
from flowkit.store.batch import Mark, Stored
from flowkit.store.history import History
from flowkit.store.opening import Session
from flowkit.store.past import Past
from flowkit.store.records import RunRecord, table
from flowkit.store.results import UnreadableError

_LOST = Stored("x", "what was kept of it is damaged, or signed with another key")
_GLANCE = 0.2  # seconds for which a command that looks whether a run lives may hold its lock
_OFTEN = 2  # deaths in a row from which on it must be known what ran
MOST_LOST = 3  # times that a run may die while a task runs, until that task is not run again unasked


@dataclass(frozen=True)
class Continuation:
    """How a run goes on.

    Attributes:
        matching: which task is which, and what changed.
        standing: what is not run again.
        again: why tasks that had ended run again, by key.
        careful: the process of the run has died so often that the next death must tell what ran.
        outline: of the flow as it is now, with the numbers that its tasks have in the rows of the run.
    """

    run: RunRecord
    plan: Plan
    drawn: Drawn
    outline: Outline
    matching: Matching
    standing: Resumption
    earlier: Earlier
    careful: bool
    again: Mapping[str, str]

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to run."""
        return not self.standing.runs


def claim(memory: Memory, run: RunRecord) -> None:
    """Take a run for this process.

    Raises:
        UsageError: it goes on elsewhere.
        HistoryError: the folder cannot be written.
    """
    with database.explained(memory.folder / database.FILE):
        is_ours = owners.claim(memory.folder, run.number, patience=_GLANCE)
    if not is_ours:
        raise UsageError(
            f"run {run.number} ({run.name}) is still going on{_where(memory, run)}",
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
    matching = match(outline, run.asked.get("digests", {}), drawn.outline, memory.digests(plan, values))
    past = memory.past(run.number, run.uid)
    attempts, marks, iterations = _attempts(past, outline, matching)
    readable = _Readable(past, attempts, marks)
    order = outline_order(drawn.outline)
    # A value that is written in the flow always stands: what takes another one is itself not the same.
    same = (matching.same.keys() | plan.known.keys()) - _forced_with_followers(plan, forced)
    details: dict[Child, Detail] | None = None
    while details is None:
        standing = resumption(
            drawn.outline,
            order,
            {node: group.pairs for node, group in plan.groups.items()},
            attempts,
            readable,
            same=same,
            given={*plan.known, *plan.parameters.values(), *lent.sources},
            now=time.time(),
        )
        details = _details(plan, standing, past, readable)
    _refuse_deadly(plan, standing, forced, run)
    whole = continued(outline, drawn.outline, matching.like)
    earlier = _earlier(standing, details, _rounds(standing, past, memory, iterations))
    earlier = replace(earlier, rows=[*lent.ends.rows, *earlier.rows])
    careful = _died(memory, run) >= _OFTEN
    unkept = _unkept(run, plan, standing, past, marks)
    chosen = _forced_with_followers(plan, forced)
    why = reasons(memory, plan, outline, drawn, matching, standing, chosen, unkept)
    return Continuation(run, plan, drawn, whole, matching, standing, earlier, careful, why)


def _unkept(
    run: RunRecord, plan: Plan, standing: Resumption, past: Past, marks: Mapping[Child, Mark]
) -> set[int]:
    """Those that run again as their results were never kept, rather than damaged or gone since."""
    if run.asked.get("persists") is False:
        return standing.unreadable
    found = standing.unreadable & plan.unkept
    for (node, _), mark in marks.items():
        if node in standing.unreadable and node not in found:
            stored = past.stored(*mark[:2])
            if not stored.is_kept and stored.payload:  # the payload says why
                found.add(node)
    return found


def _died(memory: Memory, run: RunRecord) -> int:
    """How often in a row the process of a run has died."""
    times = 0
    with History(memory.folder) as history:
        for session in reversed(history.sessions(run)):
            if session.exit_code is not None:
                break
            times += 1
    return times


def go_on(
    memory: Memory, found: Continuation, values: Mapping[str, Any], session: Session, asked: Asked
) -> Kept:
    """Enter another session of a run that was claimed.

    Raises:
        HistoryError: it could not be written; the run is let go.
    """
    run, plan, ids = found.run, found.plan, ids_of(found.outline)
    runs = {plan.keys[node] for node in found.standing.runs}
    again = remembered(run.asked.get("again") or {}, found.again, dict(found.matching.renamed), runs)
    try:
        with database.explained(memory.path):
            begun = opening.go_on(
                memory.connection,
                memory.folder,
                run.number,
                session,
                asked=memory.told(plan, values, replace(asked, again=again)),
                outline=written(found.outline),
                codes=found.drawn.parts,
                parameters=memory.shown(plan, values),
                values=memory.parameter_batch(run.uid, plan, values),
                stale=[(ids[node], child) for node, child in found.standing.stale],
            )
    except BaseException:
        owners.release(memory.folder, run.number)
        raise
    drawn = replace(found.drawn, outline=found.outline)
    return memory.kept(found.plan, drawn, begun, asked)


def parameters_of(memory: Memory, run: RunRecord) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that a run was given, and why others cannot be had.

    Which parameters there were is read from the run itself, where what was kept of their values is damaged or
    signed with another key: nothing may go on with defaults in their place.
    """
    values, missing = {}, {}
    kept = memory.past(run.number, run.uid).parameters()
    for name in {**dict.fromkeys(run.parameters), **kept}:
        stored = kept.get(name, _LOST)
        try:
            values[name] = memory.results.loaded(stored)
        except UnreadableError as error:
            missing[name] = str(error)
    return values, missing


def _attempts(
    past: Past, outline: Outline, matching: Matching
) -> tuple[dict[Child, list[Attempt]], dict[Child, Mark], dict[Child, tuple[Mark, int]]]:
    """The attempts of a run by the nodes of the flow as it is now, the marks of the last ones, and of the
    last iterations of those that loop, with the commit that they came with."""
    ids = ids_of(outline)
    nodes = {ids[old]: new for new, old in matching.like.items()}
    attempts: dict[Child, list[Attempt]] = {}
    marks: dict[Child, Mark] = {}
    iterations: dict[Child, tuple[Mark, int]] = {}
    for row in past.attempts():
        node = nodes.get(row.node)
        if node is None:
            continue
        child = (node, row.child)
        attempts.setdefault(child, []).append(_attempt(row.attempt, row.status, row.ended, row.detail))
        if row.attempt > 0:
            marks[child] = (row.node, row.child, row.attempt)
            if row.status == LOOPED:
                iterations[child] = marks[child], row.batch
    return attempts, marks, iterations


def _rounds(
    standing: Resumption, past: Past, memory: Memory, iterations: Mapping[Child, tuple[Mark, int]]
) -> dict[Child, Round]:
    """Where tasks stand that have looped or were paused; a loop whose last result is gone begins anew."""
    found: dict[Child, Round] = {}
    for child, before in standing.uncounted.items():
        found[child] = Round(before, resumed=child in standing.resumed)
        if child in standing.loops:
            try:
                result = memory.results.loaded(past.stored_of(*iterations[child]))
            except UnreadableError:
                continue
            found[child] = found[child]._replace(iteration=standing.loops[child].iteration + 1, result=result)
    return found


def _attempt(number: int, status: int, ended: float, detail: str | None) -> Attempt:
    if detail is None:
        return Attempt(number, status, ended)
    known = table(detail)
    lost, width = bool(known.get("lost")), known.get("width", -1)
    return Attempt(number, status, ended, known.get("retry_in"), lost, width, known.get("iteration", 0))


class _Readable:
    """The tasks whose last attempt succeeded, with a result that can be had; looked at when asked.

    Attributes:
        marks: of the last attempts.
        gone: those that turned out to be of no use.
    """

    def __init__(
        self, past: Past, attempts: Mapping[Child, list[Attempt]], marks: Mapping[Child, Mark]
    ) -> None:
        self.marks = marks
        self.gone: set[Child] = set()
        self._readable = past.readable()
        self._attempts = attempts

    def __contains__(self, child: object) -> bool:
        mark = self.marks.get(child)  # type: ignore[call-overload]
        good = mark is not None and self._attempts[child][-1].status in (SUCCESS, CACHED)  # type: ignore[index]
        return good and child not in self.gone and mark in self._readable


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


def _details(plan: Plan, standing: Resumption, past: Past, readable: _Readable) -> dict[Child, Detail] | None:
    """The facts about what stands that others are decided by; None where a result turned out to be of no
    use, so that it has to be asked again what stands. What nobody asks for need not be there."""
    details: dict[Child, Detail] = {}
    gone = set(readable.gone)
    for (node, child), status in standing.ends.items():
        needs = plan.needs.get(node)
        if needs is not None and status == SKIPPED:
            details[node, child] = skipped_itself(needs)
        if needs is None or status not in (SUCCESS, CACHED) or (node, child) not in readable:
            continue
        try:
            value = past.value(*readable.marks[node, child][:2])
        except UnreadableError:
            readable.gone.add((node, child))
        else:
            details[node, child] = detail_of(needs, value, child=child >= 0)
    return details if gone == readable.gone else None


def _earlier(standing: Resumption, details: Mapping[Child, Detail], rounds: Mapping[Child, Round]) -> Earlier:
    """What stands, as the engine takes it: children before their mapped task."""
    rows: list[Row] = [
        (node, child, 1, status, 0.0, 0.0, None, details.get((node, child)))
        for (node, child), status in sorted(standing.ends.items(), key=lambda end: end[0][1] < 0)
    ]
    for node, width in standing.widths.items():
        rows.append((node, -1, width, MAPPED, 0.0, 0.0, None, None))
    return Earlier(
        rows=rows,
        attempts=standing.attempts,
        waits=standing.waits,
        rounds=rounds,
        resumed=standing.resumed - standing.waits.keys(),
    )


def _where(memory: Memory, run: RunRecord) -> str:
    """In which process, where that is known."""
    row = memory.connection.execute(
        "SELECT pid, host FROM sessions WHERE run=? ORDER BY session DESC LIMIT 1", (run.number,)
    ).fetchone()
    return f" in process {row[0]} on {row[1]}" if row is not None else ""
