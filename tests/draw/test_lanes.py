"""The lane view: a line for each task, from which exactly the edges can be read again."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.draw.drawing import Drawing, Edge, Node
from flowkit.draw.labels import cells
from flowkit.draw.lanes import render

UPWARD, DOWNWARD = set("│╰├╯┤┴┼┃┖┠┚┨┸╂"), set("│╭├╮┤┬┼┃┎┠┒┨┰╂")
SIDEWAYS = set("╰╭├╯┴╮┤┬┼┖┎┠┚┸┒┨┰╂")
HEAVY = set("┃┖┎┠┚┸┒┨┰╂")
GOES_ON, ENDS = "●◆■", "○◇□"


class Reader:
    """Reads a lane view by its rules: what a line's stroke touches is joined to that line's task.

    A thin lane carries the result of the task above it, a heavy one collects for the task at its end.
    """

    def __init__(self, picture: str) -> None:
        self.edges: set[tuple[str, str]] = set()
        self.order: list[str] = []
        self.lanes: dict[int, list[str]] = {}
        for row in picture.split("\n\n")[0].split("\n"):
            self._read(row)

    def _read(self, row: str) -> None:
        strokes, name, words = re.fullmatch(r"(\W*)(\w+)(?:  (.*))?", row).groups()
        place = next(at for at, character in enumerate(strokes) if character in GOES_ON + ENDS)
        self.order.append(name)
        self._read_words(name, words or "")
        self.edges |= {(source, name) for source in self.lanes.pop(place, [])}
        for at, character in enumerate(strokes):
            if at != place and character in SIDEWAYS:
                self._join(name, at, character)
        if strokes[place] in GOES_ON:
            self.lanes[place] = [name]

    def _join(self, name: str, at: int, character: str) -> None:
        assert (at in self.lanes) == (character in UPWARD)
        if character in HEAVY:
            self.lanes.setdefault(at, []).append(name)
        else:
            self.edges.add((self.lanes[at][0], name))
        if character not in DOWNWARD:
            assert character not in HEAVY, "a heavy lane ends in its task"
            del self.lanes[at]

    def _read_words(self, name: str, words: str) -> None:
        for arrow, others in re.findall(r"([←→]) ([\w, :]+)", words):
            for other in re.findall(r"(\w+)(?:: \w+)?", others):
                self.edges.add((other, name) if arrow == "←" else (name, other))


def drawing_of(size: int, pairs: list[tuple[int, int]], label: str = "") -> Drawing:
    nodes = tuple(Node(str(number), f"t{number}") for number in range(size))
    return Drawing("x", nodes, tuple(Edge(str(source), str(target), label) for source, target in pairs))


@st.composite
def graphs(draw: st.DrawFn) -> Drawing:
    size = draw(st.integers(1, 16))
    pairs = [(source, target) for target in range(size) for source in range(target)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=2 * size)) if pairs else []
    return drawing_of(size, chosen)


def edges_by_label(drawing: Drawing) -> set[tuple[str, str]]:
    return {(f"t{edge.source}", f"t{edge.target}") for edge in drawing.edges}


@given(drawing=graphs())
@settings(max_examples=200)
def test_reading_the_lanes_finds_exactly_the_edges(drawing: Drawing) -> None:
    assert Reader(render(drawing, width=200)).edges == edges_by_label(drawing)


@given(drawing=graphs(), width=st.integers(20, 60), ascii_only=st.booleans())
@settings(max_examples=100)
def test_every_task_has_one_line_after_what_it_waits_for(
    drawing: Drawing, width: int, ascii_only: bool
) -> None:
    picture = render(drawing, width=width, ascii_only=ascii_only)
    assert all(cells(line) <= width for line in picture.split("\n"))
    assert picture.isascii() or not ascii_only
    rows = picture.split("\n\n")[0].split("\n")
    line = {name: number for number, row in enumerate(rows) for name in re.findall(r"\bt\d+\b", row)[:1]}
    assert sorted(line) == sorted(node.label for node in drawing.nodes) and len(rows) == len(line)
    assert all(line[source] < line[target] for source, target in edges_by_label(drawing))


def test_a_wide_fan_takes_two_lanes_and_no_words() -> None:
    size = 500
    middle = range(1, size - 1)
    fan = [(0, part) for part in middle] + [(part, size - 1) for part in middle]
    picture = render(drawing_of(size, fan), width=40)
    assert max(map(cells, picture.split("\n"))) <= 40
    assert Reader(picture).edges == edges_by_label(drawing_of(size, fan))
    assert not set("←→") & set(picture)


def test_lanes_that_do_not_fit_are_told_in_words_at_both_ends() -> None:
    mixed = [(source, 16 + (source * 5 + step) % 16) for source in range(16) for step in (0, 3, 7)]
    crossed = drawing_of(32, mixed)
    picture = render(crossed, width=39)
    assert "→ t" in picture and "← t" in picture
    assert Reader(picture).edges == edges_by_label(crossed)


def test_more_followers_than_fit_are_counted() -> None:
    fans = [(source, 30 + target) for source in range(30) for target in range(30)]
    assert "→ t30, t31, t32 and 27 more" in render(drawing_of(60, fans), width=100)


def test_the_values_of_a_case_are_told_at_the_branches() -> None:
    nodes = (Node("c", "is_large"), Node("a", "sample", mapped=True), Node("p", "path", kind="parameter"))
    edges = (Edge("p", "c"), Edge("c", "a", "True"))
    assert render(Drawing("x", nodes, edges)).split("\n") == [
        "■ path",
        "● is_large",
        "◇ sample  ← is_large: True",
        "",
        "● goes on below, ○ does not   ◆ ◇ mapped: runs once for each element   ■ □ parameter",
    ]


def test_control_characters_are_shown_not_sent() -> None:
    picture = render(Drawing("x", (Node("a", "\x1b[31mred\n"),), ()))
    assert picture.startswith(r"○ \x1b[31mred\n")


def test_the_same_drawing_looks_the_same() -> None:
    chain = drawing_of(4, [(0, 1), (1, 2), (0, 3), (2, 3)])
    assert render(chain) == render(chain)
    assert render(chain).split("\n")[:4] == ["●   t0", "├─● t1", "│ ● t2", "○─╯ t3"]


def test_ten_thousand_tasks_take_no_time_to_speak_of() -> None:
    pairs = [(number, number + step) for number in range(9_900) for step in (1, 17, 90)]
    picture = render(drawing_of(10_000, pairs), width=80)
    assert picture.count("\n") == 10_001
    assert max(map(len, picture.split("\n"))) <= 80
