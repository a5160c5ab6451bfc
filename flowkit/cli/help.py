"""How Typer's own words look: a switch takes no value, so none is named; what was typed is shown safely."""

from __future__ import annotations

import copy
import inspect
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from flowkit.cli.table import wrapped
from flowkit.cli.wording import shown


@dataclass(frozen=True)
class Known:
    """What the help of a command for a flow that is known says besides its options.

    Args:
        called: what was typed for the flow, which stands in the usage instead of NAME.
        others: of each parameter that has no option how it is given, and what it is.
        panel: under which heading they stand.
        before: the heading that comes next.
    """

    called: str
    others: Sequence[tuple[str, str]]
    panel: str
    before: str


_TABLES_FROM = 60  # columns


class Command(TyperCommand):
    """A command, its switches without a type."""

    _is_explaining = False

    def get_params(self, ctx: Any) -> Any:
        """As Typer asks for them to read the arguments, and to write the help."""
        params = _without_types(super().get_params(ctx))
        if not self._is_explaining:
            return params
        shown = [_with_fewer_names(param) for param in params]
        known = self._known
        if known is None:
            return shown
        options = [param for param in shown if param.param_type_name == "option"]
        rows = [_row(options[0], *each, known.panel) for each in known.others]
        is_own = [getattr(param, "rich_help_panel", None) == known.before for param in options]
        place = is_own.index(True)
        return [*options[:place], *rows, *options[place:]]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What follows the command's name in the line of its usage."""
        known = self._known
        return [known.called, "[OPTIONS]"] if known is not None else list(super().collect_usage_pieces(ctx))

    @property
    def _known(self) -> Known | None:
        return getattr(self.callback, "known", None)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        self._is_explaining = True
        width = shutil.get_terminal_size().columns
        try:
            if width < _TABLES_FROM:
                formatter.write("\n".join(_narrow(self, ctx, width)))
            else:
                super().format_help(ctx, formatter)
        finally:
            self._is_explaining = False


class Group(TyperGroup):
    """Commands under one name."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read the options of the group."""
        with _safe():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Read the options of the command, and run it."""
        with _safe():
            return super().invoke(ctx)

    def get_params(self, ctx: Any) -> Any:
        """As for a command."""
        return _without_types(super().get_params(ctx))


def use_in(app: typer.Typer) -> None:
    """Have all commands of an application, and those of its groups, be of these classes."""
    app.info.cls = Group
    for command in app.registered_commands:
        command.cls = Command
    for group in app.registered_groups:
        group.cls = Group
        if group.typer_instance is not None:
            use_in(group.typer_instance)


@contextmanager
def _safe() -> Iterator[None]:
    """Have Typer's complaints about what was typed show it."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.startswith("typer.") and isinstance(getattr(error, "message", None), str):
            error.message = shown(error.message)  # type: ignore[attr-defined]
        raise


def _without_types(params: list[Any]) -> list[Any]:
    for param in params:
        if (getattr(param, "is_flag", False) or getattr(param, "count", False)) and param.metavar is None:
            param.metavar = ""
    return params


def _narrow(command: Command, ctx: Any, width: int) -> Iterator[str]:
    """The help without tables, where a terminal has no room for them: texts are below what they are of."""

    def text(words: str, indent: str) -> Iterator[str]:
        for line in inspect.cleandoc(words.replace("\\[", "[")).splitlines():
            yield from wrapped(indent + line, width)

    usage = f"Usage: {ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}"
    yield from wrapped(usage, width)
    yield ""
    yield from text(command.help or "", "")
    panel = ""
    for param in command.get_params(ctx):
        if getattr(param, "hidden", False):
            continue
        heading = getattr(param, "rich_help_panel", None) or "Options"
        heading = "Arguments" if param.param_type_name == "argument" else heading
        if heading != panel:
            yield from ("", f"{heading}:")
            panel = heading
        kind = param.metavar if param.metavar is not None else param.display_type_rich(ctx=ctx) or ""
        names = [] if heading == "Arguments" else [*param.opts, *param.secondary_opts]
        yield from wrapped(f"  {' '.join([', '.join(names), kind]).strip()}", width)
        yield from text(getattr(param, "help", None) or "", "      ")


def _row(like: Any, name: str, text: str, panel: str) -> Any:
    """A line among the options that is none of them."""
    row = copy.copy(like)
    row.name, row.opts, row.secondary_opts = "row", [name], []
    row.help, row.metavar, row.hidden, row.required, row.rich_help_panel = text, "", False, False, panel
    return row


def _with_fewer_names(param: Any) -> Any:
    """For the help, where all names have columns that are as wide as the longest: an option without its other
    long names, and a switch without the opposite that its text names."""
    longer = [name for name in param.opts if name.startswith("--")]
    said = getattr(param, "help", None) or ""
    if len(longer) < 2 and not any(name in said for name in param.secondary_opts):
        return param
    fewer = copy.copy(param)
    fewer.opts = [name for name in param.opts if name not in longer[1:]]
    fewer.secondary_opts = [name for name in param.secondary_opts if name not in said]
    return fewer
