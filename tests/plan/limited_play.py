"""Scenarios played with limits, in a world whose slots other runs take and leave."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, cast

from play import Make, Play
from reference import Scenario

from flowkit.plan.limited import LimitedMachine
from flowkit.plan.limits import Limits, Pool, Wants
from flowkit.plan.machine import Machine
from flowkit.plan.plan import Plan

POOLS = (
    Pool("processors", 4, is_limit=False),
    Pool("db", 1),
    Pool("api", 2),
    Pool("disk", 1, outside=1),
    Pool("net", 2, outside=3),
)


def some_limits(plan: Plan, chance: random.Random) -> Limits:
    """Some nodes want something of some pools."""
    kinds: dict[Wants, int] = {}
    kind_of = {}
    for node in range(plan.size):
        wants = tuple(
            (number, chance.randint(1, pool.size) if not pool.is_limit else 1)
            for number, pool in enumerate(POOLS)
            if chance.random() < 0.35
        )
        if wants:
            kind_of[node] = kinds.setdefault(wants, len(kinds))
    return Limits(POOLS, tuple(kinds), kind_of, {})


def limited(seed: int) -> Make:
    """Makes machines with limits that depend on the seed alone."""

    def make(plan: Plan) -> Machine:
        return LimitedMachine(plan, some_limits(plan, random.Random(seed)))

    return make


class World:
    """The slots of a machine, which runs share."""

    def __init__(self) -> None:
        self.left = [pool.outside for pool in POOLS]


class LimitedPlay(Play):
    """As `Play`, where what runs at once is counted, and slots come and go."""

    def __init__(self, make: Make, scenario: Scenario, chance: random.Random, *args: Any) -> None:
        super().__init__(make, scenario, chance, *args)
        self.limited = cast(LimitedMachine, self.machine)
        self.world = World()
        self.others = [0] * len(POOLS)
        self.holding: set[tuple[int, ...]] = set()
        self.alone = False  # nobody else takes slots

    def moves(self) -> list[Callable[[], None]]:
        moves = super().moves()
        if any(self.world.left[pool] for pool in self.limited.asking):
            moves += [self.grant] * 2
        if any(self.others):
            moves.append(self.another_leaves)
        if moves and not self.alone and any(self.world.left):
            moves.append(self.another_comes)
        return moves

    def may_go_ahead(self, lane: int, node: int) -> bool:
        return super().may_go_ahead(lane, node) and node not in self.limited.limits.kind_of

    def ready_lanes(self) -> list[int]:
        """A look at one lane may give a slot back that another has not used yet."""
        found = super().ready_lanes()
        while (again := super().ready_lanes()) != found:
            found = again
        return found

    def grant(self) -> None:
        pool = self.chance.choice([pool for pool in self.limited.asking if self.world.left[pool]])
        if self.limited.grant(pool):
            self.world.left[pool] -= 1

    def another_comes(self) -> None:
        pool = self.chance.choice([pool for pool, left in enumerate(self.world.left) if left])
        self.world.left[pool] -= 1
        self.others[pool] += 1

    def another_leaves(self) -> None:
        pool = self.chance.choice([pool for pool, some in enumerate(self.others) if some])
        self.world.left[pool] += 1
        self.others[pool] -= 1

    def take(self) -> None:
        lane = self.chance.choice(self.ready_lanes())
        kinds = self.limited.limits.kind_of
        possible = [
            node
            for node in self.limited.queued()
            if self.plan.lane_of[node] == lane
            and (node not in kinds or self.limited._lack(kinds[node]) is None)
        ]
        call = self.machine.take(lane, self.now)
        assert call is not None, "what is ready is handed out"
        assert call[0] == min(possible), "what goes first among those that can have what they want"
        self.holding.add(call)
        self.took(lane, call)
        self.within_limits()

    def within_limits(self) -> None:
        self.holding &= self.out.keys()
        limits = self.limited.limits
        for number, pool in enumerate(POOLS):
            held = sum(
                dict(limits.kinds[limits.kind_of[call[0]]]).get(number, 0)
                for call in self.holding
                if call[0] in limits.kind_of
            )
            assert held <= pool.size, f"{pool.name} is overdrawn"
            assert held <= self.limited.granted[number] or not pool.outside, "a slot is had before it is used"

    def look(self) -> None:
        super().look()
        self.holding &= self.out.keys()
        for pool in self.limited.returned:
            self.world.left[pool] += 1
        self.limited.returned.clear()
        if self.machine.over:
            assert not any(self.limited.taken), "nothing is held after the end"
        for number, pool in enumerate(POOLS):
            if pool.outside:
                assert self.world.left[number] >= 0
