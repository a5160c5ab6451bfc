"""An area under a line, as SVG: a series of values over equal parts of a width."""

from __future__ import annotations

from collections.abc import Sequence


def area(values: Sequence[float], top: float, width: int = 960, height: int = 56) -> str:
    """An SVG, to be stretched to any size; its path has the class `area`.

    Args:
        values: of each part, from left to right; not below 0.
        top: the value that reaches the upper edge.
    """
    path = _path(values, top, width, height) if values and top > 0 else ""
    return (
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true"'
        f' focusable="false"><path class="area" d="{path}"/></svg>'
    )


def _path(values: Sequence[float], top: float, width: int, height: int) -> str:
    """Steps; where neighbours are equal, one."""
    step = width / len(values)
    parts = [f"M0 {height}"]
    last = None
    for place, value in enumerate(values):
        level = f"{height * (1 - min(max(value / top, 0.0), 1.0)):.1f}".removesuffix(".0")
        if level != last:
            if last is not None:
                parts.append(f"H{place * step:.1f}".removesuffix(".0"))
            parts.append(f"V{level}")
            last = level
    return "".join([*parts, f"H{width}V{height}Z"])
