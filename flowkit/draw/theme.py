"""Theme: the colours of pictures, by day and by night, as variables of CSS.

Text stands at least 4.5 to 1 against what is behind it, lines and borders 3 to 1 (WCAG 2.2, AA).
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from flowkit.draw.mark import Tone

Theme = Literal["auto", "light", "dark"]

FONT = "system-ui,-apple-system,'Segoe UI','Helvetica Neue','DejaVu Sans','Noto Sans',Arial,sans-serif"

# For every tone: the ground, the border, the text.
_LIGHT = {
    "ground": "#ffffff",
    "card": "#ffffff",
    "border": "#7b8794",
    "text": "#101828",
    "muted": "#475467",
    "edge": "#7f8b99",
    "critical": "#7c3aed",
    "good-card": "#e9f8ef",
    "good": "#1f8a4c",
    "good-text": "#12623a",
    "kept-card": "#e5f4f9",
    "kept": "#1c7f9c",
    "kept-text": "#125c73",
    "busy-card": "#e8f0ff",
    "busy": "#2f6fed",
    "busy-text": "#1c4fc4",
    "still-card": "#f3f4f6",
    "still": "#858f9d",
    "still-text": "#4b5565",
    "bad-card": "#fdecec",
    "bad": "#cf3030",
    "bad-text": "#a31818",
    "warn-card": "#fff5db",
    "warn": "#b7791f",
    "warn-text": "#805006",
}
_DARK = {
    "ground": "#0f141b",
    "card": "#1b222c",
    "border": "#6e7b8c",
    "text": "#e8edf3",
    "muted": "#a9b4c2",
    "edge": "#76838f",
    "critical": "#b497ff",
    "good-card": "#11301f",
    "good": "#3fb871",
    "good-text": "#84dfab",
    "kept-card": "#0f2f3a",
    "kept": "#3dabcb",
    "kept-text": "#8ad8ee",
    "busy-card": "#152a55",
    "busy": "#6495f5",
    "busy-text": "#adc6ff",
    "still-card": "#212832",
    "still": "#7a8696",
    "still-text": "#b5bfcc",
    "bad-card": "#3c191b",
    "bad": "#f07070",
    "bad-text": "#ffabab",
    "warn-card": "#3a2c0e",
    "warn": "#dba844",
    "warn-text": "#f5d289",
}
_USE = re.compile(r"var\(--fk-([a-z-]+)\)")


def colours(theme: Theme = "light") -> dict[str, str]:
    """The colours of a theme by name; those of the day where it follows the viewer."""
    return dict(_DARK if theme == "dark" else _LIGHT)


def variables(theme: Theme = "auto", selector: str = ".fk-graph") -> str:
    """Rules that give the variables `--fk-…` their values.

    Args:
        theme: `auto` follows what the viewer's system asks for.
        selector: what they are set on.
    """
    if theme != "auto":
        return f"{selector}{{{_declared(colours(theme))}}}"
    night = f"@media (prefers-color-scheme:dark){{{selector}{{{_declared(_DARK)}}}}}"
    return f"{selector}{{{_declared(_LIGHT)}}}{night}"


def written_out(rules: str, theme: Theme) -> str:
    """The rules with each variable replaced by its value, for what knows no variables."""
    values = colours(theme)
    return _USE.sub(lambda use: values[use[1]], rules)


def rules() -> str:
    """How the parts of a graph look, by the classes that svg.py gives them; sizes in pixels."""
    return _RULES + "".join(map(_rules_of, get_args(Tone))) + _CRITICAL


_RULES = (
    f".fk-graph{{font-family:{FONT};fill:var(--fk-text)}}"
    ".fk-ground{fill:var(--fk-ground)}"
    ".fk-title{font-size:17px;font-weight:600}"
    ".fk-caption,.fk-legend text{font-size:12px;fill:var(--fk-muted)}"
    ".fk-line{fill:none;stroke:var(--fk-edge);stroke-width:1.4px}"
    ".fk-line.fk-given{stroke-width:1.1px;stroke-dasharray:2 3}"
    ".fk-head{fill:var(--fk-edge)}"
    ".fk-line.fk-critical{stroke:var(--fk-critical);stroke-width:2.6px}"
    ".fk-head.fk-critical{fill:var(--fk-critical)}"
    ".fk-node rect{fill:var(--fk-card);stroke:var(--fk-border);stroke-width:1.4px}"
    ".fk-node text{font-size:14px;text-anchor:middle}"
    ".fk-node .fk-note{font-size:11.5px;fill:var(--fk-muted)}"
    ".fk-parameter rect{stroke-dasharray:4 3}"
    ".fk-parameter text{fill:var(--fk-muted)}"
    ".fk-label rect{fill:var(--fk-ground);stroke:var(--fk-edge);stroke-width:1px}"
    ".fk-label text{font-size:11.5px;text-anchor:middle;fill:var(--fk-muted)}"
)


def _rules_of(tone: str) -> str:
    return (
        f".fk-{tone} rect{{fill:var(--fk-{tone}-card);stroke:var(--fk-{tone})}}"
        f".fk-node.fk-{tone} .fk-note{{fill:var(--fk-{tone}-text)}}"
    )


_CRITICAL = ".fk-node.fk-critical rect{stroke:var(--fk-critical);stroke-width:2.6px}"


def _declared(values: dict[str, str]) -> str:
    return ";".join(f"--fk-{name}:{value}" for name, value in values.items())
