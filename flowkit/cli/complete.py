"""What the shell asks when TAB is pressed, answered without Typer and without user code.

The scripts in shells/ call `flowkit` with `_FLOWKIT_COMPLETE` set to the shell's name and give the words
up to the cursor; bash, whose words are cut at `:` and `=`, gives the line and where it cuts. A candidate is
a line; behind a tab fish gets what it is, zsh what it shows of it. Nothing at all stands for files.

Guarantees: silent and exit code 0, whatever is wrong; nothing is written but the answer.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, NoReturn

from flowkit.cli import complete_values
from flowkit.cli.complete_values import Candidate
from flowkit.cli.styled import cells
from flowkit.cli.wording import shown
from flowkit.errors import FlowkitError
from flowkit.project.entry import ParameterText

VARIABLE = "_FLOWKIT_COMPLETE"


def answer() -> NoReturn:
    """Answer the shell and end."""
    shell, given = os.environ[VARIABLE], sys.argv[1:]
    try:
        lines: Iterable[str] = ()
        if shell == "bash":
            lines = _for_bash(*given[:2])
        elif shell in ("zsh", "fish"):
            lines = _described(given, in_columns=shell == "zsh")
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    except (FlowkitError, OSError, ValueError, TypeError):  # half a line, no project, a shell that is gone
        pass
    os._exit(0)


def candidates(words: Sequence[str]) -> list[Candidate]:
    """What the last word may become.

    Args:
        words: those behind `flowkit`, at least one, which may be empty.
    """
    *before, begun = words
    place = _Place(commands())
    for word in before:
        place.pass_over(word)
    found = place.candidates(begun)
    return [each for each in found if each.value.startswith(begun) and shown(each.value) == each.value]


def commands() -> dict[str, Any]:
    """The commands with their options, as command_tree.py writes them."""
    text = resources.files("flowkit.cli").joinpath("commands.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@dataclass
class _Option:
    names: list[str]
    kind: Any
    help: str


@dataclass
class _Place:
    """Where in a command line the cursor is."""

    commands: dict[str, Any]
    path: str = ""
    arguments: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    waiting: _Option | None = None
    only_arguments: bool = False
    parameters: list[ParameterText] = field(default_factory=list)

    def pass_over(self, word: str) -> None:
        """Go behind a word that is written already."""
        if self.waiting is not None and not (word.startswith("-") and self.waiting.names[0] == "--force"):
            self.waiting = None
        elif word == "--" and not self.only_arguments:
            self.only_arguments = True
        elif word.startswith("-") and not self.only_arguments:
            self._pass_option(word)
        elif f"{self.path} {word}".strip() in self.commands and not self.arguments:
            self.path = f"{self.path} {word}".strip()
        else:
            self._pass_argument(word)

    def _pass_option(self, word: str) -> None:
        name, equals, _ = word.partition("=")
        option = next((each for each in self._options() if name in each.names), None)
        self.waiting = option if option is not None and option.kind is not None and not equals else None
        if option is not None and option.kind not in ("parameter", "task"):  # which come more than once
            self.used |= set(option.names)

    def _pass_argument(self, word: str) -> None:
        self.arguments.append(word)
        takes_parameters = any(option[1] == "parameter" for option in self.commands[self.path]["options"])
        if takes_parameters and self.path != "resume" and len(self.arguments) == 1:
            self.parameters = complete_values.parameters(word)

    def candidates(self, begun: str) -> Iterable[Candidate]:
        """All that may stand here, whether it begins so or not."""
        if self.waiting is not None:
            found = self._values(self.waiting.kind)
            lead = re.match(r"\d*\+", begun) if self.waiting.kind == "task" else None  # `2+train`
            return [Candidate(f"{lead[0]}{each.value}", each.help) for each in found] if lead else found
        if begun.startswith("-") and not self.only_arguments:
            name, equals, _ = begun.partition("=")
            if equals:
                option = next((each for each in self._options() if name in each.names), None)
                values = self._values(option.kind) if option is not None else ()
                return [Candidate(f"{name}={each.value}", each.help) for each in values]
            return self._option_names()
        below = list(self._subcommands())
        return below if below and not self.arguments else self._argument()

    def _subcommands(self) -> Iterator[Candidate]:
        prefix = f"{self.path} ".lstrip()
        for path, command in self.commands.items():
            if path.startswith(prefix) and path and " " not in path[len(prefix) :]:
                yield Candidate(path[len(prefix) :], command["help"])

    def _argument(self) -> Iterable[Candidate]:
        declared = self.commands[self.path]["arguments"]
        if not declared:
            return ()
        kind, repeated = declared[min(len(self.arguments), len(declared) - 1)]
        return self._values(kind) if repeated or len(self.arguments) < len(declared) else ()

    def _options(self) -> Iterator[_Option]:
        own = [_Option(*each) for each in self.commands[self.path]["options"]]
        taken = {name for option in own for name in option.names}
        for each in self.parameters if self.path == "run" else ():
            name = f"--{each.name.replace('_', '-')}"
            if name not in taken:
                yield _of_parameter(each, name)
        yield from own

    def _option_names(self) -> Iterator[Candidate]:
        for option in self._options():
            if not self.used.intersection(option.names):
                yield from (Candidate(name, option.help) for name in option.names if name.startswith("--"))

    def _values(self, kind: Any) -> Iterable[Candidate]:
        if isinstance(kind, list):
            return map(Candidate, kind)
        if kind == "parameter":
            return [Candidate(f"{each.name}=", each.type) for each in self.parameters]
        if kind == "task":
            return self._tasks()
        known = {
            "flow": complete_values.flows,
            "registered": complete_values.registered,
            "run": complete_values.runs,
        }
        return known[kind]() if kind in known else ()

    def _tasks(self) -> Iterable[Candidate]:
        if self.path == "run":
            return complete_values.tasks(flow=self.arguments[0]) if self.arguments else ()
        return complete_values.tasks(run=self.arguments[0] if self.arguments else "latest")


def _of_parameter(parameter: ParameterText, name: str) -> _Option:
    text = f"{parameter.type}, required" if parameter.required else f"{parameter.type} = {parameter.default}"
    if parameter.type == "bool":
        return _Option([name, f"--no-{name[2:]}"], None, text)
    return _Option([name], complete_values.choices_of(parameter) or "", text)


def _described(words: list[str], *, in_columns: bool) -> Iterator[str]:
    """For zsh and fish.

    Args:
        in_columns: what is shown has the candidate in front, all as wide.
    """
    words = words[1:] if words[:1] == ["--"] else words
    begun = words[-1] if words else ""
    quote = begun[:1] if begun[:1] in ("'", '"') else ""
    found = candidates([*words[:-1], begun[len(quote) :]])
    width = max((cells(each.value) for each in found), default=0)
    for each in found:
        before = f"{each.value}{' ' * (width - cells(each.value))}  -- " if in_columns else ""
        yield f"{each.value}\t{before}{shown(each.help)}" if each.help else each.value


def _for_bash(line: str, breaks: str = "") -> Iterator[str]:
    """For bash, which puts what it is given in place of what follows the last character at which it cuts
    words, and quotes nothing itself."""
    words, quote = _split(line)
    begun = words[-1]
    cut = 0 if quote else max((begun.rfind(each) + 1 for each in breaks if each in ":="), default=0)
    for each in candidates(words[1:]):
        rest = each.value[cut:]
        yield rest if quote else _escaped(rest)


def _split(line: str) -> tuple[list[str], str]:
    """The words of a line, the last of which is begun, and the quote that is open in it."""
    for quote in ("", "'", '"'):
        try:
            words = shlex.split(f"{line}{quote}")
        except ValueError:
            continue
        fresh = not quote and (not line or (line[-1].isspace() and not line.endswith("\\ ")))
        return [*words, ""] if fresh else words, quote
    raise ValueError(line)


def _escaped(text: str) -> str:
    return re.sub(r"([^\w@%+=:,./\[\]-])", r"\\\1", text)
