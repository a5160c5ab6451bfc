"""The options of `flowkit run`: its own, and those that a flow's parameters become.

Typer makes a command of a function's signature; this one is put together when the flow is known.
Values of parameters are taken as text and checked all at once (flow/values.py), so that a user sees
every problem, not the first. A secret parameter has an option that `--help` does not list and `checked`
refuses, so that what was typed for it is taken for nothing else, and shown nowhere.
"""

from __future__ import annotations

import difflib
import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import typer

from flowkit.cli.place import working_directory
from flowkit.draw.labels import printable
from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.secret import variable_of
from flowkit.flow.values import bare, is_collection, type_of
from flowkit.project.settings import CHOICES, LANES
from flowkit.project.text import type_text, value_text

PREFIX = "parameter_"
PANEL = "Parameters of the flow"
OTHERS_PANEL = "Parameters of the flow that have no option"
OWN_PANEL = "How to run it"


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

    module: str | None
    pairs: list[str] | None
    params: Path | None
    keys: list[str] | None
    executor: str | None
    workers: int | None
    select: str | None
    exclude: str | None
    dry_run: bool
    force: list[str] | None
    no_cache: bool
    no_persist: bool
    fail_fast: bool
    timeout: str | None
    output: Output | None
    junit: Path | None
    as_json: bool
    log_level: Level | None
    watch: bool = False
    pdb: bool
    debug: bool
    quiet: int
    verbose: int


class _Option(NamedTuple):
    """An option: the field of RunOptions, its type, names, and what it says of itself."""

    field: str
    kind: Any
    names: tuple[str, ...]
    help: str
    metavar: str | None = None
    default: Any = None


_OPTIONS = (
    _Option(
        "module", str | None, ("-m", "--module"), "The module that has the flow; NAME is which one.", "MODULE"
    ),
    _Option(
        "select",
        str | None,
        ("--select",),
        "Only these tasks: train, +train, train+, tag:io, state:modified, result:failed.",
        "EXPR",
    ),
    _Option("exclude", str | None, ("--exclude",), "Not these tasks.", "EXPR"),
    _Option(
        "executor",
        str | None,
        ("--executor",),
        f"Where tasks run: {', '.join(CHOICES)}.",
        "LANE",
    ),
    _Option(
        "workers",
        int | None,
        ("--workers", "-w"),
        "How many tasks at once in each lane; inline has one, coroutines beside others have no limit.",
        "N",
    ),
    _Option("timeout", str | None, ("--timeout",), "For the whole run: 90, 90s, 5m, 1h.", "TIME"),
    _Option(
        "fail_fast",
        bool,
        ("--fail-fast/--keep-going",),
        "Start nothing more after a failure; --keep-going: go on with what does not depend on it.",
        default=False,
    ),
    _Option("dry_run", bool, ("--dry-run",), "Show what would run, and run nothing.", default=False),
    _Option(
        "force",
        list[str] | None,
        ("--force", "-f"),
        "Run this task though its result is there; without a name, all.",
        "[TASK]",
    ),
    _Option("no_cache", bool, ("--no-cache",), "Neither look into the cache nor add to it.", default=False),
    _Option("no_persist", bool, ("--no-persist",), "Keep no results; resume runs all.", default=False),
    _Option("pairs", list[str] | None, ("-p", "--param"), "A parameter by name.", "KEY=VALUE"),
    _Option(
        "params", Path | None, ("--params", "--param-file"), "Parameters from a TOML or JSON file.", "FILE"
    ),
    _Option(
        "keys", list[str] | None, ("--context",), "A key for flowkit.context, as JSON or text.", "KEY=VALUE"
    ),
    _Option(
        "output",
        Output | None,
        ("--output",),
        "What tasks print: live, prefix, group, failed or none.",
        "HOW",
    ),
    _Option("quiet", int, ("--quiet", "-q"), "Show failures and the last line only.", default=0),
    _Option("verbose", int, ("--verbose", "-v"), "Show more.", default=0),
    _Option("as_json", bool, ("--json",), "Events and the summary, a JSON object a line.", default=False),
    _Option("junit", Path | None, ("--junit",), "Write a JUnit report.", "FILE"),
    _Option(
        "log_level",
        Level | None,
        ("--log-level",),
        "Records of logging from debug, info, warning, … on.",
        "LEVEL",
    ),
    _Option("watch", bool, ("--watch",), "Run again when the flow's files change.", default=False),
    _Option("pdb", bool, ("--pdb",), "Debug the first failed task after the run.", default=False),
    _Option("debug", bool, ("--debug",), "Full tracebacks, flowkit's own too.", default=False),
)
_TAKING_NONE = (bool, int)  # flags, and flags that are counted


def signature_for(flow: Flow | None) -> inspect.Signature:
    """The signature of the command: NAME, the parameters of the flow where it is known, and the options."""
    name = inspect.Parameter(
        "name",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=None,
        annotation=Annotated[
            str | None,
            typer.Argument(
                show_default=False,
                help="A registered name, one found in flows/, FILE.py, FILE.py:FLOW or MODULE:FLOW.",
                metavar="NAME",
            ),
        ],
    )
    own = [
        inspect.Parameter(
            option.field,
            inspect.Parameter.KEYWORD_ONLY,
            default=option.default,
            annotation=Annotated[option.kind, _declared(option)],
        )
        for option in _OPTIONS
    ]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    return inspect.Signature([context, name, *(_parameters(flow) if flow is not None else ()), *own])


def _declared(option: _Option) -> Any:
    return typer.Option(
        *option.names,
        help=as_help(option.help),
        metavar=option.metavar,
        show_default=False,
        rich_help_panel=OWN_PANEL,
        count=option.kind is int,
        case_sensitive=option.kind != Level | None,
        autocompletion=(lambda: [*LANES]) if option.field == "executor" else None,
    )


def _parameters(flow: Flow) -> Iterator[inspect.Parameter]:
    unreachable = set(only_by_name((each.name, bare(type_of(each)) is bool) for each in flow.parameters()))
    for number, parameter in enumerate(flow.parameters()):
        if parameter.name in unreachable:
            continue
        option = option_of(parameter.name)
        yield inspect.Parameter(
            f"{PREFIX}{number}",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotated(parameter, option),
        )


def _annotated(parameter: Parameter, option: str) -> Any:
    if parameter.secret:
        return Annotated[list[str] | None, typer.Option(option, hidden=True)]
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
    return as_help(_about(parameter))


def _about(parameter: Parameter) -> str:
    if parameter.required:
        ending = "[required]"
    else:
        ending = f"[default: {_default(parameter.default)}]" if parameter.default is not None else ""
    return " ".join(part for part in (parameter.help, ending) if part)


def _default(value: Any) -> str:
    """A default as one would type it."""
    if isinstance(value, Enum):
        value = value.value
    return value if isinstance(value, str) and value else value_text(value, str(working_directory()))


def without_options(flow: Flow) -> Iterator[tuple[str, str]]:
    """How the other parameters are given, and what they are: those whose option is taken, and secrets, which
    a command line would show to all users."""
    by_pair = only_by_name((each.name, bare(type_of(each)) is bool) for each in flow.parameters())
    for parameter in flow.parameters():
        if parameter.secret:
            ending = " [required]" if parameter.required else ""
            about = " ".join(filter(None, [parameter.help, "secret: asked for, or from this variable"]))
            yield variable_of(parameter.name), f"{about}{ending}"
        elif parameter.name in by_pair:
            yield f"-p {parameter.name}={_metavar(bare(type_of(parameter)))}", _about(parameter)


def as_help(text: str) -> str:
    """A user's text as it stands, where Typer would read `[…]` as a style."""
    return "\n".join(printable(line) for line in text.splitlines()).replace("[", "\\[")


def option_of(name: str) -> str:
    """`--test-share` for `test_share`."""
    return f"--{name.replace('_', '-')}"


def _own_names() -> set[str]:
    own = {part for option in _OPTIONS for name in option.names for part in name.split("/")}
    return own | {"--help", "-h"}


def only_by_name(parameters: Iterable[tuple[str, bool]]) -> list[str]:
    """The parameters that can only be given by `-p`: their option is taken, or cannot be typed as one.

    Args:
        parameters: names, and whether each is a flag, which takes `--no-NAME` too.
    """
    taken = _own_names()
    found = []
    for name, is_flag in parameters:
        option = option_of(name)
        options = {option, f"--no-{option[2:]}"} if is_flag else {option}
        if options & taken or not re.fullmatch(r"--[A-Za-z0-9][A-Za-z0-9.-]*", option):
            found.append(name)
        else:
            taken |= options
    return found


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--force` as `--force=*` where no task follows it: then it means all."""
    found = list(arguments)
    for place, argument in enumerate(found):
        alone = place + 1 == len(found) or found[place + 1].startswith("-")
        if argument in ("--force", "-f") and alone and found[0] in ("run", "resume"):
            found[place] = "--force=*"
    return found


def watches(arguments: Sequence[str]) -> bool:
    """Whether the arguments of `run` ask it to run again on changes."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--watch" in own


def named_in(arguments: Sequence[str]) -> str | None:
    """The NAME in the arguments of `run`: the first that is neither an option nor the value of one, or with
    `-m` what of that module it is.

    Raises:
        UsageError: an option that `run` does not have stands before it.
    """
    module = _module_in(arguments)
    name = _bare_name(arguments) if module is None else _bare_name(arguments) or ""
    return name if module is None else f"{module}:{name}"


def _module_in(arguments: Sequence[str]) -> str | None:
    for place, argument in enumerate(arguments):
        if argument in ("-m", "--module") and place + 1 < len(arguments):
            return arguments[place + 1]
        if argument.startswith("--module="):
            return argument.partition("=")[2]
        if argument == "--":
            break
    return None


def _bare_name(arguments: Sequence[str]) -> str | None:
    valued = {name for option in _OPTIONS if option.kind not in _TAKING_NONE for name in option.names}
    waiting = only_names = False
    for argument in arguments:
        if waiting:
            waiting = False
        elif argument == "--" and not only_names:
            only_names = True
        elif only_names or argument == "-" or not argument.startswith("-"):
            return argument
        else:
            waiting = _own_option(argument) in valued and "=" not in argument
    return None


def _own_option(argument: str) -> str:
    """The option of `run` that `argument` is, or, of flags written together, ends with."""
    known = _own_names()
    option = argument.partition("=")[0]
    if option in known:
        return option
    letters = [f"-{letter}" for letter in option[1:]]
    if not option.startswith("--") and set(letters) <= known:
        return letters[-1]
    near = difflib.get_close_matches(option, known, 1)
    raise UsageError(
        f"no option `{option}` can stand before the flow's name",
        hints=(
            *((f"did you mean `{near[0]}`?",) if near else ()),
            "the parameters of a flow come after its name: `flowkit run NAME --PARAMETER VALUE`",
        ),
    )


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


def given_as_context(pairs: Iterable[str]) -> dict[str, Any]:
    """`--context key=value`, by key; a value that is no JSON is text.

    Source of the rule: Prefect classic, 20.6.

    Raises:
        UsageError: one without `=`, or secrets, which a command line would show to all users.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"`--context {pair}` is not of the form `--context KEY=VALUE`")
        if key == "secrets":
            raise UsageError(
                "`--context` takes no secrets, as others can read a command line",
                hints=(f"set the environment variable `{variable_of('NAME')}` for the secret `NAME`",),
            )
        try:
            found[key] = json.loads(value)
        except (ValueError, RecursionError):
            found[key] = value
    return found


def unknown_options(flow: Flow, extra: Sequence[str]) -> list[str]:
    """What was typed and is neither an option nor a parameter, a sentence each."""
    known = [*_own_names(), *(option_of(each.name) for each in flow.parameters())]
    secret = {option_of(each.name) for each in flow.parameters() if each.secret}
    problems = []
    takes_value = False
    for argument in extra:
        if not argument.startswith("-"):
            if not takes_value:
                problems.append(f"unexpected argument `{argument}`")
            takes_value = False
            continue
        option, equals, _ = argument.partition("=")
        if option in known:  # after `--`, where nothing is an option
            problems.append(f"unexpected argument `{option if option in secret else argument}`")
            takes_value = option in secret and not equals
            continue
        near = difflib.get_close_matches(option, known, 1)
        problems.append(f"no option `{option}`" + (f"; did you mean `{near[0]}`?" if near else ""))
        takes_value = not equals
    return problems
