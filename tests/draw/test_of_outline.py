"""The drawing of what a run was made of: as the history has it, whatever is left of that."""

from __future__ import annotations

from flowkit.draw.drawing import Edge, Node
from flowkit.draw.of_outline import drawing_of_outline

OUTLINE = {
    "keys": ["day", "load", "kind", "case(csv)", "List", "parse", "save"],
    "hidden": [0, 3, 4],
    "parameters": {"day": 0},
    "mapped": [5],
    "upstreams": [[], [0], [1], [2], [1, 2], [4, 3], [5]],
    "gates": {"5": [[3, None, False]], "6": [[2, True, False]]},
}


def test_nodes_are_parameters_tasks_and_mapped_ones_and_edges_lead_through_what_only_carries() -> None:
    drawing = drawing_of_outline("etl", OUTLINE)
    assert drawing.nodes == (
        Node("day", "day", kind="parameter"),
        Node("load", "load"),
        Node("kind", "kind"),
        Node("parse", "parse", mapped=True),
        Node("save", "save"),
    )
    assert drawing.edges == (
        Edge("day", "load"),
        Edge("load", "kind"),
        Edge("load", "parse"),
        Edge("kind", "parse", "csv"),
        Edge("parse", "save"),
        Edge("kind", "save", "True"),
    )


def test_a_run_that_went_on_with_another_flow_has_the_keys_of_the_new_one() -> None:
    changed = {"keys": ["load", "gone", "clean"], "ids": [0, 2], "upstreams": [[], [0]]}
    drawing = drawing_of_outline("etl", changed)
    assert [node.key for node in drawing.nodes] == ["load", "clean"]
    assert drawing.edges == (Edge("load", "clean"),)


def test_of_what_is_not_kept_any_more_there_is_nothing() -> None:
    assert drawing_of_outline("etl", {}).nodes == ()
    assert drawing_of_outline("etl", {"keys": ["a"]}).nodes == (Node("a", "a"),)
