"""Lets the tests of this folder import what they share, and gives each a project of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from run_place import Place

from flowkit.project.root import Project


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A new project of a user who has no settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("FLOWKIT_HOME", raising=False)
    monkeypatch.delenv("BROKEN", raising=False)
    root = tmp_path / "project"
    (root / "flows").mkdir(parents=True)
    return Place(Project.at(root))
