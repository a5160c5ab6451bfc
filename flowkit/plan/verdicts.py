"""The rules: how something stands, given how what it depends on ended. Source: docs/semantics.md.

Nothing here changes anything; the machine does.
"""

from __future__ import annotations

from collections.abc import Iterable

from flowkit.plan.events import BROKEN, OPEN, SHUT, Detail
from flowkit.plan.group import Group
from flowkit.plan.plan import GateOf, Plan
from flowkit.plan.state import CLASSES, Failed, State
from flowkit.plan.status import (
    CANCELLED,
    EXPANDED,
    FAILED,
    MAPPED,
    PAUSED,
    READY,
    SKIPPED,
    TIMED_OUT,
    TRIGGER_FAILED,
)
from flowkit.plan.triggers import ASK, RUN, SKIP

# Why something ended without an attempt, as messages of states say it.
GATE_SHUT = "Its case was not chosen."
GATE_BROKEN = "The condition that it depends on failed."
GATE_SKIPPED = "The condition that it depends on was skipped."
ASKED_FOR = "It waits for somebody to let it go on."
UPSTREAM_SKIPPED = "An upstream was skipped."
TRIGGER_SAID_NO = "Trigger was '{}' but the upstream states do not satisfy it."
NOTHING_TO_MAP = "No upstream states can be mapped over."
UNMAPPABLE = "At least one upstream state has an unmappable result: that of `{}`."

_NOTHING_KNOWN = Detail()
_BAD = (FAILED, TIMED_OUT, TRIGGER_FAILED, CANCELLED)

Verdict = tuple[int, str]
Tally = tuple[int, int, int]  # how many upstream states, of which bad, of which skipped


def state_class(status: int, reason: str | None) -> type[State]:
    """What an end is to users: as in classic, a mapped task without anything to map over has failed."""
    return Failed if reason == NOTHING_TO_MAP and status == TRIGGER_FAILED else CLASSES[status]


class Verdicts:
    """What is known during a run, and what follows from it.

    Attributes:
        status: a status a node.
        groups: the mapped nodes that have expanded.
        details: facts about nodes, where something is decided by them.
        asks: whether a task that people start waits for them; else they have said so of all.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.status = bytearray(plan.size)
        self.groups: dict[int, Group] = {}
        self.details: dict[int, Detail] = {}
        self._resumed: set[tuple[int, int]] = set()
        self.asks = True

    def of_node(self, node: int) -> Verdict:
        """READY, or how a plain node ends without an attempt, and why."""
        gates = self.plan.gates.get(node)
        behind = self._behind(gates) if gates else None
        return behind or self._judge(node, -1, self.tally(self.plan.upstreams[node]))

    def of_group(self, node: int) -> Verdict:
        """EXPANDED, or how a mapped node ends as a whole, and why."""
        gates = [gate for gate in self.plan.gates.get(node, ()) if not gate.mapped]
        behind = self._behind(gates) if gates else None
        if behind:
            return behind
        group = self.plan.groups[node]
        sources = [self.status[source] for source in group.sources]
        if any(status >= FAILED for status in sources):
            return TRIGGER_FAILED, NOTHING_TO_MAP  # it follows from that failure; as a state it is Failed
        _, bad, skipped = self.shared(node)
        if (skipped or SKIPPED in sources) and not bad and self.plan.tasks[node].skip_on_upstream_skip:
            return SKIPPED, UPSTREAM_SKIPPED
        if SKIPPED in sources or self.width(node) < 0:
            return FAILED, UNMAPPABLE.format(self._unmappable(node))
        return EXPANDED, ""

    def of_child(self, node: int, index: int) -> Verdict:
        """READY, or how a child ends without an attempt, and why."""
        gates = [gate for gate in self.plan.gates.get(node, ()) if gate.mapped]
        behind = self._behind(gates, index) if gates else None
        if behind:
            return behind
        group = self.groups[node]
        total, bad, skipped = group.base
        states = [self.groups[source].states[index] for source in group.counted]
        states += [self.groups[source].states[origins[index][0]] for source, origins in group.flat.items()]
        total += len(states)
        skipped += states.count(SKIPPED)
        bad += sum(status >= FAILED for status in states)
        return self._judge(node, index, (total, bad, skipped))

    def width(self, node: int) -> int:
        """How many children a mapped node has; -1 where something cannot be mapped over."""
        group = self.plan.groups[node]
        widths = [self._length(source) for source in group.lengths]
        widths += [self.details.get(source, _NOTHING_KNOWN).flat for source in group.flats]
        widths += [self.groups[source].width for source in group.pairs + group.gated]
        widths += [len(self.elements(source)) for source in group.flat_groups]
        return min(widths)

    def _unmappable(self, node: int) -> str:
        """The first upstream that cannot be mapped over."""
        group = self.plan.groups[node]
        for source in group.sources:
            flat = source in group.flats and self.details.get(source, _NOTHING_KNOWN).flat < 0
            if (
                self.status[source] == SKIPPED
                or flat
                or (source in group.lengths and self._length(source) < 0)
            ):
                return self.plan.keys[source]
        return self.plan.keys[group.sources[0]]

    def _length(self, source: int) -> int:
        if source in self.groups:
            return self.groups[source].width
        return self.details.get(source, _NOTHING_KNOWN).length

    def elements(self, source: int) -> list[tuple[int, int]]:
        """The elements of the children's values: which child each came from, and its place there.

        A child that failed or was skipped, or whose value has no elements, is one element; its place is -1.
        """
        group = self.groups[source]
        found: list[tuple[int, int]] = []
        for index in range(group.width):
            detail = group.details.get(index)
            if detail is None or detail.flat < 0:
                found.append((index, -1))
            else:
                found += [(index, place) for place in range(detail.flat)]
        return found

    def shared(self, node: int) -> Tally:
        """The upstream states that all children of a mapped node see alike."""
        group = self.plan.groups[node]
        return self.tally(dict.fromkeys((*group.whole, *group.lengths, *group.flats)))

    def tally(self, upstreams: Iterable[int]) -> Tally:
        """Count upstream states; a mapped one that expanded counts as its children."""
        total = bad = skipped = 0
        for upstream in upstreams:
            status = self.status[upstream]
            if status == MAPPED and upstream in self.groups:
                states = self.groups[upstream].states
                total += len(states)
                skipped += states.count(SKIPPED)
                bad += sum(map(states.count, _BAD))
                continue
            total += 1
            if status == SKIPPED:
                skipped += 1
            elif status >= FAILED:
                bad += 1
        return total, bad, skipped

    def _judge(self, node: int, index: int, tally: Tally) -> Verdict:
        """Skips, then the trigger."""
        total, bad, skipped = tally
        if skipped and not bad and self.plan.tasks[node].skip_on_upstream_skip:
            return SKIPPED, UPSTREAM_SKIPPED
        if node in self.plan.custom:
            return READY, ""  # its function is the user's code: the worker calls it
        trigger = self.plan.triggers.get(node)
        if trigger is None:
            return (TRIGGER_FAILED, TRIGGER_SAID_NO.format("all_successful")) if bad else (READY, "")
        verdict = trigger.judge(total + self.plan.constant_inputs.get(node, 0), bad, skipped)
        if verdict == RUN or (verdict == ASK and (not self.asks or (node, index) in self._resumed)):
            return READY, ""
        if verdict == ASK:
            return PAUSED, ASKED_FOR
        if verdict == SKIP:
            return SKIPPED, UPSTREAM_SKIPPED
        return TRIGGER_FAILED, TRIGGER_SAID_NO.format(trigger)

    def _behind(self, gates: Iterable[GateOf], index: int = -1) -> Verdict | None:
        """How something ends for its gates, or None where all are open; `index`: for mapped gates."""
        broken = skipped = False
        for gate in gates:
            status, match = self._gate(gate, index)
            if status >= FAILED or match == BROKEN:
                broken = True
            elif status == SKIPPED and match != SHUT:
                skipped = True
            elif match != OPEN:
                return SKIPPED, GATE_SHUT
        if broken:
            return TRIGGER_FAILED, GATE_BROKEN
        return (SKIPPED, GATE_SKIPPED) if skipped else None

    def _gate(self, gate: GateOf, index: int) -> tuple[int, int | None]:
        """The status of a gate's condition, and what was found out about its value, if it was."""
        if gate.mapped:
            group = self.groups[gate.condition]
            status, detail = group.states[index], group.details.get(index, _NOTHING_KNOWN)
        else:
            status, detail = self.status[gate.condition], self.details.get(gate.condition, _NOTHING_KNOWN)
        return status, detail.matches[gate.slot] if detail.matches else None
