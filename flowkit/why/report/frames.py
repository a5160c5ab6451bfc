"""The calls that an exception went through, with the code around them and the values that it names.

What was recorded of them when they happened is taken as it is. Of a failure without that, the calls are those
of its traceback; code around them is only shown where the file still has, at that place, the very line that
was recorded.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_AROUND = 4  # lines of source before and after the one that raised
_WIDEST = 200  # characters of a line of source
_FRAME = re.compile(r'^  File "(.+)", line (\d+), in (.+)$')
_MOST_VALUE = 1_000  # characters of a value

Texts = Sequence[tuple[str, str]]  # names with what is shown of their values


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A call.

    Attributes:
        own: whether the code is the user's, not a library's.
        lines: number and text of the source around it; else the recorded line, or nothing.
        values: variables that these lines name.
        left_out: how many calls after this one are left out, as in a recursion.
    """

    file: str
    line: int
    function: str
    lines: Sequence[tuple[int, str]]
    own: bool = True
    values: Texts = ()
    left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class Cause:
    """An exception that has to do with the one that is told: `caused by`, `while handling`, `with`."""

    how: str
    said: str
    place: str


def frames_of(failure: Mapping[str, Any]) -> list[Frame]:
    """The calls of a failure, outermost first."""
    frames = [frame for frame in map(_recorded, listed(failure.get("frames"))) if frame is not None]
    if frames:
        return frames
    return list(_in_traceback(str(failure.get("traceback", ""))))


def causes_of(failure: Mapping[str, Any]) -> list[Cause]:
    """What led to it, the nearest first."""
    found = []
    for each in listed(failure.get("causes")):
        if isinstance(each, dict):
            recorded = map(_recorded, listed(each.get("frames")))
            frames = [frame for frame in recorded if frame is not None]
            kind = str(each.get("type", "")).rpartition(".")[2]
            place = f"{frames[-1].file}:{frames[-1].line} in {frames[-1].function}" if frames else ""
            said = f"{kind}: {each.get('message')}" if each.get("message") else kind
            found.append(Cause(how=str(each.get("how", "")), said=said, place=place))
    return found


def listed(document: Any) -> list[Any]:
    """A list that was recorded; an empty one where it is damaged, or there is none."""
    return document if isinstance(document, list) else []


def texts_of(document: Any) -> Texts:
    """Names with texts; none where they are damaged."""
    if not isinstance(document, dict):
        return ()
    return [(str(name), str(text)[:_MOST_VALUE]) for name, text in document.items()]


def _recorded(document: Any) -> Frame | None:
    """A call as it was recorded; None where that is damaged."""
    try:
        first = int(document.get("first", 0))
        lines = [
            (first + place, str(text)[:_WIDEST]) for place, text in enumerate(document.get("source", ()))
        ]
        return Frame(
            file=str(document["file"]),
            line=int(document["line"]),
            function=str(document["function"]),
            lines=lines,
            own=bool(document.get("own", True)),
            values=texts_of(document.get("values")),
            left_out=int(document.get("left_out", 0)),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _in_traceback(text: str) -> Iterator[Frame]:
    """The frames of the exception itself, which is printed last; those of its causes are in the text."""
    lines = text.split("\n")
    starts = [place for place, line in enumerate(lines) if line.startswith("Traceback (most recent")]
    if not starts:
        return
    rest = lines[starts[-1] + 1 :]
    for place, line in enumerate(rest):
        match = _FRAME.match(line)
        if match:
            code = rest[place + 1] if place + 1 < len(rest) else ""
            recorded = code.strip() if code.startswith("    ") else ""
            number = int(match[2])
            window = _window(match[1], number, recorded) or ([(number, recorded)] if recorded else [])
            yield Frame(file=match[1], line=number, function=match[3], lines=window)
        elif line and not line.startswith(" "):
            return  # the exception itself: what follows is its message


def _window(file: str, number: int, recorded: str) -> list[tuple[int, str]]:
    """The source around a line; none where the file has another line there now, or is no file."""
    if not recorded or not Path(file).is_file():
        return []
    try:
        linecache.checkcache(file)
        if linecache.getline(file, number).strip() != recorded:
            return []
    except Exception:  # a file that is no text
        return []
    before = range(max(1, number - _AROUND), number)
    after = range(number, number + _AROUND + 1)
    found = [(each, linecache.getline(file, each).rstrip()[:_WIDEST]) for each in (*before, *after)]
    while not found[0][1]:
        found.pop(0)
    ends = [place for place, (each, text) in enumerate(found) if each > number and not text]
    return found[: ends[0]] if ends else found
