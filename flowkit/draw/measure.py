"""Measure: how wide a text is in pixels, without a font at hand.

The widths are those of DejaVu Sans, one of the widest fonts in use, so that a box made by them holds
its text in any other; characters outside ASCII count by the cells that a terminal gives them.
"""

from __future__ import annotations

from flowkit.draw.labels import cells

_EM = 0.64
_WIDE = 1.05  # of a character of two cells
_WIDTHS = {
    character: width
    for width, characters in (
        (0.28, "ijl"),
        (0.32, " '.,I"),
        (0.38, "|:;-/\\()[]f"),
        (0.42, 'rt!"'),
        (0.50, "_`J*"),
        (0.55, "csz?Lkvxy"),
        (0.70, "ABCEFKPRSTVXYZbdpq{}"),
        (0.80, "DGHNOQUw&$"),
        (0.84, "+<=>~^#"),
        (1.00, "mMW%@"),
    )
    for character in characters
}


def text_width(text: str, size: float) -> float:
    """The width of printable text in a font of this size, both in pixels."""
    return size * sum(map(_width, text))


def shortened(text: str, size: float, most: float) -> str:
    """The text, cut in its middle where it is wider than so many pixels: names differ at their ends."""
    if text_width(text, size) <= most:
        return text
    half = (most - text_width("…", size)) / 2
    head = _fitting(text, size, half)
    tail = _fitting(text[::-1], size, half)[::-1]
    return f"{head}…{tail}"


def _fitting(text: str, size: float, room: float) -> str:
    for at, character in enumerate(text):
        room -= size * _width(character)
        if room < 0:
            return text[:at]
    return text


def _width(character: str) -> float:
    known = _WIDTHS.get(character)
    if known is not None:
        return known
    return _EM if character.isascii() else (0.0, _EM, _WIDE)[min(cells(character), 2)]
