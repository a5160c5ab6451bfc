"""From a live exception to what can be kept, sent and shown of it.

Nothing here raises, whatever the exception's own code does, and no frame of flowkit is shown.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flowkit.engine.credentials import without_credentials
from flowkit.engine.frames import (
    frames_of,
    innermost,
    inputs_of,
    is_own,
    of_syntax_error,
    steps_of,
    with_source,
)
from flowkit.engine.mask import MASK
from flowkit.engine.sketch import Sketch, cut
from flowkit.plan.failure import Cause, Failure

LONGEST_MESSAGE = 10_000
_MARGIN = 2_000  # characters in which a secret ends that is cut
_MOST_FRAMES = 60
_MOST_CAUSES = 10
_MOST_NOTES = 20
_LONGEST_SHORT = 1_000
_LONGEST_TRACEBACK = 50_000
_ELSEWHERE = "__flowkit_failure__"


def describe(
    error: BaseException,
    kind: str = "error",
    hint: str = "",
    *,
    full: bool = True,
    run: Callable[..., Any] | None = None,
) -> Failure:
    """What is known of an exception.

    Args:
        kind: `error`, `timeout`, `signal`, `arguments`, `storage` or `trigger`.
        hint: a way out, where there is one.
        full: with source and values, which takes a fraction of a millisecond and some kilobytes.
        run: the function of the task, if there is one.
    """
    elsewhere = _told(error)
    if elsewhere is not None:
        found = replace(elsewhere, kind=kind, hint=hint or elsewhere.hint)
        return replace(found, frames=with_source(found.frames)) if full else found.short
    bare = Failure(kind, type_name(error), message_of(error), _printed(error), hint=hint, pid=os.getpid())
    try:
        return _with_evidence(bare, error, full, run)
    except Exception:  # an exception whose own code replaces what Python knows of it
        return bare


def _with_evidence(
    failure: Failure, error: BaseException, full: bool, run: Callable[..., Any] | None
) -> Failure:
    sketch = Sketch() if full else None
    try:
        steps = steps_of(error.__traceback__)
        frames = frames_of(steps, sketch)
        if isinstance(error, SyntaxError) and (named := of_syntax_error(error)) is not None:
            frames = (*frames, named)
        return replace(
            failure,
            place=_place(steps),
            frames=frames,
            inputs=inputs_of(error.__traceback__, sketch, run) if sketch is not None else (),
            causes=tuple(_causes(error)) if full else (),
            notes=_notes(error),
        )
    finally:
        if sketch is not None:
            sketch.close()


def _place(steps: Any) -> str:
    """Where it was raised: in the user's own code, where any of that is among the calls."""
    own = [step for step in steps if is_own(step.code.co_filename)] or steps
    return f"{own[-1].code.co_filename}:{own[-1].line} in {own[-1].code.co_name}" if own else ""


def told_elsewhere(error: BaseException, failure: Failure) -> BaseException:
    """The exception, with what another process, where it was raised, knows of it."""
    object.__getattribute__(error, "__dict__")[_ELSEWHERE] = failure
    return error


def _told(error: BaseException) -> Failure | None:
    found: Failure | None = object.__getattribute__(error, "__dict__").get(_ELSEWHERE)
    return found


def type_name(error: BaseException) -> str:
    """The class, with its module where that is not the builtins or the script."""
    cls = type(error)
    module = cls.__module__
    return cls.__qualname__ if module in ("builtins", "__main__") else f"{module}.{cls.__qualname__}"


def message_of(error: BaseException) -> str:
    """The text of an exception, without what looks like a secret; a sentence where it has none to be had."""
    try:
        text = str(error)
    except BaseException as broken:
        return f"<its text cannot be had: `__str__` raised {type(broken).__name__}>"
    if len(text) <= LONGEST_MESSAGE:
        return without_credentials(text)
    text = MASK.text(text)  # as half a secret is not found any more
    shown = without_credentials(text[: LONGEST_MESSAGE + _MARGIN])[:LONGEST_MESSAGE]
    return f"{shown}… ({len(text)} characters)"


def _notes(error: BaseException) -> tuple[str, ...]:
    """What was added by `add_note`."""
    found = getattr(error, "__notes__", ())
    return tuple(
        _short(without_credentials(str.__str__(each)))
        for each in list(found)[:_MOST_NOTES]
        if isinstance(each, str)
    )


def _short(text: str, most: int = _LONGEST_SHORT) -> str:
    return text if len(text) <= most else cut(MASK.text(text), most)


def _before(error: BaseException) -> tuple[str, BaseException | None]:
    """What an exception came from, and how."""
    if error.__cause__ is not None:
        return "caused by", error.__cause__
    if error.__context__ is not None and not error.__suppress_context__:
        return "while handling", error.__context__
    return "", None


def _causes(error: BaseException) -> list[Cause]:
    """What led to it, nearest first, each with the members of its group."""
    found: list[Cause] = []
    seen = {id(error)}

    def add(how: str, each: BaseException | None) -> None:
        if each is None or id(each) in seen or len(found) >= _MOST_CAUSES:
            return
        seen.add(id(each))
        frame = innermost(steps_of(each.__traceback__))
        message = _short(message_of(each))
        found.append(Cause(how, type_name(each), message, () if frame is None else (frame,)))
        follow(each)

    def follow(each: BaseException) -> None:
        if isinstance(each, BaseExceptionGroup):
            for member in each.exceptions:
                add("with", member)
        add(*_before(each))

    follow(error)
    return found


_LINKS = {
    "caused by": "The above exception was the direct cause of the following exception:",
    "while handling": "During handling of the above exception, another exception occurred:",
}


def _printed(error: BaseException) -> str:
    """The exception as Python prints it; of very much text the beginning and the end."""
    return _short(_formatted(error), _LONGEST_TRACEBACK)


def _formatted(error: BaseException) -> str:
    """The exception as Python prints it, with the causes that led to it."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    link = ""
    while current is not None and id(current) not in seen and len(seen) < _MOST_CAUSES:
        seen.add(id(current))
        parts.append(_one(current) + (f"\n{_LINKS[link]}\n\n" if link else ""))
        link, current = _before(current)
    return "".join(reversed(parts))


def _one(error: BaseException) -> str:
    steps = steps_of(error.__traceback__)[-_MOST_FRAMES:]
    frames = [traceback.FrameSummary(each.code.co_filename, each.line, each.code.co_name) for each in steps]
    lines = ["Traceback (most recent call last):\n", *traceback.StackSummary.from_list(frames).format()]
    message = message_of(error)
    last = f"{type_name(error)}: {message}\n" if message else f"{type_name(error)}\n"
    last += "".join(f"{note}\n" for note in _notes(error))
    if isinstance(error, BaseExceptionGroup):
        last += "".join(
            f"  {number}: {type_name(member)}: {message_of(member)}\n"
            for number, member in enumerate(error.exceptions[:20], 1)
        )
    return "".join(lines if frames else []) + last
