"""Lets the tests of this folder import what they share, and gives each a history of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from made_history import MadeHistory

from flowkit.store import database


@pytest.fixture
def made(tmp_path: Path) -> Iterator[MadeHistory]:
    """A history in an empty state folder."""
    history = MadeHistory(tmp_path / "state")
    yield history
    history.close()


@pytest.fixture(autouse=True)
def nothing_set_aside() -> Iterator[None]:
    """What this process remembers of damaged files is that of one test."""
    database.SET_ASIDE.clear()
    yield
    database.SET_ASIDE.clear()
