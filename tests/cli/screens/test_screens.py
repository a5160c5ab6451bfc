"""The pictures in docs/screenshots have the text that the command shows, at both widths.

Where what people see has changed, and should have: `make screenshots` draws them anew; look at them then.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from scenes import WIDTHS, texts
from screen_svg import description_of

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
