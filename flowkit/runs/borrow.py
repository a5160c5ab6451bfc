"""What a run takes from earlier ones: results of tasks that are not selected, and what `state:` and
`result:` mean.

Guarantees: a result is borrowed from the latest run in which that task succeeded, by its key; what has
changed since is found out by outdated.py, and said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flowkit.engine.earlier import Earlier
from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.keys import keys_of
from flowkit.flow.selection import Selection, refuse_needed, selected
from flowkit.flow.task import Task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Row
from flowkit.plan.facts import detail_of_end
from flowkit.plan.matching import match
from flowkit.plan.outline import ids_of, key_of, restored, size_of
from flowkit.plan.plan import Plan
from flowkit.plan.status import CACHED, FAILED, MAPPED, SKIPPED, SUCCESS, TIMED_OUT, Status
from flowkit.runs.memory import Asked, Memory
from flowkit.store.history import History
from flowkit.store.past import Past, PastAttempt, Readable
from flowkit.store.records import RunRecord, table
from flowkit.store.results import UnreadableError

_LOOKED_AT = 50  # runs, the latest first
_RESULTS = {
    "failed": (FAILED, TIMED_OUT),
    "fail": (FAILED, TIMED_OUT),
    "error": (FAILED, TIMED_OUT),
    "success": (SUCCESS, CACHED, MAPPED),
    "ok": (SUCCESS, CACHED, MAPPED),
    "skipped": (SKIPPED,),
    "cached": (CACHED,),
}
_STATES = ("modified", "new", "unchanged")


@dataclass(frozen=True)
class Chosen:
    """The tasks of a run.

    Attributes:
        only: the tasks of its plan; None: all of the flow.
        given: those of them whose results come from earlier runs.
    """

    only: set[Task] | None = None
    given: frozenset[Task] = frozenset()

    def noted(self, asked: Asked, keys: Mapping[Task, str]) -> Asked:
        """With both as keys, to be remembered."""
        only = None if self.only is None else tuple(sorted(keys[task] for task in self.only))
        return replace(asked, only=only, given=tuple(sorted(keys[task] for task in self.given)))

    @classmethod
    def of(cls, flow: Flow, only: Collection[str] | None, given: Collection[str]) -> Chosen:
        """What was remembered, in the flow as it is now."""
        if only is None:
            return cls()
        tasks = keys_of(flow)
        return cls(
            {task for task, key in tasks.items() if key in only},
            frozenset(task for task, key in tasks.items() if key in given),
        )


@dataclass
class Borrowed:
    """Results of earlier runs, for the nodes of a plan.

    Attributes:
        ends: as the engine takes them.
        sources: for each node the run, and its number in the rows of it.
        runs: which run each key comes from.
    """

    ends: Earlier = field(default_factory=Earlier)
    sources: dict[int, tuple[Past, int]] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)


def choose(
    flow: Flow, select: str | None, exclude: str | None, memory: Memory | None, values: Mapping[str, Any]
) -> Chosen:
    """The tasks that an expression selects, and those that they need.

    Raises:
        UsageError: it selects nothing, cannot be read, or asks for what is not kept.
    """
    if not (select or exclude):
        return Chosen()
    keys = keys_of(flow)
    earlier = None
    if memory is not None:
        earlier = _Asker(memory, flow, keys, values).tasks
    found: Selection = selected(flow, keys, select, exclude, earlier)
    if memory is None:
        refuse_needed(found, keys, "no results of earlier runs are kept")
    return Chosen(found.tasks | set(found.needed), frozenset(found.needed))


def borrowed(memory: Memory, plan: Plan, chosen: Chosen, taken: Mapping[str, int] | None = None) -> Borrowed:
    """The results that a run takes from earlier ones.

    Args:
        taken: of a run that goes on: from which run each key was taken before, so that it is again.

    Raises:
        UsageError: one of them is not there.
    """
    left = {node for node, task in enumerate(plan.tasks) if task in chosen.given}
    before = {node: taken.get(plan.keys[node]) for node in left} if taken else {}
    found = Borrowed()
    rows: list[Row] = []
    with History(memory.folder) as history:
        runs = history.runs(flow=plan.name, limit=_LOOKED_AT) if left else []
        for run in runs if taken else ():
            wanted = {node for node in left if before[node] == run.number}
            left -= _from(memory, history, run, plan, wanted, rows, found) if wanted else set()
        for run in runs:
            if left:
                left -= _from(memory, history, run, plan, left, rows, found)
    if left:
        node = min(left)
        follower = plan.keys[plan.successors[node][0]] if plan.successors[node] else plan.keys[node]
        raise UsageError(
            f"the task `{follower}` needs the result of `{plan.keys[node]}`, which is not selected, "
            "and no earlier run has kept it",
            hints=(f"select it with all that it needs: `--select +{follower}`",),
        )
    found.ends = Earlier(rows=rows)
    return found


def _from(
    memory: Memory,
    history: History,
    run: RunRecord,
    plan: Plan,
    wanted: set[int],
    rows: list[Row],
    found: Borrowed,
) -> set[int]:
    """Take what a run has of the wanted nodes; returns those that it had."""
    outline = history.outline(run)
    if not outline:
        return set()
    ids = ids_of(outline)
    numbers = {key_of(outline, node): ids[node] for node in range(size_of(outline))}
    past = memory.past(run.number, run.uid)
    readable = past.readable()
    ends = _ends(past)
    had = set()
    for node in wanted:
        number = numbers.get(plan.keys[node], -1)
        try:
            made = _rows(past, readable, plan, node, number, ends.get(number, {}))
        except UnreadableError:
            continue
        if made:
            rows += made
            had.add(node)
            found.sources[node] = (past, number)
            found.runs[plan.keys[node]] = run.number
    return had


def _ends(past: Past) -> dict[int, dict[int, PastAttempt]]:
    """How the tasks of a run ended, and the children of the last expansion of mapped ones, by number."""
    ends: dict[int, dict[int, PastAttempt]] = {}
    widths: dict[int, int] = {}
    for row in past.attempts():
        if row.attempt >= 0:
            ends.setdefault(row.node, {})[row.child] = row
        else:
            widths[row.node] = table(row.detail).get("width", 0)
    for number, width in widths.items():
        ends[number] = {child: row for child, row in ends.get(number, {}).items() if child < width}
    return ends


def _rows(
    past: Past, readable: Readable, plan: Plan, node: int, number: int, ends: Mapping[int, PastAttempt]
) -> list[Row]:
    """The ends of a task and of its children; none where not all of it is there."""

    def is_there(end: PastAttempt) -> bool:
        return end.status in (SUCCESS, CACHED) and (number, end.child, end.attempt) in readable

    own = ends.get(-1)
    if own is None:
        return []
    if node not in plan.groups:
        return [_row(past, plan, node, number, -1, own.status)] if is_there(own) else []
    children = [ends[child] for child in sorted(ends) if child >= 0]
    if own.status != MAPPED or not all(end.status == SKIPPED or is_there(end) for end in children):
        return []
    made = [_row(past, plan, node, number, end.child, end.status) for end in children]
    return [*made, (node, -1, len(made), MAPPED, 0.0, 0.0, None, None)]


def _row(past: Past, plan: Plan, node: int, number: int, child: int, status: int) -> Row:
    needs = plan.needs.get(node)
    value = past.value(number, child) if needs is not None and status != SKIPPED else None
    detail = detail_of_end(needs, status, value, child=child >= 0)
    return (node, child, 1, status, 0.0, 0.0, None, detail)


class _Asker:
    """Answers `state:` and `result:` by the latest run of a flow."""

    def __init__(
        self, memory: Memory, flow: Flow, keys: Mapping[Task, str], values: Mapping[str, Any]
    ) -> None:
        self._memory = memory
        self._flow = flow
        self._tasks = {key: task for task, key in keys.items()}
        self._values = values

    def tasks(self, method: str, value: str) -> set[Task]:
        """The tasks that the latest run says this of.

        Raises:
            UsageError: no such word, or no run yet.
        """
        words = _STATES if method == "state" else tuple(_RESULTS)
        if value not in words:
            listed = ", ".join(f"`{method}:{word}`" for word in words)
            raise UsageError(
                f"`{method}:{value}` cannot be read as a selection", hints=(f"there are {listed}",)
            )
        with History(self._memory.folder) as history:
            runs = history.runs(flow=self._flow.name, limit=_LOOKED_AT)
            if not runs:
                if (method, value) in (("state", "modified"), ("state", "new")):
                    return set(self._tasks.values())
                raise UsageError(
                    f"`{method}:{value}` asks for the latest run of `{self._flow.name}`: there is none"
                )
            keys = (
                self._by_state(history, runs, value)
                if method == "state"
                else self._by_result(history, runs[0], _RESULTS[value])
            )
        return {self._tasks[key] for key in keys if key in self._tasks}

    def _by_state(self, history: History, runs: Sequence[RunRecord], value: str) -> set[str]:
        """By the latest run that had the task: one with a selection has few."""
        plan = compile_flow(self._flow)
        new = self._memory.drawn(plan).outline
        now = self._memory.digests(plan, self._values)
        left = set(range(plan.size)) - set(new["hidden"])
        changed, same = set(), set()
        for run in runs:
            document = history.outline(run)
            if not document:
                continue
            old = restored(document)
            found = match(old, run.asked.get("digests", {}), new, now)
            there = left & found.like.keys()
            changed |= {node for node in there if _own_code_changed(old, new, found.like[node], node)}
            same |= there & found.same.keys()
            left -= there
            if run.asked.get("only") is None or not left:
                break
        named = {"new": left, "modified": changed | left, "unchanged": same}[value]
        return {plan.keys[node] for node in named}

    def _by_result(self, history: History, run: RunRecord, statuses: tuple[int, ...]) -> set[str]:
        keys = history.outline(run).get("keys", [])
        last: dict[int, int] = {}
        worst: dict[int, set[int]] = {}
        for attempt in history.attempts(run):
            if attempt.child < 0 and attempt.attempt >= 0:
                last[attempt.node] = attempt.status
            elif attempt.child >= 0:
                worst.setdefault(attempt.node, set()).add(attempt.status)
        found = set()
        for node, status in last.items():
            children = worst.get(node, set())
            failed = children & {Status.FAILED, Status.TIMED_OUT}
            if (status in statuses and not failed) or failed & set(statuses):
                found.add(keys[node])
        return found


def _own_code_changed(old: dict[str, Any], new: dict[str, Any], before: int, after: int) -> bool:
    """Whether the code of a task itself is another; not only that of what is upstream."""
    same: bool = old["codes"][old["code"][before]] == new["codes"][new["code"][after]]
    return not same
