"""Copying, moving, removing and finding files. Errors are those of the system, which name the path.

Source of the vocabulary: Prefect classic, 21.3.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from flowkit.flow.defaults import defaults_from_attrs
from flowkit.flow.task import Task
from flowkit.tasks.files.paths import StrPath, path_of


class Copy(Task):
    """Copy a file, with its permissions, or a folder with all that is in it; links stay links in a folder.

    Args:
        source_path: what to copy.
        target_path: where to; a file that is copied to a folder goes into it, a folder must not exist yet.
        **options: those of `Task`.
    """

    def __init__(self, source_path: StrPath = "", target_path: StrPath = "", **options: Any) -> None:
        super().__init__(**options)
        self.source_path = source_path
        self.target_path = target_path

    @defaults_from_attrs("source_path", "target_path")
    def run(self, source_path: StrPath = "", target_path: StrPath = "") -> Path:
        """Copy it.

        Returns:
            The path of the copy.

        Raises:
            OSError: with the path.
            CallError: an argument is missing.
        """
        source = path_of(source_path, "source_path", self.name)
        target = path_of(target_path, "target_path", self.name)
        if source.is_dir():
            return Path(shutil.copytree(source, target, symlinks=True))
        return Path(shutil.copy(source, target))


class Move(Task):
    """Move a file or a folder, also to another file system.

    Args:
        source_path: what to move.
        target_path: where to; in a folder that exists it keeps its name.
        **options: those of `Task`.
    """

    def __init__(self, source_path: StrPath = "", target_path: StrPath = "", **options: Any) -> None:
        super().__init__(**options)
        self.source_path = source_path
        self.target_path = target_path

    @defaults_from_attrs("source_path", "target_path")
    def run(self, source_path: StrPath = "", target_path: StrPath = "") -> Path:
        """Move it.

        Returns:
            The path where it is now.

        Raises:
            OSError: with the path.
            CallError: an argument is missing.
        """
        source = path_of(source_path, "source_path", self.name)
        target = path_of(target_path, "target_path", self.name)
        return Path(shutil.move(source, target))


class Remove(Task):
    """Remove a file, or a folder with all that is in it; of a link, only the link.

    Args:
        path: what to remove.
        **options: those of `Task`.
    """

    def __init__(self, path: StrPath = "", **options: Any) -> None:
        super().__init__(**options)
        self.path = path

    @defaults_from_attrs("path")
    def run(self, path: StrPath = "") -> None:
        """Remove it.

        Raises:
            OSError: with the path; also where there is nothing.
            CallError: no path, or an empty one.
        """
        found = path_of(path, "path", self.name)
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        else:
            found.unlink()


class Glob(Task):
    """Find files and folders by a pattern.

    Args:
        path: the folder to look in.
        pattern: such as `*.csv`, or `**/*.csv` for those of all folders below too.
        **options: those of `Task`.
    """

    def __init__(self, path: StrPath = "", pattern: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.path = path
        self.pattern = pattern

    @defaults_from_attrs("path", "pattern")
    def run(self, path: StrPath = "", pattern: str = "") -> list[Path]:
        """Look for them.

        Returns:
            What fits, sorted, so that mapping over it is the same each time.

        Raises:
            NotADirectoryError: there is no such folder.
            CallError: an argument is missing.
        """
        folder = path_of(path, "path", self.name)
        path_of(pattern, "pattern", self.name)
        if not folder.is_dir():
            raise NotADirectoryError(f"there is no folder `{folder}`")
        return sorted(folder.glob(pattern))
