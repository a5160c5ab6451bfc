"""Mermaid, DOT and JSON: valid whatever the labels are."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.draw import document, dot, mermaid
from flowkit.draw.drawing import Drawing, Edge, Node

CASE = Drawing(
    "etl",
    (Node("p", "path", kind="parameter"), Node("c", "is large"), Node("m", "clean", mapped=True)),
    (Edge("p", "c"), Edge("c", "m", "True")),
)


def labelled(text: str) -> Drawing:
    return Drawing(text, (Node("a" + text, text), Node("b", text, True)), (Edge("a" + text, "b", text),))


def test_mermaid_names_nodes_by_number_and_shapes_them_by_kind() -> None:
    assert mermaid.render(CASE, "right").split("\n") == [
        "flowchart LR",
        '    n0(["path"])',
        '    n1["is large"]',
        '    n2[["clean"]]',
        "    n0 --> n1",
        '    n1 -->|"True"| n2',
    ]


def test_dot_frames_mapped_tasks_twice_and_dashes_parameters() -> None:
    assert dot.render(CASE).split("\n") == [
        'digraph "etl" {',
        "    rankdir=TB;",
        '    node [shape=box, style="rounded"];',
        '    n0 [label="path", style="rounded,dashed"];',
        '    n1 [label="is large"];',
        '    n2 [label="clean", peripheries=2];',
        "    n0 -> n1;",
        '    n1 -> n2 [label="True"];',
        "}",
    ]


def test_the_document_has_everything_and_its_schema() -> None:
    assert json.loads(document.render(CASE)) == {
        "schema": 1,
        "name": "etl",
        "nodes": [
            {"key": "p", "label": "path", "mapped": False, "kind": "parameter"},
            {"key": "c", "label": "is large", "mapped": False, "kind": "task"},
            {"key": "m", "label": "clean", "mapped": True, "kind": "task"},
        ],
        "edges": [
            {"source": "p", "target": "c", "label": ""},
            {"source": "c", "target": "m", "label": "True"},
        ],
    }


@given(text=st.text(max_size=30))
@settings(max_examples=200)
def test_no_label_gets_out_of_its_quotes(text: str) -> None:
    drawing = labelled(text)
    node = r'n0\["[^"\n]+"\]|n1\[\["[^"\n]+"\]\]|n0 -->(\|"[^"\n]+"\|)? n1'
    assert all(re.fullmatch(node, line.strip()) for line in mermaid.render(drawing).split("\n")[1:])
    quoted = r'"(?:[^"\\\n]|\\["\\])*"'
    statements = dot.render(drawing).split("\n")
    assert re.fullmatch(rf"digraph {quoted} \{{", statements[0])
    for line in statements[3:-1]:
        assert re.fullmatch(rf"(n0|n1|n0 -> n1)( \[label={quoted}(, peripheries=2)?\])?;", line.strip())
    assert json.loads(document.render(drawing))["nodes"][0]["label"] == text
