"""Lets the tests of this folder import what they share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def command_names() -> set[str]:
    """The commands that there are."""
    import typer.main

    from flowkit.cli.app import application

    made = application([])
    group = made if hasattr(made, "commands") else typer.main.get_command(made)
    return set(group.commands)
