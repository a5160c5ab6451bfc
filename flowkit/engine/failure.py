"""From a live exception to what can be kept, sent and shown of it.

Nothing here raises, whatever the exception's own code does, and no frame of flowkit is shown.
"""

from __future__ import annotations

import os
import traceback
from dataclasses import replace
from types import TracebackType

from flowkit.plan.events import Failure

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")  # noqa: PTH100, PTH118, PTH120
LONGEST_MESSAGE = 10_000
_MOST_FRAMES = 60
_MOST_CAUSES = 10
_ELSEWHERE = "__flowkit_failure__"


def describe(error: BaseException, kind: str = "error", hint: str = "") -> Failure:
    """What is known of an exception.

    Args:
        kind: `error`, `timeout`, `signal`, `arguments` or `trigger`.
        hint: a way out, where there is one.
    """
    elsewhere = _told(error)
    if elsewhere is not None:
        return replace(elsewhere, kind=kind, hint=hint or elsewhere.hint)
    frames = user_frames(error.__traceback__)
    place = ""
    if frames:
        last = frames[-1]
        place = f"{last.filename}:{last.lineno} in {last.name}"
    return Failure(kind, type_name(error), message_of(error), _formatted(error), place, hint)


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
    """The text of an exception; a sentence where it has none that can be had."""
    try:
        text = str(error)
    except BaseException as broken:
        return f"<its text cannot be had: `__str__` raised {type(broken).__name__}>"
    if len(text) > LONGEST_MESSAGE:
        text = f"{text[:LONGEST_MESSAGE]}… ({len(text)} characters)"
    return text


def is_ours(file: str) -> bool:
    """Whether a file of code is one of flowkit's."""
    return file.startswith(_PACKAGE)


def user_frames(tb: TracebackType | None) -> list[traceback.FrameSummary]:
    """The frames that are not flowkit's, outermost first; of very many, the last ones."""
    found: list[tuple[str, int, str]] = []
    while tb is not None:
        code = tb.tb_frame.f_code
        if not is_ours(code.co_filename):
            found.append((code.co_filename, tb.tb_lineno, code.co_name))
        tb = tb.tb_next
    return [traceback.FrameSummary(*frame) for frame in found[-_MOST_FRAMES:]]


def _formatted(error: BaseException) -> str:
    """The exception as Python prints it, with the causes that led to it."""
    chain: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    link, current = "", error
    while id(current) not in seen and len(chain) < _MOST_CAUSES:
        seen.add(id(current))
        chain.append((current, link))
        if current.__cause__ is not None:
            link, current = (
                "The above exception was the direct cause of the following exception:",
                current.__cause__,
            )
        elif current.__context__ is not None and not current.__suppress_context__:
            link, current = (
                "During handling of the above exception, another exception occurred:",
                current.__context__,
            )
    parts = []
    for position, (member, _) in reversed(list(enumerate(chain))):
        parts.append(_one(member))
        if position:
            parts.append(f"\n{chain[position][1]}\n\n")
    return "".join(parts)


def _one(error: BaseException) -> str:
    frames = user_frames(error.__traceback__)
    lines = ["Traceback (most recent call last):\n", *traceback.StackSummary.from_list(frames).format()]
    message = message_of(error)
    last = f"{type_name(error)}: {message}\n" if message else f"{type_name(error)}\n"
    if isinstance(error, BaseExceptionGroup):
        last += "".join(
            f"  {number}: {type_name(member)}: {message_of(member)}\n"
            for number, member in enumerate(error.exceptions[:20], 1)
        )
    return "".join(lines if frames else []) + last
