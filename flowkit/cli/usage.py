"""What Typer says of a wrong command line, said as all else: one sentence, and the way out."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from flowkit.cli.run_options import named_in
from flowkit.errors import FlowkitError, UsageError
from flowkit.project.names import quoted, suggestions

_VALUELESS = re.compile(r"requires (an argument|\d+ arguments)")
_NO_INTEGER = re.compile(r"Input should be a valid integer|.* is not a valid int")
_COMMAND = re.compile(r"No such command '(.*?)'\.", re.DOTALL)


def explained(error: typer.TyperException, arguments: Sequence[str]) -> UsageError:
    """The error of ours for one of Typer's.

    Args:
        arguments: the command line.
    """
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else _command(arguments)
    unknown = _COMMAND.match(error.format_message())
    if unknown is not None and context is not None:
        return _unknown_command(unknown[1], context.command.commands, path)
    sentence, hints = _sentence(error, path, arguments)
    hints += tuple(_with_two_dashes(context, arguments))
    hint = f"`{path}{_flow_of(path, arguments)} --help` shows how it is called"
    return UsageError(sentence, hints=(*hints, hint))


def _command(arguments: Sequence[str]) -> str:
    """The command that the arguments begin with: `flowkit runs show`."""
    from flowkit.cli.complete import commands

    known = commands()
    words = [*itertools.takewhile(lambda word: not word.startswith("-"), arguments)][:2]
    found = next((path for count in (2, 1) if (path := " ".join(words[:count])) in known), "")
    return f"flowkit {found}".rstrip()


def _flow_of(path: str, arguments: Sequence[str]) -> str:
    """The flow that is to be run, as it would be typed, with a space before it."""
    if path != "flowkit run":
        return ""
    try:
        name = named_in(arguments[1:])
    except UsageError:
        return ""
    return f" {shlex.quote(name)}" if name else ""


def _unknown_command(name: str, commands: Any, path: str) -> UsageError:
    if name == "help":
        hints: tuple[str, ...] = ()
    elif path == "flowkit" and _is_flow(name):
        hints = (f"`flowkit run {name}` runs the flow of that name",)
    else:
        hints = suggestions(name, commands)
    return UsageError(
        f"`{path}` has no command {quoted(name)}", hints=(*hints, f"`{path} --help` lists the commands")
    )


def _is_flow(name: str) -> bool:
    from flowkit.cli.complete_values import flows

    try:
        return any(each.value == name for each in flows())
    except (FlowkitError, OSError):
        return False


def _sentence(
    error: typer.TyperException, path: str, arguments: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    option, parameter = getattr(error, "option_name", None), getattr(error, "param", None)
    if type(error).__name__ == "NoSuchOption":
        near = getattr(error, "possibilities", None) or ()
        return f"`{path}` has no option {quoted(str(option))}", (
            (f"did you mean {' or '.join(quoted(each) for each in sorted(near))}?",) if near else ()
        )
    if option and _VALUELESS.search(error.format_message()):
        return f"`{path} {option}` needs a value", ()
    if type(error).__name__ == "MissingParameter" and parameter is not None:
        hints = ("`flowkit` alone lists the flows",) if _name(parameter) == "NAME" else ()
        return f"`{path}` needs `{_name(parameter)}`", hints
    if parameter is not None:
        typed = _typed(parameter, arguments)
        if _NO_INTEGER.match(str(getattr(error, "message", ""))) and typed is not None:
            return f"`{path} {_name(parameter)}` takes a whole number, not {quoted(typed)}", ()
        reason = str(getattr(error, "message", "")).removeprefix("Value error, ").rstrip(".")
        return f"`{path} {_name(parameter)}`: {reason[:1].lower()}{reason[1:]}", ()
    text = error.format_message().rstrip(".")
    return f"`{path}`: {text[:1].lower()}{text[1:]}", ()


def _typed(parameter: Any, arguments: Sequence[str]) -> str | None:
    """The value that was typed for an option; None where that cannot be told."""
    for place, word in enumerate(arguments):
        option, equals, value = word.partition("=")
        if option in parameter.opts:
            return value if equals else next(iter(arguments[place + 1 :]), None)
    return None


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "option":
        return str(parameter.opts[0])
    return str(parameter.metavar or parameter.name).strip("[]").upper()


def _with_two_dashes(context: Any, arguments: Sequence[str]) -> Iterator[str]:
    """`-warm`, which is read as `-w arm`, where there is an option `--warm`."""
    options = context.command.params if context is not None else ()
    known = {name for each in options for name in getattr(each, "opts", ())}
    for word in arguments:
        if re.fullmatch(r"-[A-Za-z][\w-]+(=.*)?", word) and f"-{word.partition('=')[0]}" in known:
            yield f"did you mean `-{word}`?"
