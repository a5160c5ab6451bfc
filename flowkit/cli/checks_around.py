"""What `flowkit doctor` looks at around a project: Python, what is installed, the terminal, the disk."""

from __future__ import annotations

import importlib.metadata
import locale
import os
import platform
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from flowkit import __version__
from flowkit.cli import moments
from flowkit.cli.check import Check, State
from flowkit.cli.completion import place_for, shell_of_user
from flowkit.cli.console import Console

DISTRIBUTION = "flowkit-runner"
# What each extra gives; those for developers are none of a user's business.
GIVES = {
    "dask": "tasks on a Dask cluster",
    "png": "pictures of graphs as PNG",
    "ray": "tasks on a Ray cluster",
    "remote": "results in S3, Google Cloud and Azure",
    "templates": "`Jinja2Template`",
    "watch": "`flowkit run --watch`",
}
FOR_DEVELOPERS = frozenset({"dev", "docs"})
_LITTLE, _NEXT_TO_NOTHING = 1 << 30, 64 << 20  # bytes free

Checks = Iterator[Check]


def installed() -> Checks:
    """Python, flowkit and its extras."""
    system = f"{platform.system()} {platform.release()}"
    yield Check(
        "python",
        State.OK,
        f"{platform.python_version()} ({sys.executable}), SQLite {sqlite3.sqlite_version}, {system}",
    )
    yield _flowkit()
    yield from _extras()


def _flowkit() -> Check:
    text = f"{__version__}, in {Path(__file__).parents[1]}"
    first = shutil.which("flowkit")
    ours = Path(sys.executable).parent / "flowkit"
    if first is None or not ours.exists() or Path(first).resolve() == ours.resolve():
        return Check("flowkit", State.OK, text)
    hint = f"the path finds `{first}` first; this is `{ours}`: activate one environment, or remove the other"
    return Check("flowkit", State.WARNING, f"{text}; the command `flowkit` is another one", (hint,))


def _extras() -> Checks:
    needed = _needed()
    for extra in sorted(needed.keys() - FOR_DEVELOPERS):
        missing = [name for name in needed[extra] if not _is_there(name)]
        gives = GIVES.get(extra, "")
        if not missing:
            yield Check(f"extra {extra}", State.OK, gives)
        else:
            line = f'pip install "{DISTRIBUTION}[{extra}]"'
            yield Check(f"extra {extra}", State.NOTE, f"not installed; it gives {gives}: `{line}`")


def _needed() -> dict[str, list[str]]:
    """The packages of each extra; none where flowkit is not installed but found on the path."""
    try:
        found = importlib.metadata.metadata(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return {}
    needed: dict[str, list[str]] = {name: [] for name in found.get_all("Provides-Extra") or ()}
    for requirement in found.get_all("Requires-Dist") or ():
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", requirement)
        name = re.match(r"[\w.-]+", requirement)
        if extra and name and extra[1] in needed:
            needed[extra[1]].append(name[0])
    return needed


def _is_there(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def terminal() -> Checks:
    """What the terminal can show."""
    console = Console()
    encoding = (console.err.encoding or locale.getpreferredencoding(False)).lower()
    colour = "colours" if console.color else "no colours"
    if console.interactive:
        text = f"{console.width} columns, {colour}, {encoding}"
    else:
        text = (
            f"none in front of a person: runs show a line for each thing that happens; {colour}, {encoding}"
        )
    if "utf" not in encoding:
        hint = "set `LANG` to one that ends in UTF-8, as C.UTF-8"
        yield Check("terminal", State.WARNING, f"{text}: signs and names are shown in ASCII", (hint,))
    elif console.interactive and console.width < 40:
        yield Check("terminal", State.WARNING, f"{text}: lines will be cut", ("make the window wider",))
    else:
        yield Check("terminal", State.OK, text)


def completion() -> Checks:
    """Whether the user's shell completes flowkit's commands."""
    shell = shell_of_user()
    if shell is None:
        name = os.environ.get("SHELL", "")
        text = f"`$SHELL` is `{name}`: bash, zsh and fish can be completed, see `flowkit completion --help`"
        yield Check("completion", State.NOTE, text)
    elif place_for(shell).is_there:
        yield Check("completion", State.OK, f"installed for {shell}")
    else:
        text = f"not installed for {shell}: `flowkit completion {shell} --install`"
        yield Check("completion", State.NOTE, text)


def space(folder: Path) -> Checks:
    """What is free where the state is kept.

    Args:
        folder: the state folder, which need not exist yet.
    """
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free
    text = f"{moments.size(free)} free for {folder}"
    hint = "`flowkit clean --dry-run` says what could go"
    if free < _NEXT_TO_NOTHING:
        yield Check("disk", State.ERROR, text, (hint,))
    elif free < _LITTLE:
        yield Check("disk", State.WARNING, text, (hint,))
    else:
        yield Check("disk", State.OK, text)
