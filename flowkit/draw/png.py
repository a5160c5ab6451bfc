"""PNG: the SVG of a drawing as pixels, by resvg, where that is installed."""

from __future__ import annotations

import math
from types import ModuleType

from flowkit.draw import svg
from flowkit.draw.drawing import Direction, Drawing
from flowkit.draw.mark import NO_MARKS, Marks
from flowkit.draw.theme import FONT
from flowkit.errors import UsageError

_SCALE = 2.0  # pixels of the picture to one of the SVG, for screens that have two
_MOST = 16_000  # pixels of a side, more than which viewers refuse
_MOST_IN_ALL = 12_000_000
_SMOOTH = 0.4  # of the SVG's size; below it nothing can be read, and smooth edges take most of the time
_LETTER = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">'
    '<text x="2" y="15" font-size="14" font-family="{}">{}</text></svg>'
)


def render(
    drawing: Drawing, direction: Direction = "down", *, marks: Marks = NO_MARKS, caption: str = ""
) -> bytes:
    """Return the file's bytes, in the colours of the day.

    Args:
        as those of `svg.render`.

    Raises:
        UsageError: resvg is not installed, or the system has no font.
    """
    resvg = _resvg()
    picture = svg.render(drawing, direction, marks=marks, caption=caption, theme="light")
    width, height = svg.size_of(picture)
    if not _has_font(resvg):
        raise UsageError(
            "a PNG needs a font, and this system has none",
            hints=("install one, such as `fonts-dejavu-core`, or write an SVG",),
        )
    scale = min(_SCALE, _MOST / width, _MOST / height, math.sqrt(_MOST_IN_ALL / (width * height)))
    how = {} if scale >= _SMOOTH else _rough(scale)
    return bytes(resvg.svg_to_bytes(svg_string=picture, zoom=scale, **how))


def _rough(scale: float) -> dict[str, str]:
    """How shapes are drawn without smooth edges: lines of a pixel at least, as thinner ones have gaps."""
    line = f".fk-line,.fk-node rect{{stroke-width:{1.1 / scale:.1f}px !important}}"
    critical = f".fk-line.fk-critical{{stroke-width:{2.1 / scale:.1f}px !important}}"
    return {"shape_rendering": "optimize_speed", "style_sheet": line + critical}


def _resvg() -> ModuleType:
    try:
        import resvg_py
    except ImportError:
        raise UsageError(
            "a PNG needs the package resvg-py, which is not installed",
            hints=("`pip install 'flowkit-runner[png]'`",),
        ) from None
    module: ModuleType = resvg_py
    return module


def _has_font(resvg: ModuleType) -> bool:
    """Whether a letter leaves a trace: without a font it would be left out in silence."""
    drawn, nothing = (resvg.svg_to_bytes(svg_string=_LETTER.format(FONT, text)) for text in ("x", " "))
    return bool(drawn != nothing)
