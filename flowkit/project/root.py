"""Where a project lies: its root folder, and the folder that keeps its state.

The root is the nearest folder upward with `flowkit.toml`, `[tool.flowkit]` in `pyproject.toml`,
`.flowkit/` or `flows/`. Nothing is made or changed on disk here.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STATE_FOLDER = ".flowkit"
SETTINGS_FILE = "flowkit.toml"
PYPROJECT = "pyproject.toml"
FLOWS_FOLDER = "flows"
_TOOL_TABLE = re.compile(rb"^\s*\[\s*tool\s*\.\s*flowkit\s*[].]", re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """A folder with flows.

    Args:
        root: absolute and without symbolic links; `find` and `at` see to that.
    """

    root: Path

    @classmethod
    def at(cls, folder: Path) -> Project:
        """The project whose root is `folder`, whatever lies in it."""
        return cls(folder.resolve())

    @property
    def state(self) -> Path:
        """The folder of registry, history and results: `.flowkit`, unless `FLOWKIT_HOME` moves it."""
        moved = os.environ.get("FLOWKIT_HOME")
        return self.root / (Path(moved).expanduser() if moved else STATE_FOLDER)

    def display(self, path: Path) -> str:
        """`path` as it is shown and stored: relative to the root where it lies inside, with `/`."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return path.as_posix()


def located(path: Path) -> Path:
    """`path` absolute, as a project's root is; a flow file that is itself a link keeps its own name."""
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def find(start: Path) -> Project | None:
    """The project that `start`, a file or a folder, belongs to; None where there is none."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if any(_is_trusted(folder, marker) for marker in _markers(folder)):
            return Project(folder)
    return None


def find_or_start(start: Path) -> Project:
    """The project around `start`, or else a new one whose root is the folder `start`."""
    return find(start) or Project.at(start)


def _markers(folder: Path) -> Iterator[Path]:
    for name, is_kind in (
        (SETTINGS_FILE, os.path.isfile),
        (STATE_FOLDER, os.path.isdir),
        (FLOWS_FOLDER, os.path.isdir),
        (PYPROJECT, has_tool_table),
    ):
        if is_kind(folder / name):
            yield folder / name


def has_tool_table(pyproject: Path) -> bool:
    """Whether a `pyproject.toml` is there and has settings of ours."""
    try:
        return pyproject.is_file() and _TOOL_TABLE.search(pyproject.read_bytes()) is not None
    except OSError:
        return False


def _is_trusted(folder: Path, marker: Path) -> bool:
    """In a folder where anyone may create files (`/tmp`), only the user's own marker counts.

    Else another user's `/tmp/flows` would take over every folder below `/tmp`.
    """
    try:
        shared = bool(folder.stat().st_mode & stat.S_IWOTH)
        return not shared or marker.lstat().st_uid in (os.getuid(), 0)
    except OSError:
        return False
