"""A drawing is checked when it is made, so that every picture may rely on it."""

from __future__ import annotations

import pytest

from flowkit.draw.drawing import Drawing, Edge, Node

A, B, C = Node("a", "A"), Node("b", "B"), Node("c", "C")


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ((A, A), (), "node `a` is given 2 times"),
        ((A, B), (Edge("a", "b"), Edge("a", "b")), r"edge `\('a', 'b', ''\)` is given 2 times"),
        ((A,), (Edge("a", "z"),), "names the unknown node `z`"),
        ((A,), (Edge("z", "a"),), "names the unknown node `z`"),
        ((A,), (Edge("a", "a"),), "cycle: `a -> a`"),
        ((A, B, C), (Edge("a", "b"), Edge("b", "c"), Edge("c", "a")), "the edges form a cycle"),
    ],
)
def test_what_is_no_drawing_is_refused(
    nodes: tuple[Node, ...], edges: tuple[Edge, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Drawing("x", nodes, edges)


def test_parallel_edges_are_merged_and_keep_their_labels() -> None:
    edges = (Edge("a", "b", "True"), Edge("a", "b"), Edge("a", "b", "1"), Edge("b", "c"))
    merged = Drawing("x", (A, B, C), edges).merged_edges()
    assert merged == (Edge("a", "b", "True, 1"), Edge("b", "c"))


def test_components_come_in_the_order_of_their_first_nodes() -> None:
    parts = Drawing("x", (A, B, C), (Edge("a", "c"),)).components()
    assert [[node.key for node in part.nodes] for part in parts] == [["a", "c"], ["b"]]
    assert [part.edges for part in parts] == [(Edge("a", "c"),), ()]
