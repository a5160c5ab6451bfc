"""A run that is only thought through: what would run, what would be found in the cache, and why.

The real machine decides, over the real plan: whatever can be known is answered as a worker would answer it,
what would have to run stays unanswered, and so does all that follows from it. Guarantees: nothing is written,
no task of the user's runs. Relies on: the arguments of a call are made as in a run (engine/arguments.py).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from flowkit.engine.arguments import Arguments
from flowkit.engine.release import GONE
from flowkit.fingerprint import Part
from flowkit.flow import skipping
from flowkit.flow.control import CompareValue
from flowkit.plan.events import OPEN, Call, Detail
from flowkit.plan.facts import detail_of_end, known_rows
from flowkit.plan.machine import Machine
from flowkit.plan.order import order_of
from flowkit.plan.outline import Outline
from flowkit.plan.plan import GateOf, Plan
from flowkit.plan.status import CACHED, RUNNING, SKIPPED, SUCCESS, Status
from flowkit.runs.borrow import Borrowed, Chosen, borrowed
from flowkit.runs.cache_keys import Keys
from flowkit.runs.memory import Asked, Memory, forced_nodes
from flowkit.store.batch import NOTHING, Stored
from flowkit.store.history import History
from flowkit.why.archive import Archive
from flowkit.why.entries import Entry, has_code, look
from flowkit.why.reasons import NOT_ASKED, Asking, Cause, Reason, why_it_runs
from flowkit.why.sources import roots_of

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

_MOST_CHILDREN = 200  # children whose reasons are found out
Child = tuple[int, int]


class Action(StrEnum):
    """What would become of a task."""

    RUN = "run"
    CACHED = "cached"
    MAYBE = "maybe"
    SKIP = "skip"
    TAKEN = "taken"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A task of a plan.

    Attributes:
        reason: why, where there is more to say than `notes` do.
        entry: of a task that is found: its entry.
        run: the number of the run that its result is taken from.
        notes: what is known of it besides, in words.
        children: of a mapped task how many, and how many of them are found; None: not known yet.
        reasons: how many of its children run for which cause.
    """

    node: int
    action: Action
    reason: Reason | None = None
    entry: Entry | None = None
    run: int | None = None
    notes: tuple[str, ...] = ()
    children: tuple[int, int] | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)


def rehearsed(
    plan: Plan,
    chosen: Chosen,
    values: Mapping[str, Any],
    memory: Memory | None,
    asked: Asked,
) -> list[Step]:
    """What a run would do with each task that people know, in the order of one worker.

    Args:
        chosen: as for the plan.
        values: of the parameters.
        memory: None: nothing is remembered.

    Raises:
        UsageError: a result that is to be taken from an earlier run is not there.
    """
    if memory is None:
        return Rehearsal(plan, values, asked, None).steps()
    with History(memory.folder) as history, Archive(memory.folder, history) as archive:
        known = _Known(plan, values, memory, archive, borrowed(memory, plan, chosen))
        return Rehearsal(plan, values, asked, known).steps()


class _Known:
    """What is remembered, as a rehearsal needs it."""

    def __init__(
        self, plan: Plan, values: Mapping[str, Any], memory: Memory, archive: Archive, taken: Borrowed
    ) -> None:
        drawn = memory.drawn(plan)
        self.archive = archive
        self.results = memory.results
        self.persists = memory.settings.results.persist
        self.taken = taken
        self.outline: Outline = drawn.outline
        self.digests = memory.digests(plan, values)
        self.keys = Keys(plan, drawn.code_of, drawn.tracer, memory.results.key)
        self.parts = {
            digest.hex(): [Part(*part) for part in json.loads(text)] for digest, text in drawn.parts
        }


class Rehearsal:
    """One run, thought through; also one side of a comparison (see `Side`)."""

    def __init__(self, plan: Plan, values: Mapping[str, Any], asked: Asked, known: _Known | None) -> None:
        self.plan = plan
        self.machine = Machine(plan)
        self.values: list[Any] = [None] * plan.size + plan.constants
        self.outline: Outline = known.outline if known is not None else {}
        self.digests: Mapping[str, str] = known.digests if known is not None else {}
        self._known = known
        self._asked = asked
        self._forced = forced_nodes(plan, asked.forced) if asked.forced else set()
        self._arguments = Arguments(cast("Engine", self))  # it takes plan, machine, values and `value_of`
        self._origins: dict[Child, dict[str, Any]] = {}
        self._missed: dict[Child, str] = {}
        self._keyless: set[Child] = set()
        self._entries: dict[Child, Entry] = {}
        self._stored: dict[Child, Stored] = {}
        self._earlier = list(known.archive.earlier(plan.name)) if known is not None else []
        self._play(values)

    def steps(self) -> list[Step]:
        """What became of each task."""
        nodes = [node for node in order_of(self.plan) if not self.plan.hidden(node)]
        return [self._step(node) for node in nodes]

    # -- as one side of a comparison ----------------------------------------------------------

    def code(self, node: int) -> str:
        """The digest of the code of a task."""
        found: str = self.outline["codes"][self.outline["code"][node]]
        return found

    def parts(self, node: int) -> list[Part]:
        """What the code of a task is made of."""
        return self._known.parts[self.code(node)] if self._known is not None else []

    def origin(self, node: int, child: int = -1) -> Mapping[str, Any] | None:
        """Key and inputs, where all inputs are known."""
        return self._origins.get((node, child))

    def stored(self, node: int, child: int = -1) -> Stored:
        """What is kept of a result that is known already."""
        if self._known is not None and node in self._known.taken.sources:
            past, number = self._known.taken.sources[node]
            return past.stored(number, child)
        return self._stored.get((node, child), NOTHING)

    def width(self, node: int) -> int:
        """How many children a mapped task has; -1 where that is not known."""
        group = self.machine.groups.get(node)
        return group.width if group is not None else -1

    # -- the run ------------------------------------------------------------------------------

    def value_of(self, node: int, index: int = -1) -> Any:
        """A value that is known; see `Engine.value_of`."""
        if self._known is not None and node in self._known.taken.sources:
            past, number = self._known.taken.sources[node]
            return past.value(number, index)
        value = self.values[node]
        return value if index < 0 or value is None else value[index]

    def _play(self, parameters: Mapping[str, Any]) -> None:
        for row, value in known_rows(self.plan, parameters):
            self.machine.replay(row)
            self.values[row[0]] = value
        for row in self._known.taken.ends.rows if self._known is not None else ():
            self.values[row[0]] = GONE
            self.machine.replay(row)
        self.machine.start(0.0)
        lanes = range(len(self.plan.lanes))
        while calls := [call for lane in lanes if (call := self.machine.take(lane, 0.0)) is not None]:
            for call in calls:
                self._answer(call)

    def _answer(self, call: Call) -> None:
        """Say how a call would end, where that is known; else it stays out, as if it ran for ever."""
        node, index, attempt = call
        try:
            status, value = self._outcome(node, index)
        except Exception:  # what the user's values do, when they are looked at
            return
        if status == RUNNING:
            return
        if index < 0:
            self.values[node] = value
        else:
            width = self.machine.groups[node].width
            children = self.values[node] = self.values[node] or [None] * width
            children[index] = value
        detail = detail_of_end(self.plan.needs.get(node), status, value, child=index >= 0)
        self.machine.done((node, index, attempt, status, 0.0, 0.0, None, detail))

    def _outcome(self, node: int, index: int) -> tuple[int, Any]:
        """Status and value; RUNNING where the task would have to run."""
        task = self.plan.tasks[node]
        if task.is_carrier:  # it is flowkit's own, and only carries values about
            try:
                return SUCCESS, task.run(**self._arguments.of(node, index))
            except skipping.signal:
                return SKIPPED, None
        if node not in self.plan.cached or self._known is None or self._cache_off or node in self.plan.custom:
            return RUNNING, None
        keys, arguments = self._known.keys, self._arguments.of(node, index)
        key = keys.of(node, arguments)
        if key is None:
            self._keyless.add((node, index))
            return RUNNING, None
        self._origins[node, index] = {"key": key.hex(), "inputs": keys.inputs(node, arguments)}
        if node in self._forced:
            return RUNNING, None
        found = look(self._known.archive, self._known.results, key, task.keeping.good_for)
        if found.entry is None:
            self._missed[node, index] = found.missed
            return RUNNING, None
        self._entries[node, index] = found.entry
        self._stored[node, index] = found.stored
        return CACHED, found.value

    # -- what became of a task ----------------------------------------------------------------

    @property
    def _cache_off(self) -> str:
        """Why the cache is not asked, or ""."""
        if not self._asked.reads:
            return Cause.CACHE_OFF.sentence
        persists = self._asked.persists and (self._known is None or self._known.persists)
        return "" if persists else NOT_ASKED

    def _step(self, node: int) -> Step:
        key, status = self.plan.keys[node], self.machine.status[node]
        if self._known is not None and key in self._known.taken.runs:
            return Step(node=node, action=Action.TAKEN, run=self._known.taken.runs[key])
        if node in self.machine.groups:
            return self._mapped_step(node)
        if status == CACHED:
            return Step(node=node, action=Action.CACHED, entry=self._entries[node, -1])
        if status == SKIPPED or Status(status).bad:
            return Step(node=node, action=Action.SKIP, notes=(self._reason(node),))
        if status == RUNNING:
            return Step(node=node, action=Action.RUN, reason=self._why(node), notes=self._notes(node))
        return self._waiting_step(node)

    def _waiting_step(self, node: int) -> Step:
        """A task that comes after one of which nothing is known yet."""
        gates = self._unknown_gates(node)
        notes = (*gates, *self._notes(node))
        action = Action.MAYBE if gates else Action.RUN
        if node not in self.plan.cached or self._known is None or self._cache_off or node in self._forced:
            return Step(node=node, action=action, reason=self._why(node), notes=notes)
        if self.plan.tasks[node].cache != "inputs" and not self._has_entry(node):
            reason = self._why(node)
            if reason.cause in (Cause.CODE, Cause.FIRST):
                return Step(node=node, action=action, reason=reason, notes=notes)
        waits = f"{_listed(self._runs_first(node))} first"
        reason = Reason(cause=Cause.UPSTREAM_FIRST, sentence=waits)
        return Step(node=node, action=Action.MAYBE, reason=reason, notes=notes)

    def _mapped_step(self, node: int) -> Step:
        group = self.machine.groups[node]
        found = group.states.count(CACHED)
        left = [index for index, state in enumerate(group.states) if state not in (CACHED, SKIPPED)]
        reasons: dict[str, int] = {}
        for index in left[:_MOST_CHILDREN]:
            words = self._why(node, index).short
            reasons[words] = reasons.get(words, 0) + 1
        return Step(
            node=node,
            action=Action.RUN if left else Action.CACHED,
            entry=self._entries.get((node, 0)),
            children=(group.width, found),
            reasons=reasons,
            reason=self._why(node, left[0]) if left else None,
            notes=() if left else self._notes(node),
        )

    def _why(self, node: int, child: int = -1) -> Reason:
        key = self.plan.keys[node]
        if self._known is None:
            forced = node in self._forced
            cause = Cause.FORCED if forced else Cause.FIRST
            return Reason(cause=cause, sentence=cause.sentence)
        asking = Asking(
            forced=node in self._forced,
            cache_off=self._cache_off,
            cached=node in self.plan.cached,
            missed=self._missed.get((node, child), ""),
            keyless=(node, child) in self._keyless,
        )
        return why_it_runs(self, node, child, key, self._earlier, asking)

    def _has_entry(self, node: int) -> bool:
        assert self._known is not None
        return has_code(self._known.archive, self.plan.name, self.plan.keys[node], self.code(node))

    def _reason(self, node: int) -> str:
        return self.machine.reasons.get(node, "").rstrip(".")

    def _notes(self, node: int) -> tuple[str, ...]:
        notes = []
        if node in self.plan.groups and node not in self.machine.groups:
            over = dict.fromkeys(self.plan.keys[source] for source in self.plan.groups[node].sources)
            notes.append(f"once for each element of {', '.join(over)}")
        if node in self.plan.triggers:
            notes.append(f"trigger {self.plan.triggers[node]}")
        return tuple(notes)

    def _unknown_gates(self, node: int) -> tuple[str, ...]:
        """`if cond gives True`, for each gate that is not known to be open."""
        found = []
        for gate in self.plan.gates.get(node, ()):
            detail = self.machine.details.get(gate.condition, Detail())
            if not detail.matches or detail.matches[gate.slot] != OPEN:
                source, expected = asked_of(self.plan, gate)
                found.append(f"if {source} gives {expected!r}")
        return tuple(found)

    def _runs_first(self, node: int) -> list[str]:
        """The nearest tasks that people know, among those before a task that would run."""
        found: dict[str, None] = {}
        near = [*self.plan.upstreams[node], *(gate.condition for gate in self.plan.gates.get(node, ()))]
        for upstream in near:
            if not Status(self.machine.status[upstream]).ended:
                found.update(dict.fromkeys(roots_of(self.outline, upstream)))
        return list(found)


def asked_of(plan: Plan, gate: GateOf) -> tuple[str, Any]:
    """Which task's value a gate asks about, by its key, and what that has to be."""
    task = plan.tasks[gate.condition]
    if not isinstance(task, CompareValue):
        return plan.keys[gate.condition], plan.needs[gate.condition].expected[gate.slot]
    compared = plan.refs[gate.condition] or tuple(
        argument.source for argument in plan.arguments.get(gate.condition, ())
    )
    # Without one it compares a constant.
    source = next((ref for ref in compared if ref < plan.size), gate.condition)
    return plan.keys[source], task.value


def _listed(keys: Collection[str]) -> str:
    """``"`load` runs"``, ``"`load`, `clean` run"``."""
    named = [f"`{key}`" for key in keys if not key.startswith("parameter ")]
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    return f"{', '.join(named[:3])}{more} {'runs' if len(named) == 1 else 'run'}"
