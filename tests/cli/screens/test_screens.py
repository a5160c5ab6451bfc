"""The pictures in docs/screenshots have the text that the command shows, at both widths.

Where what people see has changed, and should have: `make screenshots` draws them anew; look at them then.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest
from drawn_screen import DrawnScreen
from scenes import WIDTHS, texts
from screen_svg import description_of, svg_of

FOLDER = Path(__file__).parents[3] / "docs" / "screenshots"


@pytest.fixture(scope="module", params=WIDTHS)
def columns(request: pytest.FixtureRequest) -> int:
    """Of a terminal."""
    assert isinstance(request.param, int)
    return request.param


@pytest.fixture(scope="module")
def shown(columns: int) -> Mapping[str, str]:
    """The text of each scene."""
    return texts(columns)


def test_the_pictures_show_what_the_command_shows(shown: Mapping[str, str], columns: int) -> None:
    pictures = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob(f"*-{columns}.svg")}
    drawn = {name.removesuffix(f"-{columns}"): description_of(svg) for name, svg in pictures.items()}
    assert drawn.keys() == shown.keys()
    for name, text in shown.items():
        assert text.splitlines() == drawn[name].splitlines(), (
            "`make screenshots`, if that is how it should be"
        )


def test_no_line_is_left_to_the_terminal_to_break(shown: Mapping[str, str], columns: int) -> None:
    long = [line for text in shown.values() for line in text.splitlines() if len(line) > columns]
    assert long == []


def test_a_picture_is_small_and_asks_for_nothing() -> None:
    for path in FOLDER.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
        assert len(text) < 32_000
        assert [word for word in ("url(", "href", "@import", "<script", "font-face") if word in text] == [], (
            path
        )
        assert text.count("http") == 1  # the namespace


def test_colours_and_boxes_are_drawn_where_they_stand() -> None:
    screen = DrawnScreen(20, 5)
    screen.take("\x1b[1;31mbad\x1b[0m <&> ──╮\r\n\x1b[2m✓\x1b[0m ok")
    svg = svg_of(screen, "a title", "\n".join(screen.lines))
    assert description_of(svg) == "bad <&> ──╮\n✓ ok"
    assert '<text x="0" y="12.5" textLength="24" class="bold red">bad</text>' in svg
    assert '<text x="32" y="12.5" textLength="24">&lt;&amp;&gt;</text>' in svg
    assert '<text x="4" y="29.5" text-anchor="middle" class="dim">✓</text>' in svg
    assert '<path d="M64 8.5H80"/>' in svg
