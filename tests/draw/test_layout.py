"""The layout: edges go down, nothing overlaps, chains run straight, few edges cross."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.draw.drawing import Drawing, Edge, Node
from flowkit.draw.layout import Layout, crossings, layout
from flowkit.draw.ranks import ranks


def drawing_of(size: int, pairs: list[tuple[int, int]]) -> Drawing:
    nodes = tuple(Node(str(number), str(number)) for number in range(size))
    return Drawing("x", nodes, tuple(Edge(str(source), str(target)) for source, target in pairs))


def laid_out(size: int, pairs: list[tuple[int, int]], width: int = 5) -> Layout:
    drawing = drawing_of(size, pairs)
    return layout(drawing, {node.key: width for node in drawing.nodes})


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    size = draw(st.integers(1, 14))
    pairs = [(source, target) for target in range(size) for source in range(target)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=2 * size)) if pairs else []
    return size, chosen


@given(graph=graphs(), width=st.integers(1, 12))
@settings(max_examples=150)
def test_every_edge_goes_down_layer_by_layer(graph: tuple[int, list[tuple[int, int]]], width: int) -> None:
    picture = laid_out(*graph, width)
    assert Counter(route.edge for route in picture.routes) == Counter(drawing_of(*graph).edges)
    for route in picture.routes:
        ends = [picture.vertices[route.path[at]].key for at in (0, -1)]
        assert ends == [route.edge.source, route.edge.target]
        layers = [picture.vertices[number].layer for number in route.path]
        assert layers == list(range(layers[0], layers[0] + len(layers)))
        assert all(picture.vertices[number].key is None for number in route.path[1:-1])


@given(graph=graphs(), width=st.integers(1, 12))
@settings(max_examples=150)
def test_nothing_overlaps_and_nothing_sticks_out(
    graph: tuple[int, list[tuple[int, int]]], width: int
) -> None:
    picture = laid_out(*graph, width)
    assert sorted(number for layer in picture.layers for number in layer) == list(
        range(len(picture.vertices))
    )
    for y, layer in enumerate(picture.layers):
        row = [picture.vertices[number] for number in layer]
        assert [(vertex.layer, vertex.order) for vertex in row] == [(y, order) for order in range(len(row))]
        assert all(left.x + left.width // 2 < right.x - right.width // 2 for left, right in pairwise(row))
        assert row[0].x - row[0].width // 2 >= 0
        assert row[-1].x + row[-1].width // 2 < picture.width


@given(graph=graphs())
@settings(max_examples=50)
def test_the_same_drawing_is_laid_out_the_same(graph: tuple[int, list[tuple[int, int]]]) -> None:
    assert laid_out(*graph) == laid_out(*graph)


@given(graph=graphs())
@settings(max_examples=150)
def test_no_vertex_could_move_alone_and_shorten_the_edges(graph: tuple[int, list[tuple[int, int]]]) -> None:
    picture = laid_out(*graph)
    rank = [vertex.layer for vertex in picture.vertices]
    _, pairs = graph
    for vertex in range(graph[0]):
        above = [rank[source] for source, target in pairs if target == vertex]
        below = [rank[target] for source, target in pairs if source == vertex]
        if above and len(above) > len(below):
            assert rank[vertex] == max(above) + 1
        if below and len(below) > len(above):
            assert rank[vertex] == min(below) - 1


def test_ranks_are_as_short_as_can_be() -> None:
    arcs = [(0, 1, 1), (1, 2, 1), (2, 3, 1), (4, 3, 1), (4, 5, 1), (0, 5, 1)]
    rank = ranks(6, arcs)
    assert sum(rank[target] - rank[source] for source, target, _ in arcs) == 8


def test_a_chain_and_a_long_edge_run_straight() -> None:
    picture = laid_out(5, [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)])
    assert len({picture.vertices[number].x for number in (1, 2, 3)}) == 1
    (long_edge,) = (route for route in picture.routes if len(route.path) > 2)
    assert len({picture.vertices[number].x for number in long_edge.path[1:-1]}) == 1


def test_a_tree_is_drawn_without_a_crossing() -> None:
    assert crossings(laid_out(40, [((child - 1) // 3, child) for child in range(1, 40)])) == 0


def test_crossings_that_cannot_be_avoided_are_counted() -> None:
    everything = [(source, target) for source in range(3) for target in range(3, 6)]
    assert crossings(laid_out(6, everything)) == 9


def test_parts_that_nothing_joins_stand_side_by_side() -> None:
    picture = laid_out(4, [(0, 2), (1, 3)])
    assert picture.vertices[0].x < picture.vertices[1].x
    assert [vertex.layer for vertex in picture.vertices] == [0, 0, 1, 1]


def test_an_empty_drawing_has_an_empty_layout() -> None:
    assert laid_out(0, []) == Layout(0, (), (), ())


def test_a_very_long_chain_needs_no_recursion() -> None:
    size = 20_000
    assert len(laid_out(size, [(number, number + 1) for number in range(size - 1)]).layers) == size
