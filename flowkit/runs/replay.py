"""One task of a past run, prepared to be run again with the very inputs it had.

What is upstream of it is taken from the run; parameters are as they are given, constants and code those of
the flow as it is now. Guarantee: nothing but that task runs. Relies on: the flow's file was loaded, so that
results can be unpickled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any

from flowkit.engine.earlier import Earlier
from flowkit.errors import FlowkitError, UsageError
from flowkit.fingerprint import Change, changes
from flowkit.flow.flow import Flow
from flowkit.flow.graph import upstreams
from flowkit.flow.task import Task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Row
from flowkit.plan.facts import detail_of_end
from flowkit.plan.matching import match
from flowkit.plan.outline import ids_of
from flowkit.plan.plan import CHILD, Plan
from flowkit.plan.status import CACHED, FAILED, MAPPED, SUCCESS
from flowkit.runs.memory import Drawn, Memory
from flowkit.store.past import Past
from flowkit.store.results import UnreadableError
from flowkit.why.archive import PastRun, parts_of
from flowkit.why.hindsight import taken_from


@dataclass(frozen=True)
class Replay:
    """What is to be carried out.

    Attributes:
        plan: the task with what is right upstream of it.
        node, child: the task in that plan; of a mapped one -1 means all children.
        earlier: the ends of all others.
        changed: what of its code is not what it was in the run.
        context: more keys for `flowkit.context`, as the run had them.
    """

    plan: Plan
    node: int
    child: int
    earlier: Earlier
    changed: tuple[Change, ...]
    context: Mapping[str, Any]


def replay_of(
    memory: Memory, run: PastRun, number: int, child: int, flow: Flow, values: Mapping[str, Any]
) -> Replay:
    """Prepare a task to be run again.

    Args:
        number, child: of the task in the rows of the run.
        flow: as it is now, with its graph.
        values: of its parameters.

    Raises:
        UsageError: the flow has lost the task, or it did not run.
        FlowkitError: inputs that cannot be had, each by its name.
    """
    whole = compile_flow(flow)
    drawn = memory.drawn(whole)
    like = match(run.outline, run.digests, drawn.outline, memory.digests(whole, values)).like
    old = run.places.get(number, -1)
    now = next((new for new, before in like.items() if before == old), None)
    key = run.archive.history.key(run.record, number, child)
    if now is None:
        raise UsageError(f"the flow `{flow.name}` has no task any more that is `{key}` of {run.called}")
    _refuse_unless_it_ran(run, old, child, key)
    task, near = whole.tasks[now], upstreams(flow)[whole.tasks[now]]
    olds = {each: like.get(new, -1) for new, each in enumerate(whole.tasks)}
    free = {whole.tasks[each] for each in (*whole.known, *whole.parameters.values())}
    sources = {each: olds[each] for each in near if each not in free}
    plan = compile_flow(flow, only={task, *near}, given=sources)
    node = plan.tasks.index(task)
    earlier = _Inputs(memory, run, plan, node, old, child, sources).earlier()
    context = run.record.asked.get("context") or {}
    return Replay(plan, node, child, earlier, _changed(run, old, drawn, now), context)


def _changed(run: PastRun, old: int, drawn: Drawn, new: int) -> tuple[Change, ...]:
    """What of the code of a task is not what it was."""
    code = drawn.outline["codes"][drawn.outline["code"][new]]
    if code == run.code(old):
        return ()
    parts = next((parts_of(text) for digest, text in drawn.parts if digest.hex() == code), [])
    return tuple(changes(run.parts(old), parts))


def _refuse_unless_it_ran(run: PastRun, node: int, child: int, key: str) -> None:
    last = run.last(node, child)
    if child < 0 and node in run.outline["mapped"] and run.width(node) >= 0:
        return
    if last is None or last.attempt < 1:
        raise UsageError(
            f"`{key}` did not run in {run.called}",
            hints=(f"`flowkit why {run.number} {quote(key)}` says why",),
        )


class _Inputs:
    """The ends of what a task depends on, from a run.

    Args:
        node: the task in the plan; `old`: in the run.
        sources: the upstreams, and the node of the run that each is; -1: none.
    """

    def __init__(
        self,
        memory: Memory,
        run: PastRun,
        plan: Plan,
        node: int,
        old: int,
        child: int,
        sources: Mapping[Task, int],
    ) -> None:
        self._memory = memory
        self._run = run
        self._plan = plan
        self._node = node
        self._width = max(run.width(old), child + 1)
        self._child = child
        self._sources = {plan.tasks.index(task): old for task, old in sources.items()}
        self._rows: list[Row] = []
        self._values: dict[tuple[int, int], Any] = {}
        self._missing: list[str] = []

    def earlier(self) -> Earlier:
        """The ends, with the values that the task takes.

        Raises:
            FlowkitError: some cannot be had.
        """
        for source, old in self._sources.items():
            self._take(source, *self._place(source, old))
        if self._missing:
            raise FlowkitError(
                f"`{self._plan.key(self._node, self._child)}` cannot be run again: {'; '.join(self._missing)}"
            )
        self._rows += self._other_children()
        # As if all retries had been used up: who replays a task does not want to wait for a second attempt.
        used = -self._plan.tasks[self._node].max_retries
        attempts = dict.fromkeys(self._replayed(), (1, used))
        return Earlier(rows=self._rows, values=self._values, attempts=attempts)

    def _place(self, source: int, old: int) -> tuple[PastRun, int]:
        """The run and the node that a result is in: another run's, where it was taken from that."""
        if old < 0 or self._run.last(old) is not None:
            return self._run, old
        other = taken_from(self._run, old)
        return (other, other.nodes[self._plan.keys[source]]) if other is not None else (self._run, old)

    def _take(self, source: int, run: PastRun, old: int) -> None:
        last = run.last(old) if old >= 0 else None
        if last is None or not last.status.ended:
            self._missing.append(f"`{self._plan.keys[source]}` has no result in {run.called}")
            return
        past = self._memory.past(run.record.number, run.record.uid)
        number = ids_of(run.outline)[old]
        if source not in self._plan.groups:
            self._take_end(source, -1, last.status, past, number, needed=self._is_taken(source))
            return
        only = self._child if self._is_paired(source) else -1
        children = run.children(old)
        for each in children:
            needed = self._is_taken(source) and only in (-1, each.child)
            self._take_end(source, each.child, each.status, past, number, needed=needed)
        self._rows.append((source, -1, len(children), MAPPED, 0.0, 0.0, None, None))

    def _take_end(
        self, source: int, child: int, status: int, past: Past, number: int, *, needed: bool
    ) -> None:
        value = None
        if needed and status in (SUCCESS, CACHED):
            try:
                value = past.value(number, child)
            except UnreadableError as error:
                self._missing.append(f"the result of `{self._plan.key(source, child)}`: {error}")
        elif needed and status >= FAILED:
            self._missing.append(f"`{self._plan.key(source, child)}` failed, and its exception is not kept")
        detail = detail_of_end(self._plan.needs.get(source), status, value, child=child >= 0)
        self._values[source, child] = value
        self._rows.append((source, child, 1, status, 0.0, 0.0, None, detail))

    def _is_taken(self, source: int) -> bool:
        """Whether the task takes the value, or is decided by it; else only how it ended counts."""
        plan, node = self._plan, self._node
        if source in plan.needs or source in plan.refs[node]:
            return True
        return any(each.source == source for each in plan.arguments.get(node, ()))

    def _is_paired(self, source: int) -> bool:
        modes = {each.mode for each in self._plan.arguments.get(self._node, ()) if each.source == source}
        return modes == {CHILD}

    def _other_children(self) -> Iterator[Row]:
        """The children that are not to run, as if they had."""
        if self._child < 0:
            return
        for child in range(self._width):
            if child != self._child:
                self._values[self._node, child] = None
                yield (self._node, child, 1, SUCCESS, 0.0, 0.0, None, None)

    def _replayed(self) -> list[tuple[int, int]]:
        if self._node not in self._plan.groups:
            return [(self._node, -1)]
        return (
            [(self._node, self._child)]
            if self._child >= 0
            else [(self._node, child) for child in range(self._width)]
        )
