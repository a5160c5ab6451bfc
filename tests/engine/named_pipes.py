"""Named pipes at which tests hear of tasks of other processes, also that all of these are gone."""

from __future__ import annotations

import os
import select
from pathlib import Path

PATIENCE = 60.0  # seconds


def mkfifo(path: Path) -> int:
    """A new one, open to be read."""
    os.mkfifo(path)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def read(end: int, patience: float = PATIENCE) -> bytes:
    """The next bytes; none where all who could write are gone.

    Args:
        patience: seconds in which something must happen.
    """
    assert select.select([end], [], [], patience)[0], "nothing happened"
    return os.read(end, 1000)
