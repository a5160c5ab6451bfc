"""Lets the tests of this folder import what they share, and gives each a project of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from command_server import Server
from command_shell import Shell


@pytest.fixture
def shell(tmp_path: Path, server: Server) -> Shell:
    """A shell in a new project, which has an empty folder `flows`."""
    project = tmp_path / "project"
    (project / "flows").mkdir(parents=True)
    return Shell(project, server, home=tmp_path / "home")


@pytest.fixture
def checkout(tmp_path: Path, server: Server) -> Shell:
    """A shell in this repository; what is registered there goes to a folder of the test's."""
    return Shell(Path(__file__).parents[3], server, home=tmp_path, FLOWKIT_HOME=str(tmp_path / "state"))
