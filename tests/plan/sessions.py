"""Scenarios played in several sessions: each dies at some moment, and the next goes on with what is left."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from play import Mark, Play
from reference import Attempt as Does
from reference import Scenario
from scenarios import delay_of

from flowkit.fingerprint import Code
from flowkit.plan.events import Call, Detail
from flowkit.plan.machine import Machine
from flowkit.plan.outline import outline_of, outline_order
from flowkit.plan.plan import Plan
from flowkit.plan.resumption import EXPANSION, Attempt, Resumption, resumption
from flowkit.plan.status import CACHED, EXPANDED, MAPPED, SKIPPED, SUCCESS, WAITING, Status

_STATES = {int(status): status.name.title().replace("_", "") for status in Status}
CODE = Code(b"the same", ())


class History:
    """The rows of a run, as the journal keeps them: an attempt is one row, whatever is said of it."""

    def __init__(self) -> None:
        self.session = 0
        self.facts: dict[Mark, Detail | None] = {}
        self._rows: dict[tuple[int, int, int], tuple[int, Attempt]] = {}

    def add(self, node: int, child: int, attempt: Attempt) -> None:
        self._rows[node, child, attempt.number] = (self.session, attempt)

    def attempts(self) -> dict[Mark, list[Attempt]]:
        found: dict[Mark, list[Attempt]] = {}
        ordered = sorted(self._rows.items(), key=lambda row: (row[1][0], row[0][2]))
        for (node, child, _), (_, attempt) in ordered:
            found.setdefault((node, child), []).append(attempt)
        return found

    def last(self, mark: Mark) -> Attempt | None:
        """How a task ended, or stands."""
        found = [each for each in self.attempts().get(mark, ()) if each.number != EXPANSION]
        return found[-1] if found else None


class Session(Play):
    """A session of a run: what stands is given to it, what it does is kept.

    What an attempt does is told by how many before it count, so that a lost one changes nothing.
    """

    def __init__(self, scenario: Scenario, chance: random.Random, workers: int, history: History) -> None:
        super().__init__(Machine, scenario, chance, workers)
        self.history = history
        self.standing = Resumption()
        self.forgiven: dict[Mark, int] = {}
        self.given: set[Mark] = set()
        self.ran: set[Mark] = set()
        self.made_from: dict[tuple[Mark, int], dict[Mark, Any]] = {}
        history.session += 1

    def go_on(self, before: Session, unreadable: set[Mark]) -> None:
        """Take over what stands of the sessions before."""
        self.now = before.now + self.chance.choice([0.0, 1.0, 100.0])
        self.made_from = before.made_from
        self.standing = standing = resumption_of(self.plan, self.history, self.now, unreadable)
        for node, child in standing.stale:
            self.history.add(node, child, Attempt(0, WAITING))
        for mark in sorted(standing.ends, key=lambda mark: mark[1] < 0):
            self._give(mark, standing.ends[mark], mark in unreadable)
        for node, width in standing.widths.items():
            self.machine.replay((node, -1, width, MAPPED, 0.0, 0.0, None, None))
            self.ended[node, -1] = ("Mapped", 0)
            self.given.add((node, -1))
        for mark, (attempt, forgiven) in standing.attempts.items():
            wait = standing.waits.get(mark)
            self.attempts[mark] = attempt - 1
            self.forgiven[mark] = forgiven
            if wait is not None:
                assert wait <= delay_of(self.node((*mark, 0))), "no wait is longer than it was"
                self.not_before[mark] = self.now + wait
            self.machine.go_on(*mark, attempt, forgiven, wait)

    def _give(self, mark: Mark, status: int, unreadable: bool) -> None:
        last = self.history.last(mark)
        assert last is not None
        assert last.status == status, "what stands had ended so"
        detail = self.history.facts.get(mark) if status == SUCCESS and not unreadable else None
        self.machine.replay((*mark, 1, status, 0.0, 0.0, None, detail))
        self.ended[mark] = (_STATES[status], last.number)
        self.given.add(mark)

    # -- as a play, but for what was before ---------------------------------------------------

    def attempt(self, call: Call) -> Does:
        counted = call[2] - self.forgiven.get(call[:2], 0)
        return self.node(call).attempt(max(call[1], 0), counted)

    def took(self, lane: int, call: Call) -> None:
        super().took(lane, call)
        mark = call[:2]
        assert mark not in self.given, "what stands is not run again"
        self.ran.add(mark)
        self.made_from[mark, call[2]] = dict(self.inputs(mark))

    def inputs(self, mark: Mark) -> Iterator[tuple[Mark, Any]]:
        """All that an attempt is made from, and which version of it."""
        node, index = mark
        mine = self.scenario[self.place[node]]
        ids = {place: number for number, place in enumerate(self.place)}
        sources = [(ids[edge.upstream], edge.mapped and not edge.flattened) for edge in mine.edges]
        sources += [(ids[gate.condition], gate.mapped) for gate in mine.gates]
        for source, one_by_one in sources:
            if one_by_one and source in self.machine.groups:
                yield (source, index), self.ended.get((source, index))
                continue
            group = self.machine.groups.get(source)
            for child in range(-1, group.width if group is not None else 0):
                yield (source, child), self.ended.get((source, child))

    def look(self) -> None:
        for node, index, attempt, status, _, ended, _, detail in self.machine.events:
            number, width, retry_in = attempt, -1, None
            if status == EXPANDED:
                number, width = EXPANSION, attempt
            if isinstance(detail, Detail):
                retry_in = detail.retry_in
            self.history.add(node, index, Attempt(number, status, ended, retry_in, False, width))
            if status == SUCCESS:
                self.history.facts[node, index] = detail
            if status == SKIPPED and (node, index) in self.given:
                assert self.ended.pop((node, index))[0] == "Skipped", "what stands ends as it had"
        super().look()


def resumption_of(plan: Plan, history: History, now: float, unreadable: set[Mark]) -> Resumption:
    """What stands of a run of a plan that has not changed."""
    outline, _ = outline_of(plan, lambda task: CODE)
    attempts = history.attempts()
    readable = {
        mark
        for mark, some in attempts.items()
        if mark not in unreadable and some[-1].status in (SUCCESS, CACHED)
    }
    return resumption(
        outline,
        outline_order(outline),
        {node: group.pairs for node, group in plan.groups.items()},
        attempts,
        readable,
        same=set(range(plan.size)),
        given=(),
        now=now,
    )
