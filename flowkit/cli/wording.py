"""Words and figures as a person reads them in a terminal."""

from __future__ import annotations

import re

from flowkit.cli.colours import split, without_colours
from flowkit.cli.styled import Part

# What would move the cursor, colour what follows, turn the direction of writing, or is not seen at all.
_CONTROLS = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def shown(text: str) -> str:
    """User text that is safe in a terminal: control characters as `\\x1b`, tabs as spaces."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROLS.sub(_escape, text.expandtabs(8))


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def last_part(text: str) -> str:
    """A printed line as a terminal would leave it: of parts that overwrite each other, the last."""
    return text.rstrip("\r").rpartition("\r")[2] if "\r" in text else text


def last_shown(text: str) -> str:
    """A printed line as a terminal would leave it, without its colours."""
    return shown(without_colours(last_part(text)))


def last_styled(text: str) -> list[Part]:
    """A printed line as a terminal would leave it, with its colours."""
    return styled(last_part(text))


def styled(text: str) -> list[Part]:
    """A printed line with its colours, and nothing else that a terminal would obey."""
    return [(shown(part), style) for part, style in split(text)]


def one_line(text: str, limit: int = 200, more: str = " …") -> str:
    """User text in one line of about `limit` characters.

    Args:
        more: what stands for further lines.
    """
    first, newline, rest = text.strip().partition("\n")
    line = shown(first.rstrip())
    if len(line) > limit:
        return f"{line[: limit - 1]}…"
    return f"{line}{more}" if newline and rest else line


def duration(seconds: float) -> str:
    """`<1ms`, `34ms`, `0.1s`, `31.4s`, `1:05`, `1:02:03`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f}ms" if seconds >= 0.001 else "<1ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    return ticking(round(seconds))


def ticking(seconds: float) -> str:
    """`0:09`, `1:05`, `1:02:03`."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(number: int, noun: str) -> str:
    """`1 task`, `2,000 tasks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(words: list[str], limit: int = 3) -> str:
    """`a, b, c and 4 more`."""
    if len(words) <= limit:
        return ", ".join(words)
    return f"{', '.join(words[:limit])} and {len(words) - limit:,} more"


def first_sentence(text: str, limit: int = 60) -> str:
    """The first sentence of a description, cut where it is longer."""
    sentence = text.partition(". ")[0]
    return sentence if len(sentence) <= limit else f"{sentence[: limit - 1]}…"
