"""Characters that draw boxes and bars, as lines.

What a character looks like is in its name in Unicode: `BOX DRAWINGS DOWN SINGLE AND HORIZONTAL DOUBLE`.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

_BEGINS = "BOX DRAWINGS "
_SIDES = {
    "LEFT": ((-1, 0),),
    "RIGHT": ((1, 0),),
    "UP": ((0, -1),),
    "DOWN": ((0, 1),),
    "HORIZONTAL": ((-1, 0), (1, 0)),
    "VERTICAL": ((0, -1), (0, 1)),
}
_WEIGHTS = {"LIGHT": "", "SINGLE": "", "HEAVY": "heavy", "DOUBLE": "double"}

Drawn = tuple[int, int, str, str]
"""Row, column, the character, the classes of its colour."""
Line = tuple[float, float, float, float]


def is_drawn(text: str) -> bool:
    """Whether this is one of them."""
    return len(text) == 1 and unicodedata.name(text, "").startswith(_BEGINS)


def box_paths(cells: Iterable[Drawn], width: int, height: int) -> Iterator[str]:
    """The elements of SVG that draw them.

    Args:
        width, height: of a cell, in pixels.
    """
    found: dict[str, list[Line]] = defaultdict(list)
    curves: dict[str, list[str]] = defaultdict(list)
    for row, column, character, look in cells:
        x, y = (column + 0.5) * width, (row + 0.5) * height
        words = unicodedata.name(character).removeprefix(_BEGINS).split()
        if "ARC" in words:
            curves[look].append(_curve(words, x, y, width / 2, height / 2))
            continue
        for (across, down), weight in _arms(words):
            named = " ".join(filter(None, (weight, look)))
            end = x + across * width / 2, y + down * height / 2
            found[named].append((*min((x, y), end), *max((x, y), end)))
    for look, parts in curves.items():
        yield _path("".join(parts), look)
    for named, lines in sorted(found.items()):
        path = "".join(_moved(line) for line in _merged(lines))
        if named.startswith("double"):
            look = named.removeprefix("double").strip()
            yield _path(path, f"outer {look}".strip())
            yield _path(path, "inner")
        else:
            yield _path(path, named)


def _arms(words: list[str]) -> Iterator[tuple[tuple[int, int], str]]:
    """Where lines go from the middle of a character, and how they look."""
    usual = ""
    if words[0] in _WEIGHTS:
        usual = "dashed" if "DASH" in words else _WEIGHTS[words[0]]
    for place, word in enumerate(words):
        after = words[place + 1] if place + 1 < len(words) else ""
        for side in _SIDES.get(word, ()):
            yield side, _WEIGHTS.get(after, usual) if words[0] not in _WEIGHTS else usual


def _curve(words: list[str], x: float, y: float, across: float, down: float) -> str:
    """A round corner: as round as the cell is wide."""
    side = across if "RIGHT" in words else -across
    way = 1 if "DOWN" in words else -1
    return f"M{x:g} {y + way * down:g}V{y + way * across:g}Q{x:g} {y:g} {x + side:g} {y:g}"


def _merged(lines: list[Line]) -> Iterator[Line]:
    """Lines that touch, as one."""
    for way in (0, 1):  # across, down
        kept: dict[float, list[tuple[float, float]]] = defaultdict(list)
        for line in lines:
            if line[way] != line[way + 2]:
                kept[line[1 - way]].append((line[way], line[way + 2]))
        for at, pieces in sorted(kept.items()):
            for begin, end in _joined(sorted(pieces)):
                yield (begin, at, end, at) if way == 0 else (at, begin, at, end)


def _joined(pieces: list[tuple[float, float]]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for begin, end in pieces:
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _moved(line: Line) -> str:
    start = f"M{line[0]:g} {line[1]:g}"
    return f"{start}H{line[2]:g}" if line[1] == line[3] else f"{start}V{line[3]:g}"


def _path(path: str, look: str) -> str:
    named = f' class="{look}"' if look else ""
    return f'<path{named} d="{path}"/>'
