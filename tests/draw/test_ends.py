"""Where lines end: those of parameters beside the others, and never across them."""

from __future__ import annotations

from flowkit.draw.drawing import Edge
from flowkit.draw.ends import ends_of
from flowkit.draw.scene import Line


def line(source: str, across: int) -> Line:
    return Line(Edge(source, "t"), ((across, 0), (100, 50)), None)


def test_the_line_of_a_parameter_ends_beside_those_of_tasks() -> None:
    ends = ends_of([line("a", 100), line("warm", 160)], {"warm"}, "down")
    assert ends == {Edge("a", "t"): (100, 50), Edge("warm", "t"): (114, 50)}


def test_it_ends_with_them_where_it_would_cross_one() -> None:
    inside = [line("a", 200), line("warm", 160), line("cold", 40)]
    ends = ends_of(inside, {"warm", "cold"}, "down")
    assert ends[Edge("warm", "t")] == (100, 50)
    assert ends[Edge("cold", "t")] == (86, 50)


def test_parameters_alone_end_in_the_middle_together() -> None:
    ends = ends_of([line("cold", 40), line("warm", 160)], {"warm", "cold"}, "down")
    assert set(ends.values()) == {(100, 50)}
