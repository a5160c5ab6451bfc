"""A failure as a person reads it: what was raised, where in their own code, on which attempt."""

from __future__ import annotations

import linecache
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowkit.cli.styled import Styled, cropped, joined
from flowkit.cli.wording import duration, one_line, shown
from flowkit.engine.failure import message_of, type_name, user_frames
from flowkit.engine.mask import MASK
from flowkit.plan.events import Detail, Failure, Row
from flowkit.plan.status import FAILED, TIMED_OUT, TRIGGER_FAILED

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine

_BEFORE, _AFTER = 2, 1  # lines of source around the one that raised
_MOST_MESSAGE_LINES = 20
_MOST_CAUSES = 3
_QUOTE = "  | "  # no line of the user's begins a line: GitHub takes some for orders


class Place(NamedTuple):
    """A line of code."""

    file: str
    line: int
    function: str

    @property
    def shown(self) -> str:
        """`flows/etl.py:31 in clean`, from the working directory where it is below it."""
        return f"{shown(short_path(self.file))}:{self.line} in {shown(self.function)}"


def short_path(file: str) -> str:
    """A path from the working directory where it is below that, else as it is."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def is_failure(row: Row) -> bool:
    """Whether a row tells of something that went wrong, not of what followed from it."""
    status, detail = row[3], row[7]
    if status in (FAILED, TIMED_OUT):
        return True
    return status == TRIGGER_FAILED and isinstance(detail, Detail) and detail.failure is not None


def failure_of(row: Row) -> Failure | None:
    """What is known of the exception, where there was one."""
    detail = row[7]
    return detail.failure if isinstance(detail, Detail) else None


def failure_text(row: Row, limit: int = 200, more: str = " …") -> str:
    """`ValueError: negative price: -3`, in one line; `more` stands for further ones."""
    detail = row[7]
    if not isinstance(detail, Detail):
        return one_line(detail or "", limit, more)
    failure = detail.failure
    if failure is None or failure.kind in ("signal", "trigger", "timeout"):
        said = detail.message or (failure.message if failure else "")
        return one_line(said or (str(failure) if failure else ""), limit, more)
    said = f"{_short_type(failure)}: {failure.message}" if failure.message else _short_type(failure)
    return one_line(said, limit, more)


def headline(engine: Engine, row: Row) -> Styled:
    """`error[task-failed]: clean[17] raised ValueError: negative price: -3`."""
    code, said = _said(row)
    key = shown(engine.plan.key(row[0], row[1]))
    return [(f"error[{code}]", "bold red"), (": ", ""), (f"{key} {said}", "bold")]


def _said(row: Row) -> tuple[str, str]:
    failure, text = failure_of(row), failure_text(row, more="")
    if row[3] == TRIGGER_FAILED:
        return "trigger", f"was not run: {text}"
    if row[3] == TIMED_OUT:
        return "timed-out", f"timed out: {text}"
    if failure is None or failure.kind == "signal":
        return "task-failed", f"failed: {text}" if text else "failed"
    return "task-failed", f"raised {text}"


def _short_type(failure: Failure) -> str:
    """The class without its module: the line is for people, the traceback has the rest."""
    return failure.type_name.rpartition(".")[2]


def block(
    engine: Engine, row: Row, *, last_output: str = "", debug: bool = False, columns: int = 300
) -> list[Styled]:
    """All that helps to mend a failure, most important first.

    Args:
        row: of a task that failed.
        last_output: the last line that it printed.
        debug: add the whole traceback, flowkit's own frames too where they are known.
        columns: where lines of source are cut.
    """
    failure = failure_of(row)
    error = _live_error(engine, row)
    lines: list[Styled] = [headline(engine, row), *_more_message(row)]
    if failure is not None and failure.kind != "timeout":
        place = _place(failure, error)
        if place is not None:
            lines += [[("  --> ", "blue"), (place.shown, "")], *_window(place, columns)]
        lines += _causes(error)
    facts = joined([_attempt(engine, row), _took(row)])
    if facts:
        lines.append([("  ", ""), (facts, "dim")])
    if last_output.strip():
        lines.append([("  last output: ", "dim"), (one_line(last_output), "")])
    if failure is not None and failure.hint:
        lines.append([("hint: ", "cyan"), (one_line(failure.hint), "")])
    if debug and failure is not None:
        text = MASK.text(_traceback(failure, error))
        lines += [[(_QUOTE, "blue"), (shown(line), "dim")] for line in text.splitlines()]
    return lines


def place_in(engine: Engine, row: Row) -> Place | None:
    """Where in the user's own code the failure of a row was raised."""
    failure = failure_of(row)
    return _place(failure, _live_error(engine, row)) if failure is not None else None


def _place(failure: Failure, error: BaseException | None) -> Place | None:
    """The innermost frame that is not a library's, of the exception where this process has it."""
    frames = [
        Place(frame.filename, frame.lineno or 0, frame.name)
        for frame in user_frames(error.__traceback__ if error is not None else None)
    ]
    known = _parsed(failure.place)
    if not frames:
        return known
    own = [frame for frame in frames if _is_own(frame.file)]
    return own[-1] if own else frames[-1]


def _parsed(place: str) -> Place | None:
    """A `Failure.place`."""
    where, _, function = place.rpartition(" in ")
    file, _, line = where.rpartition(":")
    return Place(file, int(line), function) if line.isdigit() else None


def _is_own(file: str) -> bool:
    """Whether a file is the user's, not of Python or an installed package."""
    if file.startswith("<"):
        return False
    if "site-packages" in file or "dist-packages" in file:
        return False
    return not file.startswith(tuple(f"{library}/lib" for library in (sys.base_prefix, sys.prefix)))


def _live_error(engine: Engine, row: Row) -> BaseException | None:
    value = engine.value_of(row[0], row[1])
    return value if isinstance(value, BaseException) else None


def _more_message(row: Row) -> list[Styled]:
    """The lines of a message after its first."""
    failure = failure_of(row)
    rest = failure.message.strip().split("\n")[1:] if failure is not None else []
    lines: list[Styled] = [[(_QUOTE, "blue"), (shown(line), "")] for line in rest[:_MOST_MESSAGE_LINES]]
    if len(rest) > _MOST_MESSAGE_LINES:
        lines.append([(f"{_QUOTE}… {len(rest) - _MOST_MESSAGE_LINES} more lines", "dim")])
    return lines


def _window(place: Place, columns: int) -> Sequence[Styled]:
    """The source around a line, which is marked."""
    numbers = range(max(1, place.line - _BEFORE), place.line + _AFTER + 1)
    linecache.checkcache(place.file)
    source = {number: linecache.getline(place.file, number).rstrip() for number in numbers}
    if not source.get(place.line):
        return []
    while not source[min(source)]:
        del source[min(source)]
    while not source[max(source)]:
        del source[max(source)]
    gutter = len(str(max(source)))
    lines = [_source_line(number, text, gutter, number == place.line) for number, text in source.items()]
    return [cropped(line, columns) for line in lines]


def _source_line(number: int, text: str, gutter: int, marked: bool) -> Styled:
    mark, style = (" > ", "bold red") if marked else ("   ", "dim")
    return [(mark, style), (f"{number:>{gutter}} | ", "blue"), (shown(text), "" if marked else "dim")]


def _causes(error: BaseException | None) -> Iterator[Styled]:
    """What led to the exception, a line each, the nearest first."""
    seen: set[int] = set()
    for _ in range(_MOST_CAUSES):
        if error is None or id(error) in seen:
            return
        seen.add(id(error))
        if error.__cause__ is not None:
            words, error = "caused by", error.__cause__
        elif error.__context__ is not None and not error.__suppress_context__:
            words, error = "while handling", error.__context__
        else:
            return
        frames = [frame for frame in user_frames(error.__traceback__) if _is_own(frame.filename)]
        place = Place(frames[-1].filename, frames[-1].lineno or 0, frames[-1].name) if frames else None
        text = one_line(MASK.text(f"{type_name(error).rpartition('.')[2]}: {message_of(error)}"))
        yield [(f"  {words} ", "dim"), (text, ""), (f"  ({place.shown})" if place else "", "dim")]


def attempt_text(engine: Engine, row: Row, attempt: int) -> str:
    """`attempt 2 of 3`; without the number of all where a task asked for more."""
    most = engine.plan.tasks[row[0]].max_retries + 1
    return f"attempt {attempt} of {most}" if attempt <= most else f"attempt {attempt}"


def _attempt(engine: Engine, row: Row) -> str:
    """Where there was, or could have been, more than one."""
    only = row[2] == 1 and not engine.plan.tasks[row[0]].max_retries
    return attempt_text(engine, row, row[2]) if row[2] and not only else ""


def _took(row: Row) -> str:
    return f"after {duration(row[5] - row[4])}" if row[2] else ""


def _traceback(failure: Failure, error: BaseException | None) -> str:
    if error is None or error.__traceback__ is None:
        return failure.traceback
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # the exception's own code
        return failure.traceback
