"""The channel: wires of different nets never lie on each other, whatever their ends demand."""

from __future__ import annotations

from itertools import combinations, permutations

from hypothesis import given
from hypothesis import strategies as st

from flowkit.draw.channel import Wire, routed
from flowkit.draw.nets import Net


def net(tops: tuple[int, ...], bottoms: tuple[int, ...]) -> Net:
    return Net(tops, bottoms, {x: x for x in tops}, {x: x for x in bottoms})


def vertical_parts(wire: Wire, tracks: int) -> set[tuple[int, int]]:
    """The half-rows that the wire's uprights cover: row 2t is track t, -1 the layer above."""
    above = [(column, row) for column in wire.tops for row in range(-1, 2 * wire.track)]
    below = [(column, row) for column in wire.bottoms for row in range(2 * wire.track, 2 * tracks)]
    return {*above, *below}


def horizontal_parts(wire: Wire) -> set[tuple[int, int]]:
    low, high = wire.span
    return set() if wire.is_straight else {(wire.track, column) for column in range(low, high + 1)}


@given(
    order=st.permutations(range(8)),
    split=st.lists(st.integers(0, 2), min_size=8, max_size=8),
    shared=st.booleans(),
)
def test_wires_of_different_nets_share_no_stretch(order: list[int], split: list[int], shared: bool) -> None:
    nets = [
        net(
            tuple(column for column in range(8) if split[column] == number),
            tuple(column for column in range(8) if split[order[column]] == number),
        )
        for number in range(3)
        if number in split
    ]
    wires, tracks = routed(nets, shared=shared)
    for one, other in combinations(wires, 2):
        if one.owner != other.owner:
            assert not horizontal_parts(one) & horizontal_parts(other)
            assert not vertical_parts(one, tracks) & vertical_parts(other, tracks)


def test_ends_that_demand_a_circle_are_led_round_it() -> None:
    wires, tracks = routed([net((2,), (8,)), net((8,), (2,))])
    assert tracks == 3
    (second,) = (wire for wire in wires if wire.upper is not None)
    assert second.upper is not None and second.upper.track < second.track
    assert second.joint == second.upper.joint and second.joint not in (2, 8)


def test_nets_that_do_not_meet_share_a_track() -> None:
    assert routed([net((0,), (4,)), net((10,), (14,))])[1] == 1
    assert routed([net((0,), (4,)), net((10,), (14,))], shared=False)[1] == 2


def test_the_order_of_tracks_avoids_crossings() -> None:
    for nets in permutations([net((0,), (10,)), net((4,), (14,)), net((8,), (18,))]):
        wires, _ = routed(nets)
        track = {wire.tops[0]: wire.track for wire in wires}
        assert track[8] < track[4] < track[0]
