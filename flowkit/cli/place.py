"""Where a command works: the project and its settings."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowkit.cli.wording import shown
from flowkit.draw.labels import printable
from flowkit.errors import UsageError
from flowkit.project.config import config
from flowkit.project.root import Project, find, find_or_start
from flowkit.project.settings import Resolved, Settings
from flowkit.store.database import FILE

if TYPE_CHECKING:
    from flowkit.runs.memory import Memory


def here() -> Project:
    """The project around the working directory, or the working directory as one."""
    return find_or_start(working_directory())


def working_directory() -> Path:
    """The working directory.

    Raises:
        UsageError: it was removed.
    """
    try:
        return Path.cwd()
    except OSError:
        raise UsageError(
            "the working directory does not exist any more", hints=("`cd` to one that does",)
        ) from None


def settings(flags: Mapping[str, Any] | None = None) -> Resolved:
    """The settings that hold here, with the flags of the command above all; warnings are shown.

    Raises:
        UsageError: wrong settings files or flags, all problems at once.
    """
    resolved = config.resolve(find(working_directory()), flags)
    for warning in resolved.warnings:
        say(f"warning: {warning}")
    return resolved


def memory_of(project: Project, chosen: Settings, *, reads_only: bool = False) -> Memory | None:
    """The memory of a project; None where history is off.

    Args:
        reads_only: nothing is to be begun: where there is no history yet, none is made.

    Raises:
        RegistryError, HistoryError: it cannot be used, or must not be.
    """
    from flowkit.runs.memory import Memory
    from flowkit.store.sweep import sweep

    if not chosen.history or (reads_only and not (project.state / FILE).exists()):
        return None
    sweep(project.state)
    return Memory(project, chosen)


def write(path: Path, text: str | bytes) -> None:
    """Write a file that the user named.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    except OSError as error:
        raise UsageError(f"`{path}` cannot be written: {error.strerror}") from None


def put(text: str = "", *, flush: bool = False) -> None:
    """Lines on stdout; what could steer a terminal in them is shown."""
    print("\n".join(map(shown, text.split("\n"))), flush=flush)


def say(line: str) -> None:
    """A line that is not data."""
    print(printable(line), file=sys.stderr)
