"""Draws docs/screenshots anew: `make screenshots`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[2] / "docs" / "screenshots"


def main() -> None:
    """Draw all of them; those of scenes that are gone go too."""
    sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]
    from scenes import WIDTHS, scenes, text_of
    from screen_svg import svg_of

    FOLDER.mkdir(exist_ok=True)
    made = set()
    for columns in WIDTHS:
        for name, screen in scenes(columns):
            text = text_of(screen)
            title = text.partition("\n")[0].removeprefix("$ ")
            path = FOLDER / f"{name}-{columns}.svg"
            path.write_text(svg_of(screen, title, text), encoding="utf-8")
            made.add(path)
    for path in set(FOLDER.glob("*.svg")) - made:
        path.unlink()


if __name__ == "__main__":
    main()
