"""The lines of a drawing as flowkit draws them, read from its SVG, and as `dot` draws them, from its JSON."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
from geometry import Picture, Point, bezier

from flowkit.draw import dot, svg
from flowkit.draw.drawing import Drawing

_STEP = re.compile(r"([MVHC])([-\d. ]+)")


def ours(drawing: Drawing) -> Picture:
    """What stands in the SVG."""
    root = ElementTree.fromstring(svg.render(drawing))
    lines = []
    for path in _of_class(root, "fk-line"):
        if "data-ends" in path.attrib:
            source, target = map(int, path.attrib["data-ends"].split())
            lines.append((source, target, _points(path.attrib["d"])))
    boxes = []
    for node in _of_class(root, "fk-node"):
        if "data-key" in node.attrib:
            rect = [child for child in node if child.tag.endswith("rect")][-1]
            x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
            boxes.append((x, y, x + width, y + height))
    assert len(lines) == len(drawing.merged_edges())
    assert len(boxes) == len(drawing.nodes)
    return Picture(lines, boxes)


def of_dot(drawing: Drawing) -> tuple[Picture, int]:
    """What `dot` makes of the same drawing, with the same labels and boxes about as large, and how many
    crossings it says that its layers have: it does so for each part of the drawing."""
    said = asked("-v", "-Tjson", text=dot.render(drawing))
    counts = re.findall(r"^mincross .*: (\d+) crossings, .* secs\.$", said.stderr, re.MULTILINE)
    document = json.loads(said.stdout)
    number = {at["_gvid"]: int(at["name"][1:]) for at in document["objects"]}
    boxes: list[tuple[float, float, float, float]] = [(0, 0, 0, 0)] * len(drawing.nodes)
    for node in document["objects"]:
        (x, y), width, height = map(float, node["pos"].split(",")), node["width"], node["height"]
        across, up = float(width) * 36, float(height) * 36
        boxes[number[node["_gvid"]]] = (x - across, y - up, x + across, y + up)
    lines = [
        (number[edge["tail"]], number[edge["head"]], _spline(edge["pos"]))
        for edge in document.get("edges", [])
    ]
    return Picture(lines, boxes), sum(map(int, counts))


def asked(*arguments: str, text: str) -> subprocess.CompletedProcess[str]:
    """What `dot` answers."""
    if shutil.which("dot") is None:
        pytest.fail("`dot` is not there: `apt-get install graphviz`")
    return subprocess.run(
        ["dot", *arguments], input=text, capture_output=True, text=True, check=True, timeout=60
    )


def _of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [each for each in root.iter() if name in each.attrib.get("class", "").split()]


def _points(path: str) -> list[Point]:
    points: list[Point] = []
    for letter, text in _STEP.findall(path):
        numbers = [float(number) for number in text.split()]
        if letter == "M":
            points.append((numbers[0], numbers[1]))
        elif letter == "V":
            points.append((points[-1][0], numbers[0]))
        elif letter == "H":
            points.append((numbers[0], points[-1][1]))
        else:
            pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
            points += bezier([points[-1], *pairs])
    return points


def _spline(text: str) -> list[Point]:
    """A chain of cubic curves; `e,` and a point before it are the tip of the arrow head."""
    parts = text.split()
    tip = [part for part in parts if part.startswith("e,")]
    knots = [_point(part) for part in parts if not part.startswith(("e,", "s,"))]
    points = [knots[0]]
    for at in range(0, len(knots) - 1, 3):
        points += bezier(knots[at : at + 4])
    return [*points, *(_point(part[2:]) for part in tip)]


def _point(text: str) -> Point:
    x, y = map(float, text.split(","))
    return x, y
