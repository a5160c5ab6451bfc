"""Groups: nodes that belong together by name or tag, never so that a cycle comes about."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.draw.drawing import Drawing, Edge, Node
from flowkit.draw.groups import Grouping, _stages, grouped, groupings_of
from flowkit.draw.mark import Mark

OK = Mark(word="ok", symbol="✓", tone="good")
BAD = Mark(word="failed", symbol="✗", tone="bad")


def drawing_of(names: list[str], *pairs: tuple[str, str]) -> Drawing:
    return Drawing("x", tuple(Node(name, name) for name in names), tuple(Edge(*pair) for pair in pairs))


def groups(
    drawing: Drawing, tags: dict[str, list[str]] | None = None
) -> dict[str, dict[str, tuple[str, ...]]]:
    return {grouping.by: dict(grouping.groups) for grouping in groupings_of(drawing, tags or {})}


def test_numbers_behind_names_are_left_off() -> None:
    names = [
        "load",
        "load-2",
        "mProject_ID0000001",
        "mProject_ID0000002",
        "s1_x",
        "part 1.2",
        "part 1.3",
        "7",
    ]
    assert groups(drawing_of(names)) == {
        "name": {
            "load": ("load", "load-2"),
            "mProject": ("mProject_ID0000001", "mProject_ID0000002"),
            "part": ("part 1.2", "part 1.3"),
        }
    }


def test_a_tag_groups_too_and_a_single_node_is_no_group() -> None:
    drawing = drawing_of(["a", "b", "c"])
    assert groups(drawing, {"a": ["io"], "c": ["io", "slow"], "b": ["slow"]}) == {"tag": {"io": ("a", "c")}}
    assert groups(drawing) == {}


def test_a_group_that_would_close_a_circle_is_left_out() -> None:
    drawing = drawing_of(["a", "b", "a-2"], ("a", "b"), ("b", "a-2"))
    assert groups(drawing) == {}
    two = drawing_of(["a", "a-2", "b", "b-2"], ("a", "b"), ("b-2", "a-2"))
    assert len(groups(two)["name"]) == 1


def test_a_large_graph_that_names_do_not_make_readable_is_grouped_by_stage() -> None:
    names = [f"step_{number}" for number in range(100)]
    pairs = [(names[number], names[number + 20]) for number in range(80)]
    found = groups(drawing_of(names, *pairs, ("step_0", "step_99")))
    assert list(found) == ["stage", "name"]
    assert list(found["stage"]) == [f"stage {number}" for number in range(1, 6)]
    assert found["stage"]["stage 2"] == tuple(names[20:40])
    small = drawing_of(names[:80], *pairs[:60])
    assert list(groups(small)) == ["name"]
    chain = drawing_of(names, *pairwise(names))
    assert list(groups(chain)) == ["name"]  # no two are at one stage


def test_a_group_is_one_node_that_stands_as_the_worst_of_it() -> None:
    drawing = drawing_of(["in", "a", "a-2", "out"], ("in", "a"), ("in", "a-2"), ("a", "out"), ("a-2", "out"))
    (grouping,) = groupings_of(drawing, {})
    together, marks = grouped(drawing, grouping, {"in": OK, "a": OK, "a-2": BAD})
    assert [node.label for node in together.nodes] == ["in", "a · 2 tasks", "out"]
    assert [(edge.source, edge.target) for edge in together.edges] == [("in", "group a"), ("group a", "out")]
    assert marks["group a"].line == "✗ failed · 1 of 2 ok"
    assert marks["in"] == OK
    assert "out" not in marks


@given(pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
@settings(max_examples=100)
def test_whatever_is_grouped_stays_without_cycles(pairs: list[tuple[int, int]]) -> None:
    names = [f"{'abc'[number % 3]}-{number}" for number in range(10)]
    edges = {(names[min(pair)], names[max(pair)]) for pair in pairs if pair[0] != pair[1]}
    drawing = drawing_of(names, *sorted(edges))
    for grouping in (*groupings_of(drawing, {}), Grouping("stage", _stages(drawing))):
        together, _ = grouped(drawing, grouping, {})
        assert len(together.nodes) == 10 - sum(len(keys) - 1 for keys in grouping.groups.values())
