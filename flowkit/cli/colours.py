"""The colours of what tasks print: kept on a terminal where they are only that.

Guarantees: of the sequences that a terminal obeys, only those for the colour of the text, bold, dim, italic,
underlined and crossed out are kept, to the end of their line at most; without colours they are left out.
Anything else, such as what moves the cursor, sets a title, links or hides text, is shown, never sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flowkit.cli.styled import Part, Styled

_SGR = re.compile(r"\x1b\[([0-9;]{0,64})m")
_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_LOOKS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 9: "strike"}
_ENDS = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 29: ("strike",)}


def without_colours(text: str) -> str:
    """A text without the sequences that are kept as colours elsewhere."""
    return _SGR.sub("", text) if "\x1b[" in text else text


def split(text: str) -> list[Part]:
    """A line as texts with a style each; only what gives colours is taken out of the texts."""
    if "\x1b[" not in text:
        return [(text, "")]
    found: list[Part] = []
    place, look = 0, _Look()
    for sequence in _SGR.finditer(text):
        found.append((text[place : sequence.start()], look.style))
        look.obey(sequence[1])
        place = sequence.end()
    return [part for part in [*found, (text[place:], look.style)] if part[0]]


def written(line: Styled) -> str:
    """A line for a stream that takes colours."""
    return "".join(_with_style(text, style) if style else text for text, style in line)


def _with_style(text: str, style: str) -> str:
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)


class _Look:
    """How text looks after the sequences so far."""

    def __init__(self) -> None:
        self._colour = ""
        self._looks: set[str] = set()

    @property
    def style(self) -> str:
        """As rich names it."""
        return " ".join([*sorted(self._looks), self._colour]).strip()

    def obey(self, parameters: str) -> None:
        """Take over what a sequence sets."""
        numbers = iter([int(each or 0) for each in parameters.split(";")])
        for number in numbers:
            if number == 0:
                self._colour, self._looks = "", set()
            elif number in _LOOKS:
                self._looks.add(_LOOKS[number])
            elif number in _ENDS:
                self._looks -= set(_ENDS[number])
            elif 30 <= number < 38:
                self._colour = _NAMES[number - 30]
            elif 90 <= number < 98:
                self._colour = f"bright_{_NAMES[number - 90]}"
            elif number == 39:
                self._colour = ""
            elif number in (38, 48):
                colour = _extended(numbers)
                self._colour = colour if number == 38 else self._colour


def _extended(numbers: Iterator[int]) -> str:
    """One of 256 colours, or any."""
    kind = next(numbers, 0)
    if kind == 5:
        return f"color({min(next(numbers, 0), 255)})"
    if kind == 2:
        red, green, blue = (min(next(numbers, 0), 255) for _ in range(3))
        return f"rgb({red},{green},{blue})"
    return ""
