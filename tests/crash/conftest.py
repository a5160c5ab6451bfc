"""Lets the tests of this folder import what they share, and gives each a project of its own."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from command_server import Server
from scene import Scene

CRASHES = int(os.environ.get("FLOWKIT_CRASHES", "20"))  # how many; above 200, what takes long is done too
LONG = CRASHES > 200


@pytest.fixture
def scene(server: Server, tmp_path: Path) -> Scene:
    """A new project."""
    return Scene(server, tmp_path / "scene")


@pytest.fixture
def crashes() -> int:
    """How many runs the campaign kills."""
    return CRASHES


@pytest.fixture
def points() -> Callable[[], Iterator[int]]:
    """The calls at which a fault is tried: each, where time does not matter; else some, others each time."""
    step = 1 if LONG else 8
    return lambda: count(random.randint(1, step), step)


@pytest.fixture
def large() -> int:
    """The bytes of a large result."""
    return 1 << 31 if LONG else 50_000_000


@pytest.fixture
def writers() -> int:
    """How many processes write to one history."""
    return 50 if LONG else 10


@pytest.fixture
def many() -> int:
    """The children of a mapped task."""
    return 100_000 if LONG else 10_000
