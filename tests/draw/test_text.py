"""The picture in the terminal: whoever follows its lines finds exactly the edges of the drawing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.draw.drawing import Direction, Drawing, Edge, Node
from flowkit.draw.labels import cells
from flowkit.draw.mark import Mark
from flowkit.draw.text import render

TRACES = sorted((Path(__file__).parents[2].parent / "shared" / "wfinstances").glob("*.json"))

UP, RIGHT, DOWN, LEFT = (-1, 0), (0, 1), (1, 0), (0, -1)
OPENINGS = {
    "│": {UP, DOWN},
    "─": {LEFT, RIGHT},
    "╭": {DOWN, RIGHT},
    "╮": {DOWN, LEFT},
    "╰": {UP, RIGHT},
    "╯": {UP, LEFT},
    "├": {UP, DOWN, RIGHT},
    "┤": {UP, DOWN, LEFT},
    "┬": {DOWN, LEFT, RIGHT},
    "┴": {UP, LEFT, RIGHT},
    "┼": {UP, DOWN, LEFT, RIGHT},
}
PINS = {"down": "┬╤┯+", "right": "├╟┠+"}
ARROWS = {"down": "▼v", "right": "▶>"}
FORWARD = {"down": DOWN, "right": RIGHT}


class Tracer:
    """Reads a picture as a person does: from a pin along the line, never against the arrows.

    A vertical stroke that a horizontal line meets is a crossing: the line goes on behind it. In ASCII
    a plus turns to wherever a line leads away from it.
    """

    def __init__(self, picture: str, labels: list[str], direction: Direction) -> None:
        self.rows = [_one_character_a_cell(row) for row in picture.split("\n")]
        self.direction, self.forward = direction, FORWARD[direction]
        self.boxes = {label: self._box(label) for label in labels}

    def edges(self) -> set[tuple[str, str]]:
        return {
            (source, target)
            for source, box in self.boxes.items()
            for pin in self._pins(box)
            for target in self._follow(pin)
        }

    def at(self, spot: tuple[int, int]) -> str:
        row, column = spot
        inside = 0 <= row < len(self.rows) and 0 <= column < len(self.rows[row])
        return self.rows[row][column] if inside else " "

    def _box(self, label: str) -> tuple[int, int, int, int]:
        """Return top, left, bottom and right of the frame about a label that is there exactly once."""
        shown = _one_character_a_cell(label)
        pattern = re.compile(rf"(?<!\w){re.escape(shown)}(?!\w)")
        found = [
            (number, match.start()) for number, row in enumerate(self.rows) for match in pattern.finditer(row)
        ]
        assert len(found) == 1, f"{label} is there {len(found)} times"
        row, start = found[0]
        frame = [
            self._edge((row, start), UP)[0],
            self._edge((row, start - 1), LEFT)[1],
            self._edge((row, start), DOWN)[0],
            self._edge((row, start + len(shown)), RIGHT)[1],
        ]
        return frame[0], frame[1], frame[2], frame[3]

    def _edge(self, spot: tuple[int, int], way: tuple[int, int]) -> tuple[int, int]:
        first = True
        while (first and way in (UP, DOWN)) or self.at(spot) == " ":
            spot, first = (spot[0] + way[0], spot[1] + way[1]), False
        return spot

    def _pins(self, box: tuple[int, int, int, int]) -> Iterator[tuple[int, int]]:
        top, left, bottom, right = box
        side = (
            [(bottom, column) for column in range(left + 1, right)]
            if self.direction == "down"
            else [(row, right) for row in range(top + 1, bottom)]
        )
        return (spot for spot in side if self.at(spot) in PINS[self.direction])

    def _follow(self, pin: tuple[int, int]) -> Iterator[str]:
        waiting, seen = [(pin, self.forward)], set()
        while waiting:
            spot, way = waiting.pop()
            if (spot, way) in seen:
                continue
            seen.add((spot, way))
            here = spot[0] + way[0], spot[1] + way[1]
            if self.at(here) in ARROWS[self.direction] and way == self.forward:
                yield self._target(here)
            else:
                waiting += [(here, onward) for onward in self._onward(here, way)]

    def _onward(self, here: tuple[int, int], way: tuple[int, int]) -> set[tuple[int, int]]:
        character, back = self.at(here), (-way[0], -way[1])
        against = (-self.forward[0], -self.forward[1])
        assert character != " ", f"the line ends in nothing at {here}"
        if character.isalnum() or (character in "│|" and way in (LEFT, RIGHT)):
            return {way}
        openings = self._plus(here) if character == "+" else OPENINGS.get(character)
        if openings is None:
            openings = {UP, DOWN} if character == "|" else {LEFT, RIGHT}
        assert back in openings, f"{character} at {here} is not joined to where the line comes from"
        return openings - {back, against}

    def _plus(self, here: tuple[int, int]) -> set[tuple[int, int]]:
        found = set()
        for way in (UP, DOWN, LEFT, RIGHT):
            spot = here[0] + way[0], here[1] + way[1]
            while way in (LEFT, RIGHT) and self.at(spot) == "|":
                spot = spot[0], spot[1] + way[1]
            if (way in (UP, DOWN)) == (self.direction == "down"):
                # A label that the line goes through, not one beside it; no label here has the arrow in it.
                while self.at(spot).isalnum() and self.at(spot) != "v":
                    spot = spot[0] + way[0], spot[1] + way[1]
            if self.at(spot) in ("|+v" if way in (UP, DOWN) else "-+>"):
                found.add(way)
        return found

    def _target(self, arrow: tuple[int, int]) -> str:
        row, column = arrow[0] + self.forward[0], arrow[1] + self.forward[1]
        for label, (top, left, bottom, right) in self.boxes.items():
            if top <= row <= bottom and left <= column <= right:
                return label
        raise AssertionError(f"the arrow at {arrow} points at nothing")


def _one_character_a_cell(row: str) -> str:
    return "".join(character + "\0" * (cells(character) - 1) for character in row)


def drawing_of(name: str, *edges: str, mapped: str = "", parameters: str = "", alone: str = "") -> Drawing:
    """Make a drawing from edges such as `a b` and `a b True`."""
    parts = [edge.split() for edge in edges]
    keys = dict.fromkeys([key for part in parts for key in part[:2]] + alone.split())
    nodes = [
        Node(key, key, key in mapped.split(), "parameter" if key in parameters.split() else "task")
        for key in keys
    ]
    return Drawing(name, tuple(nodes), tuple(Edge(*part) for part in parts))


@st.composite
def drawings(draw: st.DrawFn, most: int = 12, edge_labels: tuple[str, ...] = ("", "", "", "yes")) -> Drawing:
    size = draw(st.integers(1, most))
    wide = draw(st.lists(st.sampled_from(["", "x", "long_name", "日本"]), min_size=size, max_size=size))
    kinds = draw(st.lists(st.sampled_from(["task", "parameter"]), min_size=size, max_size=size))
    mapped = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    nodes = tuple(Node(str(at), f"{wide[at]}{at}", mapped[at], kinds[at]) for at in range(size))
    pairs = [(source, target) for target in range(size) for source in range(target)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=2 * size)) if pairs else []
    edges = tuple(
        Edge(str(source), str(target), draw(st.sampled_from(edge_labels))) for source, target in chosen
    )
    return Drawing("random", nodes, edges)


def edges_by_label(drawing: Drawing) -> set[tuple[str, str]]:
    labels = {node.key: node.label for node in drawing.nodes}
    return {(labels[edge.source], labels[edge.target]) for edge in drawing.edges}


def traced(drawing: Drawing, picture: str, direction: Direction) -> set[tuple[str, str]]:
    return Tracer(picture, [node.label for node in drawing.nodes], direction).edges()


@pytest.mark.parametrize("direction", ["down", "right"])
@pytest.mark.parametrize("ascii_only", [False, True])
@given(drawing=drawings())
@settings(max_examples=60)
def test_following_the_lines_finds_exactly_the_edges(
    drawing: Drawing, direction: Direction, ascii_only: bool
) -> None:
    picture = render(drawing, width=100_000, ascii_only=ascii_only, direction=direction)
    assert traced(drawing, picture, direction) == edges_by_label(drawing)


def test_a_line_is_followed_through_its_label_and_not_beside_it() -> None:
    """Found by the property above: two lines meet over a label that is as wide as they are apart."""
    drawing = drawing_of("beside", "1 3 yes", "1 2", "2 3 yes", "1 4 yes", "3 4", alone="0")
    picture = render(drawing, width=100, ascii_only=True)
    assert traced(drawing, picture, "down") == edges_by_label(drawing)


@given(drawing=drawings(), width=st.integers(20, 120), ascii_only=st.booleans())
@settings(max_examples=60)
def test_no_line_is_wider_than_the_terminal(drawing: Drawing, width: int, ascii_only: bool) -> None:
    picture = render(drawing, width=width, ascii_only=ascii_only)
    assert all(cells(line) <= width for line in picture.split("\n"))
    assert picture == render(drawing, width=width, ascii_only=ascii_only), "drawn twice, drawn the same"


@given(drawing=drawings(edge_labels=("",)))
@settings(max_examples=40)
def test_every_task_is_there_exactly_once(drawing: Drawing) -> None:
    picture = render(drawing, width=1000)
    for node in drawing.nodes:
        assert len(re.findall(rf"(?<!\w){node.label}(?!\w)", picture)) == 1


def test_an_empty_drawing_is_a_sentence() -> None:
    assert render(Drawing("nightly", (), ())) == "nightly has no tasks"


def test_control_characters_and_escapes_are_shown_not_sent() -> None:
    node = Node("a", "red\x1b[31m\n\u202eevil\x9b")
    picture = render(Drawing("x", (node,), ()))
    assert r"red\x1b[31m\n\u202eevil\x9b" in picture
    assert not set(picture) & set("\x1b\u202e\x9b")
    assert len(picture.split("\n")) == 3


def test_a_very_long_label_is_cut() -> None:
    picture = render(Drawing("x", (Node("a", "long" * 1000),), ()))
    assert "…" in picture
    assert max(map(len, picture.split("\n"))) <= 44


@pytest.mark.parametrize("ascii_only", [False, True])
def test_only_ascii_is_used_when_asked(ascii_only: bool) -> None:
    fan = [f"split p{number}" for number in range(30)] + [f"p{number} join" for number in range(30)]
    for drawing in (drawing_of("m", "a b", "b c yes", mapped="b", parameters="a"), drawing_of("fan", *fan)):
        assert render(drawing, width=60, ascii_only=ascii_only).isascii() is ascii_only


@pytest.mark.skipif(not TRACES, reason="the WfCommons traces are not beside the checkout")
@pytest.mark.parametrize("width", [40, 100, 400])
@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_a_scientific_workflow_fits_any_terminal(path: Path, width: int) -> None:
    tasks = json.loads(path.read_text())["workflow"]["specification"]["tasks"]
    nodes = tuple(Node(task["id"], task["id"]) for task in tasks)
    edges = tuple(Edge(parent, task["id"]) for task in tasks for parent in dict.fromkeys(task["parents"]))
    drawing = Drawing(path.stem, nodes, edges)
    picture = render(drawing, width=width)
    assert all(cells(line) <= width for line in picture.split("\n"))
    if "▼" in picture:
        assert traced(drawing, picture, "down") == edges_by_label(drawing)
    else:
        assert len(picture.split("\n\n")[0].split("\n")) == len(tasks)


def test_a_chain_is_compact() -> None:
    drawing = drawing_of(
        "chain", "get_data preprocess_data", "preprocess_data run_model", "run_model make_predictions"
    )
    assert (
        "\n" + render(drawing) + "\n"
        == """
    ╭──────────╮
    │ get_data │
    ╰─────┬────╯
          ▼
 ╭─────────────────╮
 │ preprocess_data │
 ╰────────┬────────╯
          ▼
    ╭───────────╮
    │ run_model │
    ╰─────┬─────╯
          ▼
╭──────────────────╮
│ make_predictions │
╰──────────────────╯
"""
    )


def test_a_diamond_forks_and_joins() -> None:
    drawing = drawing_of("diamond", "extract clean", "extract count", "clean join", "count join")
    assert (
        "\n" + render(drawing) + "\n"
        == """
     ╭─────────╮
     │ extract │
     ╰────┬────╯
    ╭─────┴─────╮
    ▼           ▼
╭───────╮   ╭───────╮
│ clean │   │ count │
╰───┬───╯   ╰───┬───╯
    ╰─────┬─────╯
          ▼
      ╭──────╮
      │ join │
      ╰──────╯
"""
    )


def test_a_fan_shares_one_line_out_and_one_line_in() -> None:
    drawing = drawing_of(
        "fan", "split a", "split b", "split c", "split d", "a join", "b join", "c join", "d join"
    )
    assert (
        "\n" + render(drawing) + "\n"
        == """
          ╭───────╮
          │ split │
          ╰───┬───╯
  ╭───────┬───┴───┬───────╮
  ▼       ▼       ▼       ▼
╭───╮   ╭───╮   ╭───╮   ╭───╮
│ a │   │ b │   │ c │   │ d │
╰─┬─╯   ╰─┬─╯   ╰─┬─╯   ╰─┬─╯
  ╰───────┴───┬───┴───────╯
              ▼
          ╭──────╮
          │ join │
          ╰──────╯
"""
    )


def test_a_case_labels_its_branches() -> None:
    drawing = drawing_of(
        "case",
        "check is_large",
        "is_large sample True",
        "is_large take_all False",
        "sample merge",
        "take_all merge",
        "merge report",
    )
    assert (
        "\n" + render(drawing) + "\n"
        == """
         ╭───────╮
         │ check │
         ╰───┬───╯
             ▼
       ╭──────────╮
       │ is_large │
       ╰─────┬────╯
     ╭───────┴──────╮
   True           False
     ▼              ▼
╭────────╮    ╭──────────╮
│ sample │    │ take_all │
╰────┬───╯    ╰─────┬────╯
     ╰───────┬──────╯
             ▼
         ╭───────╮
         │ merge │
         ╰───┬───╯
             ▼
        ╭────────╮
        │ report │
        ╰────────╯
"""
    )


def test_branches_of_one_value_share_its_label() -> None:
    drawing = drawing_of("case", "pick a True", "pick b True", "pick c False")
    assert (
        "\n" + render(drawing) + "\n"
        == """
      ╭──────╮
      │ pick │
      ╰───┬──╯
      ╭───┴───────╮
    True        False
  ╭───┴───╮       │
  ▼       ▼       ▼
╭───╮   ╭───╮   ╭───╮
│ a │   │ b │   │ c │
╰───╯   ╰───╯   ╰───╯
"""
    )


def test_mapped_tasks_and_parameters_have_frames_of_their_own() -> None:
    drawing = drawing_of(
        "mapped", "path list_files", "list_files clean", "clean reduce", mapped="clean", parameters="path"
    )
    assert (
        "\n" + render(drawing) + "\n"
        == """
   ╭╌╌╌╌╌╌╮
   ╎ path ╎
   ╰╌╌╌┬╌╌╯
       ▼
╭────────────╮
│ list_files │
╰──────┬─────╯
       ▼
   ╔═══════╗
   ║ clean ║
   ╚═══╤═══╝
       ▼
  ╭────────╮
  │ reduce │
  ╰────────╯

╭╌╮ parameter   ╔═╗ mapped: runs once for each element
"""
    )


def test_parts_that_nothing_joins_stand_side_by_side() -> None:
    drawing = drawing_of("two", "a b", "b c", "x y", alone="lonely")
    assert (
        "\n" + render(drawing) + "\n"
        == """
╭───╮   ╭───╮   ╭────────╮
│ a │   │ x │   │ lonely │
╰─┬─╯   ╰─┬─╯   ╰────────╯
  ▼       ▼
╭───╮   ╭───╮
│ b │   │ y │
╰─┬─╯   ╰───╯
  ▼
╭───╮
│ c │
╰───╯
"""
    )


def test_a_long_edge_passes_beside_the_boxes() -> None:
    drawing = drawing_of("skip", "get clean", "clean train", "train predict", "get predict")
    assert (
        "\n" + render(drawing) + "\n"
        == """
     ╭─────╮
     │ get │
     ╰──┬──╯
    ╭───┴───╮
    ▼       │
╭───────╮   │
│ clean │   │
╰───┬───╯   │
    ▼       │
╭───────╮   │
│ train │   │
╰───┬───╯   │
    ╰───┬───╯
        ▼
   ╭─────────╮
   │ predict │
   ╰─────────╯
"""
    )


def test_lines_that_only_cross_do_not_join() -> None:
    drawing = drawing_of("cross", "a x", "a y", "b y", "b z", "c x", "c z")
    assert (
        "\n" + render(drawing) + "\n"
        == """
 ╭───╮        ╭───╮        ╭───╮
 │ a │        │ c │        │ b │
 ╰┬──╯        ╰─┬─╯        ╰─┬─╯
  ├────────────╮│            │
  │ ╭──────────│┴──────────╮ │
  │ │          │ ╭─────────│─┤
  ▼ ▼          ▼ ▼         ▼ ▼
╭─────╮      ╭─────╮      ╭─────╮
│  x  │      │  y  │      │  z  │
╰─────╯      ╰─────╯      ╰─────╯
"""
    )


def test_a_picture_may_go_right() -> None:
    drawing = drawing_of(
        "case",
        "check is_large",
        "is_large sample True",
        "is_large take_all False",
        "sample merge",
        "take_all merge",
        "merge report",
    )
    assert (
        "\n" + render(drawing, direction="right") + "\n"
        == """
                                   ╭──────────╮
                        ╭──True───▶│  sample  ├─╮
╭───────╮  ╭──────────╮ │          ╰──────────╯ │  ╭───────╮  ╭────────╮
│ check ├─▶│ is_large ├─┤                       ├─▶│ merge ├─▶│ report │
╰───────╯  ╰──────────╯ │          ╭──────────╮ │  ╰───────╯  ╰────────╯
                        ╰──False──▶│ take_all ├─╯
                                   ╰──────────╯
"""
    )


def test_a_picture_may_be_plain_ascii() -> None:
    drawing = drawing_of(
        "mapped", "path list_files", "list_files clean", "clean reduce", mapped="clean", parameters="path"
    )
    assert (
        "\n" + render(drawing, ascii_only=True) + "\n"
        == """
   .~~~~~~.
   : path :
   '~~~+~~'
       v
.------------.
| list_files |
'------+-----'
       v
   #=======#
   # clean #
   #===+===#
       v
  .--------.
  | reduce |
  '--------'

.~. parameter   #=# mapped: runs once for each element
"""
    )


MARKS = {
    "load": Mark(word="ok", symbol="✓", tone="good", took="1.2s", is_critical=True),
    "clean": Mark(word="failed", symbol="✗", tone="bad", count="39 of 40 ok", took="12.4s", is_critical=True),
    "day": Mark(word="3", symbol="=", tone="still"),
    "save": Mark(word="not run", symbol="⊘", tone="warn"),
}


def test_a_run_is_shown_in_the_boxes_and_its_critical_path_in_heavy_ones() -> None:
    drawing = drawing_of("etl", "load clean", "day clean", "clean save", mapped="clean", parameters="day")
    assert (
        "\n" + render(drawing, marks=MARKS, caption="run 42 · ✗ failed") + "\n"
        == """
run 42 · ✗ failed

          ┏━━━━━━━━━━━━━┓   ╭╌╌╌╌╌╮
          ┃    load     ┃   ╎ day ╎
          ┃ ✓ ok · 1.2s ┃   ╎ = 3 ╎
          ┗━━━━━━┯━━━━━━┛   ╰╌╌┬╌╌╯
                 ├─────────────╯
                 ▼
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
┃             clean              ┃
┃ ✗ failed · 39 of 40 ok · 12.4s ┃
┗━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━┛
                 ▼
           ╭───────────╮
           │   save    │
           │ ⊘ not run │
           ╰───────────╯

┏━┓ critical path: what the end of the run waited for   ╭╌╮ parameter
"""
    )


@pytest.mark.parametrize("direction", ["down", "right"])
def test_a_run_is_shown_in_ascii_too(direction: Direction) -> None:
    drawing = drawing_of("etl", "load clean", "day clean", "clean save", mapped="clean", parameters="day")
    picture = render(drawing, marks=MARKS, ascii_only=True, direction=direction)
    assert picture.isascii()
    assert "failed, 39 of 40 ok, 12.4s" in picture
    assert picture.count("****") >= 4


@pytest.mark.parametrize("direction", ["down", "right"])
@given(drawing=drawings(edge_labels=("",)), critical=st.sets(st.integers(0, 11)))
@settings(max_examples=60)
def test_the_lines_are_the_same_edges_where_a_run_is_shown(
    direction: Direction, drawing: Drawing, critical: set[int]
) -> None:
    marks = {
        node.key: Mark(word="ok", symbol="✓", tone="good", is_critical=at in critical)
        for at, node in enumerate(drawing.nodes)
    }
    picture = render(drawing, width=10_000, direction=direction, marks=marks)
    assert picture.count("✓ ok") == len(drawing.nodes)
    found = traced(drawing, picture.replace("✓ ok", "    "), direction)
    assert found == edges_by_label(drawing)


def test_in_lanes_what_became_of_a_task_is_seen_behind_a_long_name() -> None:
    name = "a very long name of a task that says everything that it does"
    fan = [f"split p{number}" for number in range(30)]
    drawing = Drawing("x", (Node("n", name), *drawing_of("x", *fan).nodes), drawing_of("x", *fan).edges)
    lines = render(drawing, width=80, marks={"n": MARKS["clean"]}).split("\n")
    (line,) = (line for line in lines if "a very long" in line)
    assert "says ev…  ✗ failed · 39 of 40 ok · 12.4s" in line
