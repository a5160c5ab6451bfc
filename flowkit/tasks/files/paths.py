"""Paths as arguments of tasks."""

from __future__ import annotations

import os
from pathlib import Path

from flowkit.errors import CallError

StrPath = str | os.PathLike[str]


def path_of(value: StrPath | None, what: str, task: str) -> Path:
    """The path that an argument means.

    Raises:
        CallError: there is none, or an empty one, which would be the working directory.
    """
    if value is None or not isinstance(value, str | os.PathLike):
        raise CallError(f"`{what}` of the task `{task}` is a path, not `{value!r}`")
    if not os.fspath(value):
        raise CallError(f"the task `{task}` needs a `{what}`")
    return Path(value)
