"""How the command says that it cannot: one sentence, the ways out, and what to send where it is our bug.

Guarantees: text of the user's is shown, never sent to the terminal as commands; nothing here raises.
"""

from __future__ import annotations

import platform
import shlex
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from flowkit.cli.console import Console
from flowkit.cli.evidence import Place
from flowkit.cli.styled import Styled
from flowkit.cli.table import wrapped
from flowkit.cli.wording import one_line, shown
from flowkit.engine.failure import message_of, type_name
from flowkit.errors import BugError, FlowkitError


def show(error: FlowkitError, *, debug: bool = False, console: Console | None = None) -> None:
    """Write an error of the user's to stderr: the sentence, their own frames, the hints.

    Args:
        debug: the whole traceback first.
        console: default: one for the process's streams.
    """
    if isinstance(error, BugError):
        show_bug(error, debug=debug, console=console)
        return
    own = console or Console()
    columns = own.width if own.interactive else 0
    lines: list[Styled] = [*_traceback(error)] if debug else []
    first, *rest = error.message.splitlines() or [""]
    lines += _folded("error: ", "bold red", first, columns)
    for line in rest:
        lines += _folded("  ", "", line, columns)
    for note in getattr(error, "__notes__", ()):
        lines += [[("  ", ""), (shown(line), "dim")] for line in str(note).splitlines()]
    for hint in error.hints:
        lines += _hint(hint)
    own.say(lines)
    if console is None:
        own.close()


def show_bug(error: BaseException, *, debug: bool = False, console: Console | None = None) -> int:
    """Write a bug of flowkit's to stderr: the traceback, that it is ours, where, and what to send.

    Args:
        debug: no matter, as what cannot be made to happen again must be whole the first time.

    Returns:
        The exit code.
    """
    place = _place(error)
    where = f" ({place.shown})" if place else ""
    text = message_of(error) if isinstance(error, BugError) else f"{type_name(error)}: {message_of(error)}"
    sentence = f"flowkit has a bug: {one_line(text, 500)}{where}"
    hints = [
        "this is not your flow's fault; please report it with the lines above",
        f"the command was `{one_line(shlex.join(['flowkit', *sys.argv[1:]]), 500)}`",
        f"flowkit {_version()}, Python {platform.python_version()}, {platform.platform()}",
    ]
    lines: list[Styled] = [*_traceback(error), [("error: ", "bold red"), (sentence, "")]]
    for hint in hints:
        lines += _hint(hint)
    _say(console, lines)
    return BugError.exit_code


def _folded(head: str, style: str, text: str, columns: int) -> Iterator[Styled]:
    """A line, broken between words where the terminal has so many columns; 0: any.

    Hints are not: a command in them can be copied only if the terminal breaks it.
    """
    pieces = wrapped(shown(text), columns - len(head) if columns else 0)
    for number, piece in enumerate(pieces):
        yield [(" " * len(head), "") if number else (head, style), (piece, "")]


def _hint(hint: Any) -> list[Styled]:
    first, *rest = str(hint).splitlines() or [""]
    return [
        [("hint: ", "cyan"), (shown(first), "")],
        *([("      ", ""), (shown(line), "")] for line in rest),
    ]


def _traceback(error: BaseException) -> list[Styled]:
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # the exception's own code
        text = "".join(traceback.format_tb(error.__traceback__))
    return [[(shown(line), "dim")] for line in text.splitlines()]


def _place(error: BaseException) -> Place | None:
    """The innermost line of ours, or of whom we called."""
    frames = traceback.extract_tb(error.__traceback__)
    return Place(frames[-1].filename, frames[-1].lineno or 0, frames[-1].name) if frames else None


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("flowkit-runner")
    except PackageNotFoundError:
        return "(not installed)"


def _say(console: Console | None, lines: list[Styled]) -> None:
    if console is not None:
        console.say(lines)
        return
    own = Console()
    own.say(lines)
    own.close()
