"""The code, calls and values of a failure, for a person: the same when it happens and days later."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from flowkit.cli.styled import Styled, cells, cropped
from flowkit.cli.wording import counted, one_line, shown
from flowkit.plan.failure import Cause, Failure, Frame, Texts

_MOST_CALLERS = 8
_MOST_RAISED_IN = 4
_MOST_CAUSES = 5
_MOST_MESSAGE_LINES = 20
_WIDEST = 100  # columns for values that stand beside each other
_QUOTE = "  | "  # no line of the user's begins a line: GitHub takes some for orders
_OF_LIBRARY = re.compile(r".*/(?:site-packages|dist-packages|lib/python3\.\d+)/(.+)$")


class Place(NamedTuple):
    """A line of code."""

    file: str
    line: int
    function: str

    @property
    def shown(self) -> str:
        """`flows/etl.py:31 in clean`, from the working directory where it is below it."""
        where = f"{shown(short_path(self.file))}:{self.line}"
        return f"{where} in {shown(self.function)}" if self.function else where


def short_path(file: str) -> str:
    """A path from the working directory where it is below that; of a library, from its package."""
    found = _OF_LIBRARY.search(file)
    if found:
        return found[1]
    path = Path(file)
    try:
        here = Path.cwd()
    except OSError:
        return file
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def place_of(failure: Failure) -> Place | None:
    """Where it was raised: the innermost frame that is not a library's."""
    frames = failure.frames
    return _of(frames[_innermost(frames)]) if frames else _parsed(failure.place)


def evidence(failure: Failure, columns: int) -> Iterator[Styled]:
    """The rest of the message, where it was raised and by whose call, with what, and what led to it.

    Args:
        columns: where lines are cut.
    """
    yield from _more_message(failure)
    if failure.kind == "timeout":
        return
    place = place_of(failure)
    if place is not None:
        yield [("  --> ", "blue"), (place.shown, "")]
    frames = failure.frames
    at = _innermost(frames)
    for place_in_line, group in enumerate(_groups(frames[: at + 1])):
        outermost = group[-1] is frames[0]
        yield from _call(group, failure.inputs if outermost else (), columns, first=not place_in_line)
        if not place_in_line:
            yield from _raised_in(frames[at + 1 :])
        if place_in_line == _MOST_CALLERS:
            yield [("  … called from further ones", "dim")]
            break
    if not failure.frames and place is not None and "\n  File " in failure.traceback:
        yield from quoted(failure.traceback)  # of an earlier release
    if failure.inputs:
        yield from _values(failure.inputs, columns, "  inputs  ")
    for cause in failure.causes[:_MOST_CAUSES]:
        yield from _cause(cause, columns)
    if len(failure.causes) > _MOST_CAUSES:
        yield [(f"  … {counted(len(failure.causes) - _MOST_CAUSES, 'more exception')}", "dim")]


def quoted(text: str) -> list[Styled]:
    """Text of the user's, line by line."""
    return [[(_QUOTE, "blue"), (shown(line), "dim")] for line in text.splitlines()]


# -- where ------------------------------------------------------------------------------------


def _innermost(frames: Sequence[Frame]) -> int:
    """Which is the last one of the user's own, or the last one at all; -1 where there is none."""
    own = [place for place, frame in enumerate(frames) if frame.own]
    return own[-1] if own else len(frames) - 1


def _groups(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Calls from the innermost to the outermost, those that follow each other at one place together."""
    for _, group in itertools.groupby(reversed(frames), key=_of):
        yield list(group)


def _of(frame: Frame) -> Place:
    return Place(frame.file, frame.line, frame.function)


def _parsed(place: str) -> Place | None:
    """A `Failure.place`."""
    where, _, function = place.rpartition(" in ")
    file, _, line = where.rpartition(":")
    return Place(file, int(line), function) if line.isdigit() else None


# -- what -------------------------------------------------------------------------------------


def _more_message(failure: Failure) -> list[Styled]:
    """The lines of a message after its first, and what was noted."""
    rest = failure.message.strip().split("\n")[1:]
    lines: list[Styled] = [[(_QUOTE, "blue"), (shown(line), "")] for line in rest[:_MOST_MESSAGE_LINES]]
    if len(rest) > _MOST_MESSAGE_LINES:
        lines.append([(f"{_QUOTE}… {len(rest) - _MOST_MESSAGE_LINES} more lines", "dim")])
    notes = [line for note in failure.notes for line in note.splitlines()]
    return lines + [[("  note: ", "yellow"), (shown(line), "")] for line in notes[:_MOST_MESSAGE_LINES]]


def _code(frame: Frame, columns: int) -> Iterator[Styled]:
    """The source around a line, which is marked, with what in it has raised."""
    gutter = len(str(frame.first + len(frame.source)))
    for number, text in enumerate(frame.source, frame.first):
        at = number == frame.line
        mark, style = (" > ", "bold red") if at else ("   ", "dim")
        line = [(mark, style), (f"{number:>{gutter}} | ", "blue"), (shown(text), "" if at else "dim")]
        yield cropped(line, columns)
        if at and frame.mark != (0, 0):
            start, end = (cells(shown(text[:place])) for place in frame.mark)
            under = [("   ", ""), (f"{'':>{gutter}} | ", "blue"), (" " * start + "^" * (end - start), "red")]
            if start + gutter + 6 < columns:
                yield cropped(under, columns)


def _values(values: Texts, columns: int, title: str = "      ") -> Iterator[Styled]:
    """`name = value`, as many in a line as have room."""
    room = min(columns, _WIDEST)
    line, used = title, 0
    for name, value in values:
        text = f"{shown(name)} = {shown(value)}"
        if used and cells(line) + cells(text) + 2 > room:
            yield cropped([(line, "dim")], columns)
            line, used = " " * len(title), 0
        line += ("  " if used else "") + text
        used += 1
    if used:
        yield cropped([(line, "dim")], columns)


def _but(values: Texts, inputs: Texts) -> Texts:
    return tuple(each for each in values if each not in inputs)


def _raised_in(frames: Sequence[Frame]) -> Iterator[Styled]:
    """The calls inside of libraries that ended in the error, a line each."""
    for place, frame in enumerate(frames[-_MOST_RAISED_IN:]):
        yield [(f"  {'' if place else 'raised in':9} ", "dim"), (_of(frame).shown, "dim")]


def _call(group: Sequence[Frame], inputs: Texts, columns: int, *, first: bool) -> Iterator[Styled]:
    """A call with its code and values; the same one again is only counted.

    Args:
        inputs: what is told later.
        first: it is the innermost, whose place was told already.
    """
    frame = group[0]
    if not first:
        yield [("  called from ", "dim"), (_of(frame).shown, "" if frame.own else "dim")]
    if frame.own or first:
        yield from _code(frame, columns)
        yield from _values(_but(frame.values, inputs), columns)
    again = len(group) - 1 + sum(each.left_out for each in group)
    if again:
        yield [(f"  … {counted(again, 'more call')}", "dim")]


def _cause(cause: Cause, columns: int) -> Iterator[Styled]:
    """`caused by KeyError: 'a'  (flows/etl.py:33 in load)`, and the line."""
    kind = cause.type_name.rpartition(".")[2]
    text = one_line(f"{kind}: {cause.message}" if cause.message else kind)
    frame = cause.frames[-1] if cause.frames else None
    where = f"  ({_of(frame).shown})" if frame is not None else ""
    yield [(f"  {cause.how} ", "dim"), (text, ""), (where, "dim")]
    if frame is not None:
        yield from _code(frame, columns)
