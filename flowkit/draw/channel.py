"""Channel: the room between two layers, and the tracks in it that nets run along.

Guarantee: lines of different nets meet at right angles only, so a crossing cannot be taken for a
join. Where the ends of two nets share a column, the one that comes from above keeps to the upper
track; where such demands form a circle, a net changes tracks at a column of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from flowkit.draw.nets import Net

_PASSES = 50


@dataclass(slots=True, eq=False)
class Wire:
    """A net, or the half of one, that runs along a single track.

    Args:
        owner: the net's number.
        tops, bottoms: columns where it leaves to the layer above and the layer below.
        joint: the column where it goes on in another wire of the same net, if it does.
        upper: the wire that it continues from, down the joint.
        track: from 0 at the top; -1 for a wire that goes straight through.
    """

    owner: int
    tops: list[int]
    bottoms: list[int]
    joint: int | None = None
    upper: Wire | None = None
    track: int = field(default=-1)

    @property
    def span(self) -> tuple[int, int]:
        columns = [*self.tops, *self.bottoms, *([] if self.joint is None else [self.joint])]
        return min(columns), max(columns)

    @property
    def is_straight(self) -> bool:
        low, high = self.span
        return low == high and self.joint is None


def routed(nets: Sequence[Net], *, shared: bool = True) -> tuple[list[Wire], int]:
    """Return the wires of pinned nets, with their tracks, and the number of tracks.

    Args:
        nets: all nets between two layers.
        shared: whether wires may share a track and meet corner to corner; both need corners that show
            which way they turn.
    """
    wires = [
        Wire(number, sorted(net.tops.values()), sorted(net.bottoms.values()))
        for number, net in enumerate(nets)
    ]
    straight = [wire for wire in wires if wire.is_straight]
    bent = _sorted_by_demands([wire for wire in wires if not wire.is_straight], straight)
    bent = _with_fewer_crossings(bent)
    for number, wire in enumerate(bent):
        wire.track = max((_first_track(earlier, wire, shared) for earlier in bent[:number]), default=0)
    return [*bent, *straight], max((wire.track + 1 for wire in bent), default=0)


def _first_track(earlier: Wire, wire: Wire, shared: bool) -> int:
    """Return the first track for a wire that comes after another in the order."""
    if not shared:
        return earlier.track + (2 if _must_precede(earlier, wire) else 1)
    (low, high), (other_low, other_high) = earlier.span, wire.span
    return earlier.track + 1 if low <= other_high + 1 and other_low <= high + 1 else 0


def _must_precede(first: Wire, second: Wire) -> bool:
    return second.upper is first or not set(first.tops).isdisjoint(second.bottoms)


def _sorted_by_demands(wires: list[Wire], straight: list[Wire]) -> list[Wire]:
    """Sort so that every wire comes after those that must be above it, splitting wires in circles."""
    done: list[Wire] = []
    waiting = list(wires)
    while waiting:
        free = [
            wire
            for wire in waiting
            if not any(_must_precede(other, wire) for other in waiting if other is not wire)
        ]
        if free:
            done += free
            waiting = [wire for wire in waiting if wire not in free]
        else:
            first = _in_circle(waiting)
            upper, lower = _split(first, [*done, *waiting, *straight])
            waiting[waiting.index(first) : waiting.index(first) + 1] = [upper, lower]
    return done


def _in_circle(waiting: list[Wire]) -> Wire:
    """A wire of a circle of demands: go back along them until a wire comes again."""
    wire, seen = waiting[0], set[int]()
    while id(wire) not in seen:
        seen.add(id(wire))
        wire = next(other for other in waiting if other is not wire and _must_precede(other, wire))
    return wire


def _split(wire: Wire, others: list[Wire]) -> tuple[Wire, Wire]:
    taken = {column for other in others for column in (*other.tops, *other.bottoms, other.joint)}
    low, high = wire.span
    middle = (low + high) // 2
    nearest = (middle + side for step in count() for side in (step, -step))
    joint = next(column for column in nearest if column >= 0 and column not in taken)
    upper = Wire(wire.owner, wire.tops, [], joint)
    return upper, Wire(wire.owner, [], wire.bottoms, joint, upper)


def _with_fewer_crossings(wires: list[Wire]) -> list[Wire]:
    """Let neighbours change places where that removes crossings and no demand forbids it."""
    wires = list(wires)
    for _ in range(_PASSES):
        changed = False
        for number in range(len(wires) - 1):
            first, second = wires[number], wires[number + 1]
            if not _must_precede(first, second) and _crossings(second, first) < _crossings(first, second):
                wires[number], wires[number + 1] = second, first
                changed = True
        if not changed:
            break
    return wires


def _crossings(above: Wire, below: Wire) -> int:
    (low, high), (other_low, other_high) = above.span, below.span
    return sum(low < column < high for column in below.tops) + sum(
        other_low < column < other_high for column in above.bottoms
    )
