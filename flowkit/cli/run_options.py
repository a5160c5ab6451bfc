"""The options of `flowkit run`: its own, and those that a flow's parameters become.

Typer makes a command of a function's signature; this one is put together when the flow is known.
Values of parameters are taken as text and checked all at once (flow/values.py), so that a user sees
every problem, not the first.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from flowkit.cli.completion import complete_flow
from flowkit.cli.place import working_directory
from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import NO_DEFAULT, Parameter
from flowkit.flow.values import bare, is_collection, type_of
from flowkit.project.text import type_text, value_text

PREFIX = "parameter_"
PANEL = "Parameters of the flow"


class Executor(StrEnum):
    """Where tasks run."""

    threads = "threads"
    inline = "inline"


class Output(StrEnum):
    """What is shown of what tasks print."""

    live = "live"
    prefix = "prefix"
    group = "group"
    failed = "failed"
    none = "none"


class Level(StrEnum):
    """From which level on records are shown."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"
    critical = "critical"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What `flowkit run` was asked for, besides the flow and its parameters."""

    pairs: list[str] | None
    params: Path | None
    executor: Executor | None
    workers: int | None
    select: str | None
    exclude: str | None
    dry_run: bool
    fail_fast: bool
    timeout: str | None
    output: Output | None
    junit: Path | None
    as_json: bool
    log_level: Level | None
    pdb: bool
    debug: bool
    quiet: int
    verbose: int


# Option by option: the field of RunOptions, its type, default, names, and what it says of itself.
_OPTIONS: tuple[tuple[str, Any, Any, tuple[str, ...], dict[str, Any]], ...] = (
    (
        "pairs",
        list[str] | None,
        None,
        ("-p", "--param"),
        {"metavar": "KEY=VALUE", "help": "A parameter by name."},
    ),
    (
        "params",
        Path | None,
        None,
        ("--params",),
        {"metavar": "FILE", "help": "Parameters from a TOML or JSON file."},
    ),
    ("executor", Executor | None, None, ("--executor",), {"help": "Where tasks run."}),
    ("workers", int | None, None, ("--workers", "-w"), {"metavar": "N", "help": "How many tasks at once."}),
    (
        "select",
        str | None,
        None,
        ("--select", "-s"),
        {
            "metavar": "EXPR",
            "help": "Run these only: `train`, `+train`, `train+`, `tag:io`; a comma is and, a space or.",
        },
    ),
    ("exclude", str | None, None, ("--exclude",), {"metavar": "EXPR", "help": "Do not run these."}),
    ("dry_run", bool, False, ("--dry-run",), {"help": "Show what would run, and run nothing."}),
    (
        "fail_fast",
        bool,
        False,
        ("--fail-fast/--keep-going",),
        {"help": "Start nothing more after a failure, or go on with what does not depend on it."},
    ),
    (
        "timeout",
        str | None,
        None,
        ("--timeout",),
        {"metavar": "TIME", "help": "For the whole run: 90, 90s, 5m, 1h."},
    ),
    ("output", Output | None, None, ("--output",), {"help": "What to show of what tasks print."}),
    ("junit", Path | None, None, ("--junit",), {"metavar": "FILE", "help": "Write a JUnit report."}),
    (
        "as_json",
        bool,
        False,
        ("--json",),
        {"help": "One JSON object a line on stdout: events, then the summary."},
    ),
    (
        "log_level",
        Level | None,
        None,
        ("--log-level",),
        {"case_sensitive": False, "help": "Show records of `logging` from this level on."},
    ),
    ("pdb", bool, False, ("--pdb",), {"help": "Debug the first failed task after the run."}),
    ("debug", bool, False, ("--debug",), {"help": "Full tracebacks, flowkit's own too."}),
    ("quiet", int, 0, ("--quiet", "-q"), {"count": True, "help": "Show failures and the last line only."}),
    ("verbose", int, 0, ("--verbose", "-v"), {"count": True, "help": "Show more."}),
)
_TAKING_NONE = (bool, int)


def signature_for(flow: Flow | None) -> inspect.Signature:
    """The signature of the command: NAME, the parameters of the flow where it is known, and the options."""
    name = inspect.Parameter(
        "name",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        annotation=Annotated[
            str,
            typer.Argument(
                help="A registered name, one found in flows/, FILE.py, FILE.py:FLOW or MODULE:FLOW.",
                autocompletion=complete_flow,
                metavar="NAME",
            ),
        ],
    )
    own = [
        inspect.Parameter(
            field,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind, typer.Option(*names, show_default=False, **options)],
        )
        for field, kind, default, names, options in _OPTIONS
    ]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    return inspect.Signature([context, name, *(_parameters(flow) if flow is not None else ()), *own])


def _parameters(flow: Flow) -> Iterator[inspect.Parameter]:
    taken = _own_names()
    for number, parameter in enumerate(flow.parameters()):
        option = option_of(parameter.name)
        if option in taken or not option.isascii() or "=" in option or " " in option:
            continue
        yield inspect.Parameter(
            f"{PREFIX}{number}",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotated(parameter, option),
        )


def _annotated(parameter: Parameter, option: str) -> Any:
    kind = bare(type_of(parameter))
    shown: dict[str, Any] = {"help": _help(parameter), "rich_help_panel": PANEL, "show_default": False}
    if kind is bool:
        return Annotated[bool | None, typer.Option(f"{option}/--no-{option[2:]}", **shown)]
    return Annotated[list[str] | None, typer.Option(option, metavar=_metavar(kind), **shown)]


def _metavar(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "|".join(str(getattr(choice, "value", choice)) for choice in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    if kind is Any:
        return "VALUE"
    return type_text(kind).upper() if not is_collection(kind) else type_text(kind)


def _help(parameter: Parameter) -> str:
    if parameter.default is NO_DEFAULT:
        ending = "[required]" if parameter.required else ""
    else:
        ending = f"[default: {value_text(parameter.default, str(working_directory()))}]"
    return " ".join(part for part in (parameter.help, ending) if part)


def option_of(name: str) -> str:
    """`--test-share` for `test_share`."""
    return f"--{name.replace('_', '-')}"


def _own_names() -> set[str]:
    return {part for _, _, _, names, _ in _OPTIONS for name in names for part in name.split("/")} | {
        "--help",
        "-h",
    }


def clashing(names: Iterable[str]) -> list[str]:
    """The parameters that can only be given by `-p`, as an option of `run` is called the same."""
    return [name for name in names if option_of(name) in _own_names()]


def named_in(arguments: Sequence[str]) -> str | None:
    """The NAME in the arguments of `run`: the first that is neither an option nor the value of one."""
    waiting = False
    valued = {name for _, kind, _, names, _ in _OPTIONS if kind not in _TAKING_NONE for name in names}
    for argument in arguments:
        if waiting:
            waiting = False
        elif argument == "--":
            return None
        elif argument.startswith("-") and argument != "-":
            waiting = argument in valued
        else:
            return argument
    return None


def given_as_options(flow: Flow, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """The texts that were given by options, by parameter."""
    found: dict[str, list[str]] = {}
    for number, parameter in enumerate(flow.parameters()):
        value = values.get(f"{PREFIX}{number}")
        if value is not None and value != []:
            found[parameter.name] = [str(value).lower()] if isinstance(value, bool) else list(value)
    return found


def given_by_pairs(pairs: Iterable[str]) -> dict[str, list[str]]:
    """`-p key=value`, by key.

    Raises:
        UsageError: one without `=`.
    """
    found: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"`-p {pair}` is not of the form `-p KEY=VALUE`")
        found.setdefault(key, []).append(value)
    return found


def unknown_options(flow: Flow, extra: Sequence[str]) -> list[str]:
    """What was typed and is neither an option nor a parameter, a sentence each."""
    known = [*_own_names(), *(option_of(each.name) for each in flow.parameters())]
    problems = []
    takes_value = False
    for argument in extra:
        if not argument.startswith("-"):
            if not takes_value:
                problems.append(f"unexpected argument `{argument}`")
            takes_value = False
            continue
        option, equals, _ = argument.partition("=")
        near = difflib.get_close_matches(option, known, 1)
        problems.append(f"no option `{option}`" + (f"; did you mean `{near[0]}`?" if near else ""))
        takes_value = not equals
    return problems
