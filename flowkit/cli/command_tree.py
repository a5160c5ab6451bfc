"""The commands and their options as one small document, so that the shell completes them without Typer.

Importing Typer and declaring all commands takes longer than a person who has pressed TAB waits; reading
`commands.json` takes none of it. `python -m flowkit.cli.command_tree` writes that file again; a test holds
it against the commands.
"""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

FILE = Path(__file__).with_name("commands.json")

# What a metavar stands for: which candidates there are for it (complete_values.py).
_KINDS = {
    "NAME": "flow",
    "FLOW": "flow",
    "FLOW[:TASK]": "flow",
    "RUN": "run",
    "TASK": "task",
    "EXPR": "task",
    "FILE": "file",
    "PATH": "file",
    "DIR": "file",
}
_REGISTERED = ("show", "unregister")  # those that know no other flows


def tree() -> dict[str, Any]:
    """The document: per command (`""`, `run`, `runs show`) its help, arguments and options.

    An argument is [kind, whether it may be repeated], an option [names, kind, help]. A kind is None for a
    flag, else one of `_KINDS`, a list of choices, or "" for a value that nobody can guess.
    """
    from typer.main import get_command

    from flowkit.cli.app import application

    return dict(_commands(get_command(application([])), ""))


def text(document: dict[str, Any]) -> str:
    """The document as it lies in the file: a line an option, so that changes can be read and merged."""
    lines = []
    for path, command in document.items():
        head = json.dumps({"help": command["help"], "arguments": command["arguments"]}, ensure_ascii=False)
        options = ",\n".join(f"  {json.dumps(each, ensure_ascii=False)}" for each in command["options"])
        lines.append(f"{json.dumps(path)}: {head[:-1]}, " + f'"options": [\n{options}\n]}}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _commands(command: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    yield (
        path,
        {
            "help": command.get_short_help_str(100),
            "arguments": [[_kind(each, path), each.nargs == -1] for each in arguments],
            "options": [
                [[*each.opts, *each.secondary_opts], _kind(each, path), (each.help or "").replace("\\[", "[")]
                for each in options
            ]
            + [[["--help", "-h"], None, "Show what there is, and how it is called."]],
        },
    )
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, f"{path} {name}".strip())


def _kind(parameter: Any, path: str) -> Any:
    if getattr(parameter, "is_flag", False) or getattr(parameter, "count", False):
        return None
    name = (parameter.metavar or parameter.name.upper()).removesuffix("...")
    name = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    if name in _KINDS:
        kind = _KINDS[name]
        return "registered" if kind == "flow" and path in _REGISTERED else kind
    if name == "KEY=VALUE" and "-p" in parameter.opts:
        return "parameter"
    annotation = parameter.type_descriptor.annotation
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return [str(member.value) for member in annotation]
    if get_origin(annotation) is Literal:
        return [str(each) for each in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Path):
        return "file"
    own = getattr(parameter, "_custom_shell_complete", None)
    return [each.value for each in own(None, parameter, "")] if own else ""


def main() -> None:
    """Write the file."""
    FILE.write_text(text(tree()), encoding="utf-8")
    sys.stderr.write(f"wrote {FILE}\n")


if __name__ == "__main__":
    main()
