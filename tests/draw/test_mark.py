"""Marks: what became of a node in words, and which nodes the end of a run waited for."""

from __future__ import annotations

from flowkit.draw.drawing import Drawing, Edge, Node
from flowkit.draw.mark import Mark, critical_path, is_critical_edge, with_critical_path


def drawing_of(*pairs: str) -> Drawing:
    keys = dict.fromkeys(key for pair in pairs for key in pair.split())
    edges = tuple(Edge(*pair.split()) for pair in pairs if " " in pair)
    return Drawing("x", tuple(Node(key, key) for key in keys), edges)


def ran(began: float, ended: float) -> Mark:
    return Mark(word="ok", symbol="✓", tone="good", began=began, ended=ended, seconds=ended - began)


def test_a_mark_is_read_in_one_line_with_or_without_signs() -> None:
    mark = Mark(word="failed", symbol="✗", tone="bad", count="3 of 4 ok", took="1.2s")
    assert mark.line == "✗ failed · 3 of 4 ok · 1.2s"
    assert mark.ascii == "failed, 3 of 4 ok, 1.2s"


def test_the_critical_path_leads_back_through_what_ended_last() -> None:
    drawing = drawing_of("load fast", "load slow", "fast join", "slow join", "alone")
    marks = {"load": ran(0, 1), "fast": ran(1, 2), "slow": ran(1, 5), "join": ran(5, 6), "alone": ran(0, 3)}
    assert critical_path(drawing, marks) == ("load", "slow", "join")
    critical = with_critical_path(drawing, marks)
    assert [key for key, mark in critical.items() if mark.is_critical] == ["load", "slow", "join"]
    assert [is_critical_edge(edge, critical) for edge in drawing.edges] == [False, True, False, True]


def test_an_edge_past_a_node_of_the_path_is_not_part_of_it() -> None:
    drawing = drawing_of("a b", "b c", "a c")
    critical = with_critical_path(drawing, {"a": ran(0, 1), "b": ran(1, 2), "c": ran(2, 3)})
    assert [is_critical_edge(edge, critical) for edge in drawing.edges] == [True, True, False]


def test_what_did_not_run_is_on_no_path() -> None:
    skipped = Mark(word="skipped", symbol="○", tone="still")
    drawing = drawing_of("load clean", "clean save")
    assert critical_path(drawing, {"load": ran(0, 1), "clean": skipped, "save": ran(1, 2)}) == ("save",)
    assert critical_path(drawing, {"load": skipped}) == ()
    assert critical_path(drawing, {}) == ()
