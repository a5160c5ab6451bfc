"""`flowkit config`: the settings that hold here, and where each came from."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flowkit.cli.place import put, settings
from flowkit.cli.table import columns


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("config")(show_settings)


def show_settings(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show the settings, and where each value came from.

    Flags win over the environment (FLOWKIT_EXECUTOR, FLOWKIT_LOGGING__LEVEL), that over flowkit.toml or
    \\[tool.flowkit] in pyproject.toml, that over the user's own file, that over defaults.
    """
    rows = list(settings().rows())
    if as_json:
        found = {key: {"value": value, "origin": origin} for key, value, origin in rows}
        put(json.dumps({"schema": 1, **found}, indent=2))
        return
    put(columns([(key, _text(value), origin) for key, value, origin in rows], ("SETTING", "VALUE", "FROM")))


def _text(value: object) -> str:
    if isinstance(value, dict):  # as it is written in a settings file
        return f"{{ {', '.join(f'{name} = {json.dumps(each)}' for name, each in value.items())} }}"
    return "-" if value is None else str(value)
