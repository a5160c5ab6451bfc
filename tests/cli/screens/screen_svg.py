"""What stands on a screen as a picture: SVG without fonts of its own, light or dark as the viewer's system.

Guarantees: the same screen gives the same bytes; the text is in the picture as its description, for those who
cannot see it, for searching, and for the tests; boxes and bars are drawn, so that they meet in any font.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape, unescape

from box_lines import box_paths, is_drawn
from drawn_screen import DrawnScreen

CELL, ROW, BASE = 8, 17, 12.5  # pixels: width and height of a cell, and where letters stand in it
_EDGE = 14  # pixels around
_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_LOOKS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 9: "strike"}
_LIGHT = {
    "ground": "#fbfbfa",
    "frame": "#d5d8dc",
    "text": "#1f2328",
    "dim": "#646b74",
    "black": "#1f2328",
    "red": "#c0232c",
    "green": "#1a7334",
    "yellow": "#8a5a00",
    "blue": "#0b5fcc",
    "magenta": "#8338b5",
    "cyan": "#0e6f7c",
    "white": "#646b74",
}
_DARK = {
    "ground": "#12161c",
    "frame": "#303741",
    "text": "#dfe4ea",
    "dim": "#8f99a6",
    "black": "#8f99a6",
    "red": "#ff7f77",
    "green": "#56c773",
    "yellow": "#dfb04a",
    "blue": "#6fb0ff",
    "magenta": "#cf98f3",
    "cyan": "#4fc4d3",
    "white": "#dfe4ea",
}
_DESCRIPTION = re.compile(r"<desc>(.*?)</desc>", re.DOTALL)

Run = tuple[int, str, str]
"""The column of a text, the text, its class."""


def svg_of(screen: DrawnScreen, title: str, text: str) -> str:
    """The picture of a screen.

    Args:
        title: what it is called.
        text: what stands there, line by line; as on the screen but for what must not be seen.
    """
    rows = [_runs(screen, number, line) for number, line in enumerate(_rows(text, screen.columns))]
    width, height = screen.columns * CELL + 2 * _EDGE, len(rows) * ROW + 2 * _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(text, quote=False)}</desc>",
        f"<style>{_style()}</style>",
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        f'<g transform="translate({_EDGE} {_EDGE})">',
        *(_text_of(number, run) for number, runs in enumerate(rows) for run in runs if run[1].strip()),
        *box_paths(_drawn(screen, rows), CELL, ROW),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def description_of(svg: str) -> str:
    """The text of a picture."""
    found = _DESCRIPTION.search(svg)
    return unescape(found[1]) if found else ""


def _rows(text: str, columns: int) -> Iterator[str]:
    """The rows in which the lines stand."""
    for line in text.split("\n"):
        for place in range(0, max(1, len(line)), columns):
            yield line[place : place + columns]


def _runs(screen: DrawnScreen, number: int, row: str) -> list[Run]:
    """Texts of one look each; what is drawn, or may be wider in the font of the viewer, is alone."""
    looks = screen.all_rows[number].looks
    found: list[Run] = []
    for column, character in enumerate(row):
        look = _class_of(looks.get(column, ()))
        alone = not character.isascii()
        if found and not alone and found[-1][1].isascii() and found[-1][2] == look:
            found[-1] = (found[-1][0], found[-1][1] + character, look)
        else:
            found.append((column, character, look))
    return found


def _class_of(codes: Sequence[int]) -> str:
    """The classes of the codes of a look."""
    names: dict[str, str] = {}
    for code in codes:
        if code == 0:
            names = {}
        elif code in _LOOKS:
            names[_LOOKS[code]] = _LOOKS[code]
        elif 30 <= code < 38 or 90 <= code < 98:
            names["colour"] = _NAMES[code % 10]
        else:
            raise ValueError(f"a look that no picture has: {code}")
    return " ".join(sorted(names.values()))


def _text_of(row: int, run: Run) -> str:
    column, text, look = run
    if is_drawn(text):
        return ""
    start = len(text) - len(text.lstrip(" ")) if "underline" not in look else 0
    text = text[start:].rstrip(" ")
    y = f"{row * ROW + BASE:g}"
    named = f' class="{look}"' if look else ""
    if not text.isascii():
        return (
            f'<text x="{(column + 0.5) * CELL:g}" y="{y}" text-anchor="middle"{named}>{escape(text)}</text>'
        )
    length = f' textLength="{len(text) * CELL}"' if len(text) > 1 else ""
    return f'<text x="{(column + start) * CELL}" y="{y}"{length}{named}>{escape(text, quote=False)}</text>'


def _drawn(screen: DrawnScreen, rows: Sequence[Sequence[Run]]) -> Iterator[tuple[int, int, str, str]]:
    for number, runs in enumerate(rows):
        for column, text, look in runs:
            if is_drawn(text):
                yield number, column, text, look


def _style() -> str:
    """The rules of CSS."""
    colours = "".join(f".{name}{{--c:var(--{name})}}" for name in (*_NAMES, "dim") if name != "dim")
    return (
        f"svg{{{_variables(_LIGHT)}}}"
        f"@media(prefers-color-scheme:dark){{svg{{{_variables(_DARK)}}}}}"
        "rect{fill:var(--ground);stroke:var(--frame)}"
        "text,path{--c:var(--text)}.dim{--c:var(--dim)}"
        f"{colours}"
        "text{font:13.3px ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;"
        "white-space:pre;fill:var(--c)}"
        "path{fill:none;stroke:var(--c);stroke-width:1.2}"
        ".heavy{stroke-width:3}.outer{stroke-width:4.4;stroke-linecap:square}"
        ".inner{stroke-width:2;stroke:var(--ground);stroke-linecap:square}.dashed{stroke-dasharray:2.5 1.5}"
        ".bold{font-weight:700}.italic{font-style:italic}.underline{text-decoration:underline}"
        ".strike{text-decoration:line-through}"
    )


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())
