"""The area under a series of values."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from flowkit.draw.area import area


def corners(picture: str) -> list[tuple[float, float]]:
    """The corners of the path, from the lower left one on."""
    path = ElementTree.fromstring(picture)[0].attrib["d"]
    x = y = 0.0
    found = []
    for kind, first, second in re.findall(r"([MHVZ])(-?[\d.]+)?(?: (-?[\d.]+))?", path):
        if kind == "M":
            x, y = float(first), float(second)
        elif kind == "H":
            x = float(first)
        elif kind == "V":
            y = float(first)
        if kind != "Z":
            found.append((x, y))
    return found


def test_values_are_steps_and_equal_neighbours_one() -> None:
    steps = corners(area([1, 1, 2, 0], top=2, width=40, height=10))
    assert steps == [(0, 10), (0, 5), (20, 5), (20, 0), (30, 0), (30, 10), (40, 10), (40, 10)]


def test_without_values_there_is_an_empty_picture() -> None:
    assert 'd=""' in area([], top=0)
    assert 'd=""' in area([0.0, 0.0], top=0)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=50), st.floats(0.01, 1000))
def test_it_stays_within_its_frame(values: list[float], top: float) -> None:
    for x, y in corners(area(values, top, width=100, height=50)):
        assert 0 <= x <= 100
        assert 0 <= y <= 50
