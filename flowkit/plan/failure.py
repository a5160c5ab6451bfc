"""What is known of an exception: printable, picklable and bounded, also where the exception is none of these.

A failure is made where it happened, and is the same in the row that is remembered, in another process, and
days later in the history, as the files and values that it shows may have changed by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

Texts = tuple[tuple[str, str], ...]  # names with what is shown of their values


class Frame(NamedTuple):
    """A call that an exception went through.

    Attributes:
        file, line, function: where; an absolute path where it is one.
        own: whether the code is the user's, not a library's.
        first: the number of the first line of `source`.
        source: lines of code around `line`; none where they were not to be had.
        mark: the columns in `line` of what raised, from and up to; (0, 0): all of it.
        values: variables that these lines name.
        left_out: how many calls after this one are left out here, as in a recursion.
    """

    file: str
    line: int
    function: str
    own: bool = True
    first: int = 0
    source: tuple[str, ...] = ()
    mark: tuple[int, int] = (0, 0)
    values: Texts = ()
    left_out: int = 0


class Cause(NamedTuple):
    """An exception that has to do with another one.

    Attributes:
        how: `caused by`, `while handling`, or `with`, of what a group has.
        frames: the innermost of the user's own, if there is one.
    """

    how: str
    type_name: str
    message: str
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of an exception, printable and picklable also where the exception is neither.

    Attributes:
        kind: `error`, `timeout`, `signal`, `arguments`, `storage` or `trigger`.
        type_name: the exception's class, with its module where it is not a builtin.
        message: its text, or a sentence that says why there is none.
        traceback: the frames of the user's code, as Python prints them, without flowkit's.
        place: `file:line in function` of the innermost of those, or "".
        hint: a way out, or "".
        frames: the same frames, outermost first; of very many, the first and the last.
        inputs: the arguments of the task, as they were when it failed.
        causes: what led to it, nearest first, and the members of a group.
        notes: what was added by `add_note`.
        pid: the process in which it happened; 0: none.
        most: how many attempts the task may take; 0: unknown.
    """

    kind: str
    type_name: str
    message: str
    traceback: str = ""
    place: str = ""
    hint: str = ""
    frames: tuple[Frame, ...] = ()
    inputs: Texts = ()
    causes: tuple[Cause, ...] = ()
    notes: tuple[str, ...] = ()
    pid: int = 0
    most: int = 0

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}" if self.message else self.type_name

    @property
    def short(self) -> Failure:
        """Without what takes most room: source, values and inputs."""
        return replace(
            self,
            frames=tuple(each._replace(first=0, source=(), values=()) for each in self.frames),
            inputs=(),
            causes=(),
        )

    def with_texts(self, text: Callable[[str], str]) -> Failure:
        """With each text in it that the user's code has made put through a function."""
        return replace(
            self,
            message=text(self.message),
            traceback=text(self.traceback),
            hint=text(self.hint),
            frames=_frames_with(self.frames, text),
            inputs=_texts_with(self.inputs, text),
            causes=tuple(
                each._replace(message=text(each.message), frames=_frames_with(each.frames, text))
                for each in self.causes
            ),
            notes=tuple(map(text, self.notes)),
        )


def fields_of(failure: Failure) -> tuple[Any, ...]:
    """What a failure is made of, to make it again."""
    return tuple(getattr(failure, each.name) for each in fields(failure))


# -- as JSON ----------------------------------------------------------------------------------


def document_of(failure: Failure) -> dict[str, Any]:
    """As JSON has it; what there is nothing of is left out."""
    found: dict[str, Any] = {each.name: getattr(failure, each.name) for each in fields(failure)}
    found["frames"] = [frame_document(each) for each in failure.frames]
    found["inputs"] = dict(failure.inputs)
    found["causes"] = [cause_document(each) for each in failure.causes]
    found["notes"] = list(failure.notes)
    return {name: value for name, value in found.items() if value}


def cause_document(cause: Cause) -> dict[str, Any]:
    """A cause as JSON has it."""
    found = {"how": cause.how, "type": cause.type_name, "message": cause.message}
    return {**found, "frames": [frame_document(each) for each in cause.frames]}


def frame_document(frame: Frame) -> dict[str, Any]:
    """A frame as JSON has it."""
    found: dict[str, Any] = {
        "file": frame.file,
        "line": frame.line,
        "function": frame.function,
        "own": frame.own,
    }
    if frame.source:
        found |= {"first": frame.first, "source": list(frame.source)}
    if frame.mark != (0, 0):
        found["mark"] = list(frame.mark)
    if frame.values:
        found["values"] = dict(frame.values)
    if frame.left_out:
        found["left_out"] = frame.left_out
    return found


def failure_in(document: Mapping[str, Any]) -> Failure | None:
    """A failure that was written as JSON, also by an earlier release; None where it is none."""
    if not document:
        return None
    try:
        plain = ("kind", "type_name", "message", "traceback", "place", "hint")
        return Failure(
            **{name: str(document.get(name, "")) for name in plain},
            frames=tuple(map(_frame_in, document.get("frames", ()))),
            inputs=_texts_in(document.get("inputs", {})),
            causes=tuple(map(_cause_in, document.get("causes", ()))),
            notes=tuple(map(str, document.get("notes", ()))),
            pid=int(document.get("pid", 0)),
            most=int(document.get("most", 0)),
        )
    except (TypeError, ValueError, AttributeError, KeyError):
        return None


def _frame_in(document: Mapping[str, Any]) -> Frame:
    start, end = document.get("mark", (0, 0))
    return Frame(
        str(document["file"]),
        int(document["line"]),
        str(document["function"]),
        bool(document.get("own", True)),
        int(document.get("first", 0)),
        tuple(map(str, document.get("source", ()))),
        (int(start), int(end)),
        _texts_in(document.get("values", {})),
        int(document.get("left_out", 0)),
    )


def _cause_in(document: Mapping[str, Any]) -> Cause:
    frames = tuple(map(_frame_in, document.get("frames", ())))
    return Cause(str(document["how"]), str(document["type"]), str(document["message"]), frames)


def _texts_in(document: Mapping[str, Any]) -> Texts:
    return tuple((str(name), str(text)) for name, text in document.items())


def _texts_with(texts: Texts, text: Callable[[str], str]) -> Texts:
    return tuple((name, text(value)) for name, value in texts)


def _frames_with(frames: tuple[Frame, ...], text: Callable[[str], str]) -> tuple[Frame, ...]:
    return tuple(
        each._replace(source=_lines_with(each.source, text), values=_texts_with(each.values, text))
        for each in frames
    )


def _lines_with(lines: tuple[str, ...], text: Callable[[str], str]) -> tuple[str, ...]:
    """Lines as one text, as what is looked for may go on in the next one."""
    together = tuple(text("\n".join(lines)).split("\n")) if lines else ()
    return together if len(together) == len(lines) else tuple(map(text, lines))
