"""The children of a mapped node, as columns: a pending child is bytes, not an object."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from heapq import heappop, heappush

from flowkit.plan.events import Detail
from flowkit.plan.status import READY


class Order:
    """The children of which some go first, the others by number; costs nothing for those others.

    Args:
        first: the numbers of those, once each or more often.
    """

    __slots__ = ("_first", "_places", "_shifts", "_sorted")

    def __init__(self, first: Iterable[int]) -> None:
        self._first = list(dict.fromkeys(first))
        self._places = {child: rank for rank, child in enumerate(self._first)}
        self._sorted = sorted(self._first)
        # How many others are before each of them.
        self._shifts = [child - before for before, child in enumerate(self._sorted)]

    def child(self, rank: int) -> int:
        """The child of a rank."""
        if rank < len(self._first):
            return self._first[rank]
        other = rank - len(self._first)
        return other + bisect_right(self._shifts, other)

    def rank(self, child: int) -> int:
        """The rank of a child."""
        place = self._places.get(child)
        return len(self._first) + child - bisect_left(self._sorted, child) if place is None else place


class Group:
    """A mapped node that has expanded.

    Args:
        width: how many children there are.
        pairs: for how many mapped nodes each child waits.

    Attributes:
        states: a status a child.
        waits: for how many tasks each child still waits.
        left: children that have not ended.
        next: children whose rank is this or more are ready and were never taken.
        ready: the ranks of other ready children, a heap.
        order: which child has which rank; None: that of its number.
        base: total, bad and skipped among the upstreams that all children share.
        counted: mapped nodes whose child *i* is an upstream of child *i*.
        flat: for each flattened mapped node, the child and place that each element came from.
        details: facts about the children, where something is decided by them.
    """

    __slots__ = (
        "base",
        "counted",
        "details",
        "flat",
        "left",
        "next",
        "order",
        "ready",
        "states",
        "waits",
        "width",
    )

    def __init__(self, width: int, pairs: int) -> None:
        self.width = width
        self.states = bytearray(width)
        self.waits: bytearray | list[int] = bytearray([pairs]) * width if pairs < 256 else [pairs] * width
        self.left = width
        self.next = width
        self.ready: list[int] = []
        self.order: Order | None = None
        self.base = (0, 0, 0)
        self.counted: tuple[int, ...] = ()
        self.flat: dict[int, list[tuple[int, int]]] = {}
        self.details: dict[int, Detail] = {}

    def put_first(self, children: Iterable[int]) -> None:
        """Give these out before the others, in this order; before any child is ready."""
        self.order = Order(child for child in children if child < self.width)

    def all_ready(self) -> None:
        """Make every child ready."""
        self.states = bytearray([READY]) * self.width
        self.next = 0

    def push(self, index: int) -> None:
        """Make one child ready."""
        self.states[index] = READY
        heappush(self.ready, index if self.order is None else self.order.rank(index))

    def pop(self) -> int:
        """The first ready child."""
        if self.ready and (self.next >= self.width or self.ready[0] < self.next):
            rank = heappop(self.ready)
        else:
            rank = self.next
            self.next += 1
        return rank if self.order is None else self.order.child(rank)

    def pop_many(self, most: int) -> list[int]:
        """As many of the first ready children as there are, up to this many."""
        if not self.ready and self.order is None:
            at = self.next
            self.next = min(self.width, at + most)
            return list(range(at, self.next))
        found: list[int] = []
        while len(found) < most and self.has_ready:
            found.append(self.pop())
        return found

    @property
    def has_ready(self) -> bool:
        """Whether `pop` has something to give."""
        return self.next < self.width or bool(self.ready)
