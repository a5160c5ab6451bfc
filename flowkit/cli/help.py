"""How the help of a command looks: a switch takes no value, so none is named."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command, its switches without a type."""

    def get_params(self, ctx: Any) -> Any:
        """As Typer asks for them to write the help."""
        return _without_types(super().get_params(ctx))


class Group(TyperGroup):
    """Commands under one name."""

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


def _without_types(params: list[Any]) -> list[Any]:
    for param in params:
        if (getattr(param, "is_flag", False) or getattr(param, "count", False)) and param.metavar is None:
            param.metavar = ""
    return params
