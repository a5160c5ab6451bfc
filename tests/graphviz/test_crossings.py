"""Lines cross about as rarely as those of `dot`, the yardstick for pictures of such graphs.

It must be installed for these tests: `make test-graphviz` fails without it. Only the traces are left out
where they do not lie beside the checkout. `dot` counts crossings itself while it orders its layers, and its
splines cross more often than that: the smaller of the two numbers counts.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from geometry import Picture, bezier, crossings
from pictures import of_dot, ours

from flowkit.draw.drawing import Drawing, Edge, Node

ROOT = Path(__file__).parents[2]
TRACES = sorted((ROOT.parent / "shared" / "wfinstances").glob("*.json"))
FLOWS = ("data_pipeline", "weather")
SIZES = (12, 20, 30, 45, 60)
MOST = 1.2


def drawing_of(name: str, document: str) -> Drawing:
    """What `flowkit graph --format json` has written."""
    read = json.loads(document)
    nodes = tuple(Node(node["key"], node["label"], node["mapped"], node["kind"]) for node in read["nodes"])
    return Drawing(name, nodes, tuple(Edge(**edge) for edge in read["edges"]))


def shown(name: str, *arguments: str) -> Drawing:
    command = [sys.executable, "-m", "flowkit", "graph", name, "--format", "json", *arguments]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return drawing_of(name, said.stdout)


def random_drawing(seed: int) -> Drawing:
    dice = random.Random(seed)
    size = SIZES[seed % len(SIZES)]
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < size * (1.2 + 0.2 * (seed % 4)):
        source, target = sorted(dice.sample(range(size), 2))
        pairs.add((source, min(target, source + 1 + (target - source) % 20)))
    nodes = tuple(Node(str(number), f"task_{number}") for number in range(size))
    return Drawing(f"random-{seed}", nodes, tuple(Edge(str(a), str(b)) for a, b in sorted(pairs)))


def drawings() -> Iterator[Drawing]:
    yield from map(shown, FLOWS)
    for trace in TRACES:
        yield shown("wfcommons", "-p", f"trace={trace}")
    yield from map(random_drawing, range(50))


@pytest.mark.timeout(300)
def test_lines_cross_at_most_a_fifth_more_often_than_those_of_dot() -> None:
    mine = theirs = 0
    for drawing in drawings():
        mine += crossings(ours(drawing))
        picture, counted = of_dot(drawing)
        theirs += min(crossings(picture), counted)
    print(f"crossings: {mine:,}, of dot {theirs:,}")
    assert theirs > (20_000 if TRACES else 1_000)
    assert mine <= MOST * theirs


def test_what_crosses_is_counted_and_what_meets_is_not() -> None:
    boxes = [(-20.0, -20.0, -10.0, -10.0)] * 8
    cross = [(0, 1, [(0, 0), (10, 10)]), (2, 3, [(0, 10), (10, 0)])]
    meet = [(0, 1, [(0, 0), (5, 5)]), (2, 3, [(10, 0), (5, 5)])]
    same = [(0, 1, [(0, 0), (10, 10)]), (2, 3, [(0, 0), (10, 10)])]
    twice = [(0, 1, [(0, 0), (10, 0)]), (2, 3, [(1, 5), (2, -5), (3, 5)])]
    swing = [
        (0, 1, [(0, 0), *bezier([(0, 0), (0, 5), (10, 5), (10, 10)])]),
        (2, 3, [(10, 0), *bezier([(10, 0), (10, 5), (0, 5), (0, 10)])]),
    ]
    counts = [crossings(Picture(lines, boxes)) for lines in (cross, meet, same, twice, swing)]
    assert counts == [1, 0, 0, 2, 1]


def test_near_a_node_that_lines_share_they_run_together() -> None:
    boxes = [(0.0, 0.0, 10.0, 10.0), (90.0, 90.0, 99.0, 99.0)]
    near = [(0, 1, [(5, 12), (15, 22)]), (0, 1, [(5, 22), (15, 12)])]
    far = [(0, 1, [(45, 42), (55, 52)]), (0, 1, [(45, 52), (55, 42)])]
    assert [crossings(Picture(lines, boxes)) for lines in (near, far)] == [0, 1]


def test_everything_joined_with_everything_crosses_as_often_as_it_must() -> None:
    nodes = tuple(Node(str(number), str(number)) for number in range(6))
    edges = tuple(Edge(str(source), str(target)) for source in range(3) for target in range(3, 6))
    drawing = Drawing("k33", nodes, edges)
    assert crossings(ours(drawing)) == 9
    assert of_dot(drawing)[1] == 9
