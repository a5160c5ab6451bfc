"""The SVG: well-formed whatever the names are, nothing overlaps, and a run can be read without colours."""

from __future__ import annotations

import random
import re
import time
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.draw import svg
from flowkit.draw.drawing import Direction, Drawing, Edge, Node
from flowkit.draw.labels import printable
from flowkit.draw.mark import Mark
from flowkit.draw.theme import colours

CASE = Drawing(
    "etl",
    (Node("p", "path", kind="parameter"), Node("c", "is large"), Node("m", "clean", mapped=True)),
    (Edge("p", "c"), Edge("c", "m", "True")),
)
FAILED = Mark(word="failed", symbol="✗", tone="bad", count="3 of 4 ok", took="1.2s", is_critical=True)
OK = Mark(word="ok", symbol="✓", tone="good", took="3ms", is_critical=True)

DIRECTIONS: list[Direction] = ["down", "right"]


def texts(picture: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(picture).iter() if each.tag.endswith("text")]


def by_class(picture: str, name: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(picture)
    return [each for each in root.iter() if name in each.attrib.get("class", "").split()]


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    size = draw(st.integers(1, 10))
    pairs = [(source, target) for target in range(size) for source in range(target)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=15)) if pairs else []
    labels = draw(st.lists(st.text(max_size=60), min_size=size, max_size=size))
    mapped = draw(st.sets(st.integers(0, size - 1)))
    nodes = tuple(Node(str(at), label, mapped=at in mapped) for at, label in enumerate(labels))
    return Drawing("x", nodes, tuple(Edge(str(source), str(target)) for source, target in chosen))


def test_everything_is_there_with_its_signs_and_words() -> None:
    picture = svg.render(CASE, marks={"c": OK, "m": FAILED}, caption="run 42 · ✗ failed")
    assert texts(picture)[:2] == ["etl", "run 42 · ✗ failed"]
    for text in ("path", "is large", "✓ ok · 3ms", "clean", "✗ failed · 3 of 4 ok · 1.2s", "True"):
        assert text in texts(picture)
    assert {"parameter", "mapped: runs once for each element", "critical path"} <= set(texts(picture))
    assert [
        each.attrib["data-key"] for each in by_class(picture, "fk-node") if "data-key" in each.attrib
    ] == [
        "p",
        "c",
        "m",
    ]
    assert [
        each.attrib["data-ends"] for each in by_class(picture, "fk-line") if "data-ends" in each.attrib
    ] == [
        "0 1",
        "1 2",
    ]


def test_the_legend_explains_only_what_occurs() -> None:
    plain = Drawing("x", (Node("a", "a"),), ())
    assert texts(svg.render(plain)) == ["x", "a"]
    assert texts(svg.render(CASE))[-2:] == ["parameter", "mapped: runs once for each element"]


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(drawing=drawings(), marked=st.booleans())
@settings(max_examples=60, deadline=None)
def test_it_is_well_formed_and_boxes_stand_apart(
    direction: Direction, drawing: Drawing, marked: bool
) -> None:
    marks = {node.key: FAILED for node in drawing.nodes} if marked else {}
    shown = texts(svg.render(drawing, direction, marks=marks))
    assert len(shown) >= len(drawing.nodes)
    place = svg.scene(drawing, direction, marks)
    for one, other in combinations(place.boxes, 2):
        assert (
            one.x + one.width < other.x
            or other.x + other.width < one.x
            or one.y + one.height < other.y
            or other.y + other.height < one.y
        )
    for box in place.boxes:
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= place.width
        assert box.y + box.height <= place.height


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(drawing=drawings())
@settings(max_examples=60, deadline=None)
def test_lines_join_the_sides_of_their_boxes(direction: Direction, drawing: Drawing) -> None:
    place = svg.scene(drawing, direction)
    boxes = {box.key: box for box in place.boxes}
    assert {(line.edge.source, line.edge.target) for line in place.lines} == {
        (edge.source, edge.target) for edge in drawing.edges
    }
    for line in place.lines:
        source, target = boxes[line.edge.source], boxes[line.edge.target]
        if direction == "down":
            assert line.points[0] == (source.x + source.width // 2, source.y + source.height)
            assert line.points[-1] == (target.x + target.width // 2, target.y)
        else:
            assert line.points[0] == (source.x + source.width, source.y + source.height // 2)
            assert line.points[-1] == (target.x, target.y + target.height // 2)
        along = [point[direction == "down"] for point in line.points]
        assert along == sorted(along)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "]]></style><script>",
        "\"' onload='x' \"",
        "a&amp;b&#60;",
        "\x00\x1b[31m\n\r\x9b",
        "\u202eevil\u2066",
        "\ud800",
        "עברית",
        "数据",
        "",
    ],
)
def test_names_stay_text(text: str) -> None:
    node = Node("k" + text, text)
    drawing = Drawing(text, (node, Node("b", "b")), (Edge("k" + text, "b", text),))
    marks = {node.key: Mark(word=text, symbol="✓", tone="good", count=text, took=text)}
    picture = svg.render(drawing, marks=marks, caption=text)
    names = {each.tag.rpartition("}")[2] for each in ElementTree.fromstring(picture).iter()}
    assert names <= {"svg", "style", "rect", "text", "g", "path", "title"}
    assert texts(picture)[0] == printable(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", picture)


def test_a_long_name_is_cut_in_its_middle_and_whole_where_it_is_pointed_at() -> None:
    name = "load_" + "x" * 100 + "_2021"
    picture = svg.render(Drawing("x", (Node("a", name),), ()))
    (label,) = (text for text in texts(picture) if "…" in text)
    assert label.startswith("load_")
    assert label.endswith("_2021")
    assert f"<title>{name}</title>" in picture


def test_a_theme_has_fixed_colours_or_follows_the_viewer() -> None:
    light, dark, auto = (svg.render(CASE, theme=theme) for theme in ("light", "dark", "auto"))
    assert "var(" not in light + dark
    assert colours("light")["critical"] in light
    assert colours("dark")["critical"] in dark
    assert "prefers-color-scheme:dark" in auto


def test_bare_it_has_nothing_but_the_graph() -> None:
    picture = svg.render(CASE, bare=True)
    assert texts(picture) == ["True", "path", "is large", "clean"]
    assert "<style" not in picture


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_lines_stand_out(theme: str) -> None:
    colour = colours("dark" if theme == "dark" else "light")
    cards = [name.removesuffix("-card") for name in colour if name.endswith("-card")]
    for tone in cards:
        assert contrast(colour["text"], colour[f"{tone}-card"]) >= 7
        assert contrast(colour[f"{tone}-text"], colour[f"{tone}-card"]) >= 4.5
        assert contrast(colour[tone], colour["ground"]) >= 3
    for ground in ("ground", "card"):
        assert contrast(colour["text"], colour[ground]) >= 7
        assert contrast(colour["muted"], colour[ground]) >= 4.5
    for line in ("edge", "border", "critical"):
        assert contrast(colour[line], colour["ground"]) >= 3


@pytest.mark.parametrize("reach", [40, 2000])
def test_two_thousand_tasks_are_drawn_in_under_three_seconds(reach: int) -> None:
    dice = random.Random(7)
    pairs = set()
    while len(pairs) < 3000:
        source, target = sorted(dice.sample(range(2000), 2))
        pairs.add((str(source), str(min(target, source + 1 + (target - source) % reach))))
    nodes = tuple(Node(str(number), f"task_{number}") for number in range(2000))
    drawing = Drawing("large", nodes, tuple(Edge(*pair) for pair in sorted(pairs)))
    began = time.process_time()
    svg.render(drawing)
    assert time.process_time() - began < 3
