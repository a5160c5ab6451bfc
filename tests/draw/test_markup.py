"""Mermaid, DOT and JSON: valid whatever the labels are."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.draw import document, dot, mermaid
from flowkit.draw.drawing import Drawing, Edge, Node
from flowkit.draw.mark import Mark

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


MARKS = {
    "c": Mark(word="ok", symbol="✓", tone="good", took="2ms", seconds=0.002, ended=2.0, is_critical=True),
    "m": Mark(
        word="failed", symbol="✗", tone="bad", count="1 of 2 ok", done=1, total=2, ended=3.0, is_critical=True
    ),
    "p": Mark(word="a.csv", symbol="=", tone="still"),
}


def test_mermaid_shows_a_run() -> None:
    assert mermaid.render(CASE, marks=MARKS, caption="run 1 %%{init}").split("\n") == [
        "flowchart TD",
        "    %% run 1 %%(init)",
        '    n0(["path<br>= a.csv"])',
        '    n1["is large<br>✓ ok · 2ms"]',
        '    n2[["clean<br>✗ failed · 1 of 2 ok"]]',
        "    n0 --> n1",
        '    n1 ==>|"True"| n2',
        "    classDef still fill:#f3f4f6,stroke:#858f9d,color:#101828",
        "    classDef good fill:#e9f8ef,stroke:#1f8a4c,color:#101828",
        "    classDef bad fill:#fdecec,stroke:#cf3030,color:#101828",
        "    classDef critical stroke:#7c3aed,stroke-width:3px",
        "    class n0 still",
        "    class n1 good",
        "    class n1,n2 critical",
        "    class n2 bad",
    ]


def test_dot_shows_a_run() -> None:
    lines = dot.render(CASE, marks=MARKS, caption='run "1"').split("\n")
    assert lines[3] == r'    label="run \"1\"";'
    assert lines[5].startswith(r'    n1 [label="is large\n✓ ok · 2ms", style="rounded,filled"')
    assert lines[6].endswith('color="#7c3aed", penwidth=2];')
    assert lines[8] == '    n1 -> n2 [label="True", color="#7c3aed", penwidth=2];'


def test_the_document_shows_a_run() -> None:
    read = json.loads(document.render(CASE, marks=MARKS, caption="run 1"))
    assert (read["run"], read["critical_path"]) == ("run 1", ["c", "m"])
    parameter, plain, mapped = read["nodes"]
    assert parameter["value"] == "a.csv"
    assert plain["state"] == {"word": "ok", "seconds": 0.002, "began": None, "ended": 2.0, "critical": True}
    assert (mapped["state"]["children"], mapped["state"]["done"]) == (2, 1)
