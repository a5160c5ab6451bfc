"""From what earlier runs tell to a script that a plan is played through by. Pure.

Gates, skips and widths are those of the runs: what is decided by is made so that the machine decides again as
it did. Every call succeeds at its first attempt, and nothing is found in a cache, unless it is to go as a run
did in which that was so.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flowkit.plan.durations import Recording, TaskRecord
from flowkit.plan.events import OPEN, SHUT, Detail, Row
from flowkit.plan.plan import Needs, Plan
from flowkit.plan.simulation import Child, Script
from flowkit.plan.status import SUCCESS

_UNKNOWN = TaskRecord()


@dataclass(kw_only=True)
class Basis:
    """What a script rests on.

    Attributes:
        script: itself.
        runs: how many of the tasks that people know have their durations from which run.
        guessed: the nodes of which nothing is known; they are taken to last as long as the median one.
        guess: seconds of that.
    """

    script: Script
    runs: Counter[int] = field(default_factory=Counter)
    guessed: list[int] = field(default_factory=list)
    guess: float = 0.0


def basis_of(plan: Plan, recording: Recording, known: Sequence[Row], *, is_same: bool = False) -> Basis:
    """What is known of a plan.

    Args:
        known: the ends that are known before the run, of constants and of parameters that are given; those of
            other parameters are as in the runs.
        is_same: whether it is to go as the only run that tells did: what was not made in it takes no time, as
            it was found in the cache, and what was tried again is tried again.
    """
    records = [recording.tasks.get(key, _UNKNOWN) for key in plan.keys]
    seconds = array("d", bytes(8 * plan.size))
    children: dict[int, Sequence[float]] = {}
    given = {row[0] for row in known} | set(plan.parameters.values())
    basis = Basis(script=Script(seconds=seconds))
    means: list[float] = []
    for node, record in enumerate(records):
        if node in given:
            continue
        found = _mean(record) if node in plan.groups else record.seconds
        if found is not None:
            seconds[node] = 0.0 if is_same and node in plan.groups else found
            if node in plan.groups:
                children[node] = record.children
        if plan.tasks[node].is_carrier:
            continue
        if found is not None:
            means.append(found)
            basis.runs[record.run] += 1
        elif not record.is_known and not is_same:
            basis.guessed.append(node)
    basis.guess = sorted(means)[len(means) // 2] if means else 0.0
    for node in basis.guessed:
        seconds[node] = basis.guess
    facts = Facts(plan, records)
    basis.script.children = children
    basis.script.details = facts.details
    basis.script.skipped = {(node, child) for node, record in enumerate(records) for child in record.skipped}
    if is_same:
        tried = [
            (node, child, some) for node, record in enumerate(records) for child, some in record.again.items()
        ]
        basis.script.again = {(node, child): some for node, child, some in tried}
    basis.script.hand_over = recording.hand_over
    basis.script.known = [*known, *_parameters(plan, known, facts.details)]
    return basis


def _mean(record: TaskRecord) -> float | None:
    """Seconds of a child that was made."""
    made = [each for each in record.children if not math.isnan(each)]
    return sum(made) / len(made) if made else None


def _parameters(plan: Plan, known: Sequence[Row], details: Mapping[Child, Detail]) -> Iterator[Row]:
    given = {row[0] for row in known}
    for node in plan.parameters.values():
        if node not in given:
            yield (node, -1, 1, SUCCESS, 0.0, 0.0, None, details.get((node, -1)))


class Facts:
    """What is decided by, found from what was decided: lengths from widths, matches from gates.

    Args:
        records: of each node.

    Attributes:
        details: of nodes, and of children.
    """

    def __init__(self, plan: Plan, records: Sequence[TaskRecord]) -> None:
        self._plan = plan
        self._records = records
        # Of what is mapped over, and mapped over flattened, the greatest width that it explains.
        self._lengths: dict[int, int] = {}
        self._flats: dict[int, int] = {}
        self._gated: dict[int, list[tuple[int, int]]] = {}  # by condition: slot and gated node
        for node, group in plan.groups.items():
            width = records[node].width
            for source in group.lengths if width >= 0 else ():
                self._lengths[source] = max(width, self._lengths.get(source, 0))
            for source in (*group.flats, *group.flat_groups) if width >= 0 else ():
                self._flats[source] = max(width, self._flats.get(source, 0))
        for node, gates in plan.gates.items():
            for gate in gates:
                self._gated.setdefault(gate.condition, []).append((gate.slot, node))
        self.details: dict[Child, Detail] = {}
        for node, needs in plan.needs.items():
            if node in plan.groups:
                self._add_children(node, needs)
            else:
                self.details[node, -1] = self._detail(node, -1, needs, self._flats.get(node, 1))

    def _add_children(self, node: int, needs: Needs) -> None:
        """The elements of the children's values, where they are flattened, are shared out evenly; what was
        skipped is an element by itself."""
        record = self._records[node]
        skipped = record.skipped | record.idle
        made = [child for child in range(max(1, record.width)) if child not in skipped]
        elements = self._flats.get(node, record.width) - len(skipped)
        for place, child in enumerate(made):
            share = elements * (place + 1) // len(made) - elements * place // len(made)
            self.details[node, child] = self._detail(node, child, needs, max(0, share))

    def _detail(self, node: int, child: int, needs: Needs, elements: int) -> Detail:
        return Detail(
            length=self._lengths.get(node, 1) if needs.length and child < 0 else -1,
            flat=elements if needs.flat else -1,
            matches=tuple([self._match(node, slot, child) for slot in range(len(needs.expected))]),
        )

    def _match(self, condition: int, slot: int, child: int) -> int:
        """Shut where all that it would have let run was skipped for a gate; open where nothing is known."""
        behind = [self._records[node] for each, node in self._gated.get(condition, ()) if each == slot]
        shut = [child in record.shut or -1 in record.shut for record in behind]
        known = [record.is_settled for record in behind]
        return SHUT if any(shut) and all(s or not k for s, k in zip(shut, known, strict=True)) else OPEN
