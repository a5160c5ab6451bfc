"""The calls that an exception went through, with the code and the values that they had.

Guarantees: none of flowkit's own frames; bounded, however deep the stack and long the lines; secrets that are
known are covered. The time of an error is spent here, never that of a success.
"""

from __future__ import annotations

import inspect
import linecache
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from types import CodeType, FrameType, ModuleType, TracebackType
from typing import Any, NamedTuple

from flowkit.engine.mask import MASK
from flowkit.engine.sketch import Sketch, cut
from flowkit.plan.failure import Frame, Texts

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")  # noqa: PTH100, PTH118, PTH120
_TASKS = os.path.join(_PACKAGE, "tasks", "")  # noqa: PTH118
_FIRST, _LAST = 6, 14  # frames that are kept of a deep stack
_REPEATED = 3  # times that one line may call itself before it is folded
_BEFORE, _AFTER = 2, 1  # lines of source around the innermost one
_LONGEST_STATEMENT = 6  # lines
_LONGEST_LINE = 300
_LONGEST_READ = 20_000
_MOST_VALUES = 8
_WITH_VALUES = 5  # of the user's own frames, the innermost
_MOST_INPUTS = 12
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
_ALL_OF_IT = re.compile(r"\s*(?:(?:return|raise|await|yield|del|with|for .* in|if|[\w.]+ =)\s+)*")
_DULL = (ModuleType, type, type(len), type(inspect.isclass))  # modules, classes and functions


class Step(NamedTuple):
    """One entry of a traceback."""

    frame: FrameType
    line: int
    at: int  # the instruction

    @property
    def code(self) -> CodeType:
        """What ran."""
        return self.frame.f_code


def is_ours(file: str) -> bool:
    """Whether a file of code is one of flowkit's."""
    return file.startswith(_PACKAGE)


@cache
def is_own(file: str) -> bool:
    """Whether a file is the user's, not of Python or an installed package, nor code without a file."""
    if file.startswith("<"):
        return file.startswith(("<stdin>", "<python-input", "<ipython-input"))
    if "site-packages" in file or "dist-packages" in file:
        return False
    if not os.path.isabs(file) and not os.path.exists(file):  # noqa: PTH117, PTH110  # of compiled modules
        return False
    return not file.startswith(tuple(f"{library}/lib" for library in (sys.base_prefix, sys.prefix)))


def steps_of(tb: TracebackType | None) -> list[Step]:
    """The frames that are not flowkit's, outermost first."""
    found: list[Step] = []
    while tb is not None:
        if not is_ours(tb.tb_frame.f_code.co_filename):
            found.append(Step(tb.tb_frame, tb.tb_lineno, tb.tb_lasti))
        tb = tb.tb_next
    return found


def frames_of(steps: Sequence[Step], sketch: Sketch | None) -> tuple[Frame, ...]:
    """The frames to be kept, outermost first.

    Args:
        sketch: None: without source and values.
    """
    kept = list(_folded(steps))
    own = [place for place, (step, _) in enumerate(kept) if is_own(step.code.co_filename)]
    innermost = own[-1] if own else len(kept) - 1
    found = []
    for place, (step, left_out) in enumerate(kept):
        frame = _bare(step)._replace(left_out=left_out)
        if sketch is not None and (frame.own or place == innermost):
            frame = _with_source(frame, step, wide=place == innermost)
            if place in own[-_WITH_VALUES:]:
                frame = frame._replace(values=_values(frame, step, sketch))
        found.append(frame)
    return tuple(found)


def innermost(steps: Sequence[Step]) -> Frame | None:
    """The innermost of the user's own, with its line."""
    own = [step for step in steps if is_own(step.code.co_filename)]
    return _with_source(_bare(own[-1]), own[-1], wide=False) if own else None


def inputs_of(tb: TracebackType | None, sketch: Sketch, run: Callable[..., Any] | None = None) -> Texts:
    """The arguments of the task's function: of the first call that is not the engine's.

    Args:
        run: the function, where it is known. Where decorators stand around it, the arguments are its own, by
            their names, not `args` and `kwargs` of a wrapper; also where it was not reached.
    """
    first: FrameType | None = None
    inner = _undecorated(run)
    while tb is not None:
        frame = tb.tb_frame
        file = frame.f_code.co_filename
        if first is None and (not is_ours(file) or file.startswith(_TASKS)):
            first = frame
        if first is not None and (inner is None or frame.f_code is inner):
            return tuple(_inputs(frame, sketch))
        tb = tb.tb_next
    if first is None:
        return ()
    given = _given_to(run, first)
    return tuple((name, sketch.named(name, value)) for name, value in given) or tuple(_inputs(first, sketch))


def of_syntax_error(error: SyntaxError) -> Frame | None:
    """The place that a `SyntaxError` names, as if it were a call."""
    if not isinstance(error.filename, str) or not isinstance(error.lineno, int) or error.lineno < 1:
        return None
    text = error.text if isinstance(error.text, str) else ""
    start = (error.offset or 1) - 1
    end = error.end_offset - 1 if error.end_offset and error.end_lineno == error.lineno else start + 1
    mark = (start, max(end, start + 1)) if text.strip() and start >= 0 else (0, 0)
    source = (cut(MASK.text(_line(text)), _LONGEST_LINE),) if text.strip() else ()
    return Frame(error.filename, error.lineno, "", True, error.lineno, source, mark)


def with_source(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """The same; where another machine had not the files that are here, with the lines of these."""
    if any(frame.source for frame in frames):
        return frames
    own = [frame for frame in frames if frame.own and frame.function]
    return tuple(_located(each, wide=each is own[-1]) if each in own else each for each in frames)


# -- which ------------------------------------------------------------------------------------


def _folded(steps: Sequence[Step]) -> Iterator[tuple[Step, int]]:
    """Those to be kept, with the number of those that are left out after each."""
    kept: list[tuple[Step, int]] = []
    run = 0
    for step in steps:
        same = bool(kept) and (kept[-1][0].code, kept[-1][0].line) == (step.code, step.line)
        run = run + 1 if same else 0
        if run >= _REPEATED:
            kept[-1] = (step, kept[-1][1] + 1)
        else:
            kept.append((step, 0))
    if len(kept) > _FIRST + _LAST:
        gap = sum(1 + left for _, left in kept[_FIRST - 1 : -_LAST]) - 1
        kept = [*kept[: _FIRST - 1], (kept[_FIRST - 1][0], gap), *kept[-_LAST:]]
    return iter(kept)


def _bare(step: Step) -> Frame:
    code = step.code
    return Frame(code.co_filename, step.line, code.co_name, is_own(code.co_filename))


# -- source -----------------------------------------------------------------------------------


def _with_source(frame: Frame, step: Step, *, wide: bool) -> Frame:
    end, start_column, end_column = _positions(step)
    frame = _located(frame, wide=wide, end=end)
    text = linecache.getline(frame.file, frame.line)
    if end != frame.line or not frame.source or start_column < 0:
        return frame
    start, stop = (_characters(text, column) for column in (start_column, end_column))
    if _ALL_OF_IT.fullmatch(text[:start]) and text[stop:].strip() in ("", ":"):  # says nothing
        return frame
    return frame._replace(mark=(start, min(stop, _LONGEST_LINE))) if start < stop else frame


def _located(frame: Frame, *, wide: bool, end: int = 0) -> Frame:
    """A frame with the lines around its own."""
    linecache.checkcache(frame.file)
    end = min(max(end, frame.line), frame.line + _LONGEST_STATEMENT)
    first, last = (max(1, frame.line - _BEFORE), end + _AFTER) if wide else (frame.line, end)
    lines = {number: linecache.getline(frame.file, number) for number in range(first, last + 1)}
    if not lines.get(frame.line):
        return frame
    for number in (*range(first, frame.line), *range(last, frame.line, -1)):
        if lines[number].strip():
            if number > frame.line:
                break
            continue
        if number > frame.line or all(not lines.get(each, "").strip() for each in range(first, number)):
            del lines[number]
    if _is_behind(lines.get(end + 1, ""), lines[frame.line]):
        del lines[end + 1]
    source = MASK.lines([_line(text) for text in lines.values()])
    return frame._replace(first=min(lines), source=tuple(cut(text, _LONGEST_LINE) for text in source))


def _is_behind(line: str, before: str) -> bool:
    """Whether a line of source is of the next function, or behind the one that a line before it is in."""
    if line.lstrip().startswith(("@", "def ", "async def ", "class ")):
        return True
    return before[:1].isspace() and line[:1] not in ("", "#") and not line[:1].isspace()


def _line(text: str) -> str:
    return text.rstrip()[:_LONGEST_READ]


def _positions(step: Step) -> tuple[int, int, int]:
    """The last line of what raised, and its columns in bytes; -1 where they are not known."""
    for place, (_, end, start_column, end_column) in enumerate(step.code.co_positions()):
        if place == step.at // 2:
            if end is None or start_column is None or end_column is None:
                break
            return end, start_column, end_column
    return step.line, -1, -1


def _characters(text: str, column: int) -> int:
    return len(text.encode("utf-8", "replace")[:column].decode("utf-8", "replace"))


# -- values -----------------------------------------------------------------------------------


def _values(frame: Frame, step: Step, sketch: Sketch) -> Texts:
    """The variables that the lines name; those of the line itself first."""
    known = step.frame.f_locals
    at = frame.line - frame.first
    lines = [*frame.source[at:], *reversed(frame.source[:at])]
    names = dict.fromkeys(name for line in lines for name in _NAME.findall(line) if name in known)
    shown = [name for name in names if not issubclass(type(known[name]), _DULL)]
    return tuple((name, sketch.named(name, known[name])) for name in shown[:_MOST_VALUES])


def _undecorated(run: Callable[..., Any] | None) -> CodeType | None:
    """The code of a function around which there are decorators, which say so by `functools.wraps`."""
    if run is None or not hasattr(run, "__wrapped__"):
        return None
    try:
        return getattr(inspect.unwrap(run), "__code__", None)
    except ValueError:  # it goes round in a circle
        return None


def _given_to(run: Callable[..., Any] | None, wrapper: FrameType) -> list[tuple[str, Any]]:
    """What a wrapper that only passes on its arguments was given for a function, by its names."""
    code, known = wrapper.f_code, wrapper.f_locals
    number = code.co_argcount + code.co_kwonlyargcount
    both = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
    if run is None or number or code.co_flags & both != both:
        return []
    args, kwargs = code.co_varnames[:2]
    try:
        bound = inspect.signature(run).bind_partial(*known[args], **known[kwargs])
    except (TypeError, ValueError, KeyError):
        return []
    return list(bound.arguments.items())[:_MOST_INPUTS]


def _inputs(frame: FrameType, sketch: Sketch) -> Iterator[tuple[str, str]]:
    code, known = frame.f_code, frame.f_locals
    number = code.co_argcount + code.co_kwonlyargcount
    number += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    for name in code.co_varnames[:number][:_MOST_INPUTS]:
        if name in known and not (name == "self" and name == code.co_varnames[0]):
            if type(known[name]) in (dict, tuple) and not known[name]:
                continue  # no further arguments were given
            yield name, sketch.named(name, known[name])
