"""A machine whose calls share what there is a limit of.

A call that is out *holds* what it wants of each pool. What is ready and cannot have that is set aside,
where it is in nobody's way; it is looked at again when something of the pool that it lacks is free.

Slots of the machine come from outside: this one says which it is `asking` for, is told by `grant`, and
leaves in `returned` what it needs no more.

When something of a pool is free, as many are brought back as could have it, those that go first; it is
*promised* to them until they are taken, or turn out to lack something else. A promise keeps nobody from
taking what is free: it only keeps others of the same lane, which go later, from being brought back in vain.

Guarantees: no more is held of a pool than there is; what is set aside lacks something of the pool that it
is set aside for, but for what is promised in its lane; a call holds nothing once its attempt has ended or
was given up; nobody who waits for a slot of the machine keeps one that comes later in the order of pools,
so that two runs cannot wait for each other.
A stimulus costs what it does without limits, and a look at each different amount that is wanted of the
pools that it is about, of which limits have one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from heapq import heappop, heappush
from typing import Any

from flowkit.plan.events import Call, Row
from flowkit.plan.limits import Limits
from flowkit.plan.machine import Machine
from flowkit.plan.plan import Plan

Line = tuple[int, int]  # a lane and a kind of wants: the nodes that are set aside together


class LimitedMachine(Machine):
    """One run of a plan that has limits.

    Attributes:
        taken: of each pool, what the calls that are out hold.
        granted: of each pool of the machine, the slots that this run has.
        asking: the pools of the machine of which another slot is waited for.
        returned: pools of which a slot is to be given back, once for each.
    """

    def __init__(self, plan: Plan, limits: Limits, **options: Any) -> None:
        super().__init__(plan, **options)
        self.limits = limits
        self.taken = [0] * len(limits.pools)
        self.granted = [0] * len(limits.pools)
        self.asking: set[int] = set()
        self.returned: list[int] = []
        self._holders: set[tuple[int, int]] = set()
        self._aside: dict[Line, list[int]] = {}
        self._lacks: dict[Line, int] = {}
        self._lacking = [0] * len(limits.pools)
        # Of each pool, by lane and by amount: heaps of first node and line, where some are over already.
        self._waiting: list[dict[int, dict[int, list[tuple[int, Line]]]]] = [{} for _ in limits.pools]
        self._promises: dict[Line, tuple[int, int, int]] = {}  # pool, amount, and the node that is brought
        self._promised: defaultdict[Line, int] = defaultdict(int)  # by pool and lane

    # -- stimuli ------------------------------------------------------------------------------

    def take(self, lane: int, now: float) -> Call | None:
        """The ready call of this lane that goes first among those that can have what they want."""
        self._set_aside(lane)
        call = super().take(lane, now)
        if call is not None and call[0] in self.limits.kind_of:
            self._holders.add(call[:2])
            for pool, amount in self._wants(call[0]):
                self.taken[pool] += amount
            self._bring_next(lane, call[0])
        return call

    def take_to_look(self, lane: int, nodes: Container[int], most: int) -> list[Call]:
        """As without limits: a look takes nothing of what there is a limit of."""
        calls = super().take_to_look(lane, nodes, most)
        for call in calls:
            self._bring_next(lane, call[0])
        return calls

    def done(self, row: Row) -> bool:
        """Take the end of an attempt, and let others have what it held."""
        if not super().done(row):
            return False
        if row[0] in self.limits.kind_of:
            self._let_go(row[0], row[1])
        return True

    def grant(self, pool: int) -> bool:
        """A slot of the machine has come that was asked for; False where nobody waits for it any more."""
        self.asking.discard(pool)
        if self.stopping or not self._lacking[pool]:
            return False
        self.granted[pool] += 1
        self._look_again(pool)
        return True

    # -- questions ----------------------------------------------------------------------------

    def ready(self, lane: int) -> int:
        """As without limits, of the calls that can have what they want; at most so many."""
        self._set_aside(lane)
        return super().ready(lane)

    @property
    def stuck(self) -> bool:
        """Whether nothing can ever happen again though not everything has ended: a bug."""
        return super().stuck and not self.asking

    @property
    def rests(self) -> bool:
        """Whether nothing happens any more unless somebody calls `resume`."""
        return super().rests and not self.asking

    def delayed(self) -> list[tuple[int, int]]:
        """Of those that are set aside together the first node, and the pool that it lacks. Safe in any
        thread, where what it says may be over already."""
        lines = [(self._aside.get(line, [])[:1], pool) for line, pool in self._lacks.copy().items()]
        return sorted((nodes[0], pool) for nodes, pool in lines if nodes)

    def queued(self) -> list[int]:
        """The nodes that are ready, or have children that are."""
        return [*super().queued(), *(node for nodes in self._aside.values() for node in nodes)]

    # -- what is free -------------------------------------------------------------------------

    def free(self, pool: int) -> int:
        """How much of a pool a call could have now."""
        of = self.limits.pools[pool]
        return (self.granted[pool] if of.outside else of.size) - self.taken[pool]

    def _wants(self, node: int) -> tuple[tuple[int, int], ...]:
        return self.limits.kinds[self.limits.kind_of[node]]

    def _lack(self, kind: int) -> int | None:
        """The first pool that has too little for calls of a kind."""
        for pool, amount in self.limits.kinds[kind]:
            if self.free(pool) < amount:
                return pool
        return None

    def _let_go(self, node: int, index: int) -> None:
        """An attempt is over, or was looked at: what it held is free."""
        holds = (node, index) in self._holders
        self._holders.discard((node, index))
        for pool, amount in self._wants(node):
            if holds:
                self.taken[pool] -= amount
                self._give_back(pool, amount)
            else:
                self._give_back(pool, self.free(pool))
            self._look_again(pool)

    def _give_back(self, pool: int, slots: int) -> None:
        """Leave so many slots of the machine to whoever waits for them."""
        if self.limits.pools[pool].outside:
            self.granted[pool] -= slots
            self.returned += [pool] * slots

    # -- what is set aside --------------------------------------------------------------------

    def _set_aside(self, lane: int) -> None:
        """Take away what goes first and cannot have what it wants, until something can."""
        heap, kind_of = self._ready[lane], self.limits.kind_of
        while heap and heap[0] in kind_of and not self.stopping:
            line = lane, kind_of[heap[0]]
            lack = self._lack(line[1])
            if lack is None:
                return
            nodes = self._aside.setdefault(line, [])
            node = heappop(heap)
            heappush(nodes, node)
            if line not in self._lacks:
                self._wait_for(line, lack)
                self._lift_promise(line)
            elif nodes[0] == node:  # the others waited already, for their turn perhaps, which is its now
                self._note(line, self._lacks[line])
                self._look_again(self._lacks[line])

    def _wait_for(self, line: Line, pool: int) -> None:
        self._lacks[line] = pool
        self._lacking[pool] += 1
        self._note(line, pool)
        if self.limits.pools[pool].outside:
            for other, _ in self.limits.kinds[line[1]]:
                if other > pool:
                    self._give_back(other, self.free(other))
            if self._may_ask(pool):
                self.asking.add(pool)

    def _may_ask(self, pool: int) -> bool:
        of = self.limits.pools[pool]
        return bool(of.outside) and self.granted[pool] < of.size

    def _note(self, line: Line, pool: int) -> None:
        by_amount = self._waiting[pool].setdefault(line[0], {})
        heappush(by_amount.setdefault(self._amount(line, pool), []), (self._aside[line][0], line))

    def _amount(self, line: Line, pool: int) -> int:
        return next(amount for wanted, amount in self.limits.kinds[line[1]] if wanted == pool)

    def _look_again(self, pool: int) -> None:
        """There may be more of a pool: let those who lacked it go on, or wait for what else they lack."""
        for lane in self._waiting[pool]:
            while not self.stopping and (line := self._first(pool, lane)) is not None:
                del self._lacks[line]
                self._lacking[pool] -= 1
                lack = self._lack(line[1])
                if lack is None:
                    self._promise(line, pool)
                    self._bring(line)
                else:
                    self._wait_for(line, lack)
        if self._lacking[pool] and self._may_ask(pool) and not self.stopping:
            self.asking.add(pool)

    def _first(self, pool: int, lane: int) -> Line | None:
        """Of those who lack something of a pool and could have it, who goes first."""
        free = self.free(pool)
        found: list[tuple[int, Line]] | None = None
        for amount, waiting in self._waiting[pool][lane].items():
            if amount <= free:
                while waiting and not self._still_waits(*waiting[0], pool):
                    heappop(waiting)
                is_first = bool(waiting) and (found is None or waiting[0] < found[0])
                if is_first and self._may_have(pool, lane, amount, waiting[0][0]):
                    found = waiting
        return None if found is None else heappop(found)[1]

    def _may_have(self, pool: int, lane: int, amount: int, node: int) -> bool:
        """Whether there is so much for a node, besides what is promised to those that go before it."""
        free = self.free(pool)
        if amount <= free - self._promised[pool, lane] or amount > free:
            return amount <= free
        before = [first for line, (of, _, first) in self._promises.items() if of == pool and line[0] == lane]
        return node < min(before)

    def _still_waits(self, node: int, line: Line, pool: int) -> bool:
        return self._lacks.get(line) == pool and self._aside[line][0] == node

    def _promise(self, line: Line, pool: int) -> None:
        amount = self._amount(line, pool)
        self._promises[line] = pool, amount, self._aside[line][0]
        self._promised[pool, line[0]] += amount

    def _lift_promise(self, line: Line) -> None:
        """It has been brought back and taken, or in vain: others may have what was promised."""
        pool, amount, _ = self._promises.pop(line, (-1, 0, -1))
        if amount:
            self._promised[pool, line[0]] -= amount
            self._look_again(pool)

    def _bring_next(self, lane: int, node: int) -> None:
        """One has gone: the next of its kind, if it does not lack anything, is again among what is ready."""
        kind = self.limits.kind_of.get(node)
        if kind is not None:
            if (lane, kind) not in self._lacks:
                self._bring((lane, kind))
            self._lift_promise((lane, kind))

    def _bring(self, line: Line) -> None:
        nodes = self._aside.get(line)
        if nodes:
            heappush(self._ready[line[0]], heappop(nodes))

    def _close_if_stopped(self, now: float) -> None:
        super()._close_if_stopped(now)
        if self.stopping:
            self.asking.clear()
        if not self._open:
            self._aside.clear()
            self._lacks.clear()
            self._lacking = [0] * len(self._lacking)

    def promises(self) -> list[tuple[str, bool]]:
        """What must hold after each stimulus, and whether it does."""
        from flowkit.plan.invariants import invariants_of_limits

        return [*super().promises(), *invariants_of_limits(self)]
