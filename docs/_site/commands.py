"""The reference of the commands, as Markdown, from the application: what `--help` says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_MARKUP = re.compile(r"\[/?(?:bold|dim|italic|red|green|yellow|blue|cyan)[^\]]*\]")


def reference() -> str:
    """The page."""
    import typer.main

    from flowkit.cli.app import application

    group: Any = typer.main.get_command(application([]))
    lines = [
        "# All commands",
        "",
        "What `flowkit COMMAND --help` says. [The commands that look back](../commands.md) has examples,",
        "[the README](../index.md#commands) the exit codes. The parameters of a flow are further options of",
        "`flowkit run NAME`: `flowkit run NAME --help` has them.",
        "",
    ]
    for name in sorted(group.commands):
        lines += _command(f"flowkit {name}", group.commands[name], 2)
    return "\n".join(lines)


def _command(name: str, command: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} {name}"
    yield ""
    yield _said(command.help or "")
    yield ""
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    further = [*(["COMMAND"] if hasattr(command, "commands") else []), *(["[OPTIONS]"] if options else [])]
    usage = " ".join([name, *(_usage(each) for each in arguments), *further])
    yield from ("```text", usage, "```", "")
    if arguments or options:
        yield from ("| to give | |", "|---|---|")
        for each in [*arguments, *options]:
            yield f"| {_names(each)} | {_said(getattr(each, 'help', '') or '', one_line=True)} |"
        yield ""
    for below in sorted(getattr(command, "commands", {})):
        yield from _command(f"{name} {below}", command.commands[below], level + 1)


def _usage(argument: Any) -> str:
    shown = _metavar(argument)
    return shown if argument.required else f"[{shown}]"


def _metavar(parameter: Any) -> str:
    shown = str(parameter.metavar or parameter.name or "").upper()
    return shown[1:-1] if shown.startswith("[") and shown.endswith("]") else shown


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_metavar(parameter)}`"
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    kind = getattr(parameter.type_descriptor.annotation, "__name__", "value").upper()
    value = "" if parameter.is_flag or parameter.count else f" {parameter.metavar or kind}"
    return f"`{names}{value}`".replace("|", "\\|")


def _said(text: str, *, one_line: bool = False) -> str:
    text = _MARKUP.sub("", text).replace("\b", "").strip()
    return " ".join(text.split()).replace("|", "\\|") if one_line else text
