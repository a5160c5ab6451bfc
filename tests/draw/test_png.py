"""The PNG: drawn without graphviz or a browser, or said what it needs."""

from __future__ import annotations

import struct
import sys

import pytest

from flowkit.draw import png, svg
from flowkit.draw.drawing import Drawing, Edge, Node
from flowkit.errors import UsageError

DRAWING = Drawing("etl", (Node("a", "load"), Node("b", "clean")), (Edge("a", "b"),))


def test_it_has_two_pixels_for_each_of_the_svg() -> None:
    picture = png.render(DRAWING)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = svg.size_of(svg.render(DRAWING))
    assert struct.unpack(">II", picture[16:24]) == (2 * width, 2 * height)


def test_a_very_wide_one_stays_within_what_viewers_take() -> None:
    nodes = tuple(Node(str(number), f"task_{number}") for number in range(300))
    edges = tuple(Edge("0", str(number)) for number in range(1, 300))
    width, _ = struct.unpack(">II", png.render(Drawing("wide", nodes, edges))[16:24])
    assert 15_000 < width <= 16_000


def test_a_very_large_one_stays_within_what_is_drawn_quickly() -> None:
    nodes = tuple(Node(str(number), f"task_{number}") for number in range(1_000))
    edges = tuple(Edge(str(number), str(number + 50)) for number in range(950))
    width, height = struct.unpack(">II", png.render(Drawing("large", nodes, edges))[16:24])
    assert 11_000_000 < width * height <= 12_010_000  # sides are rounded up


def test_without_resvg_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(
        UsageError, match="a PNG needs the package resvg-py, which is not installed"
    ) as raised:
        png.render(DRAWING)
    assert raised.value.hints == ("`pip install 'flowkit-runner[png]'`",)
