"""`flowkit init`: a small project that runs at once, in a new folder or in one that is there.

Guarantees: nothing that is there is overwritten; where something is in the way, nothing is made at all.
"""

from __future__ import annotations

import os
import shlex
from importlib import resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from flowkit.cli.place import put, working_directory
from flowkit.cli.table import columns
from flowkit.draw.labels import printable
from flowkit.errors import UsageError
from flowkit.project.config import config
from flowkit.project.root import FLOWS_FOLDER, PYPROJECT, SETTINGS_FILE, Project, find, has_tool_table

FLOW = "summers"
_IGNORED = ("__pycache__/", ".pytest_cache/", ".venv/")  # `.flowkit/` ignores itself
_WHAT = {
    SETTINGS_FILE: "settings",
    f"{FLOWS_FOLDER}/{FLOW}.py": f"the flow `{FLOW}`",
    f"tests/test_{FLOW}.py": "a test of it",
    ".gitignore": "what git should leave out",
}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where; made if it is not there. Default: here.")
    ] = Path(),
) -> None:
    """Make a project with a flow that runs at once, and a test of it.

    In a folder that is there, only what is missing is added; nothing is overwritten.
    """
    root = (working_directory() / directory).resolve()
    if root.exists() and not root.is_dir():
        raise UsageError(f"`{directory}` is a file, not a folder")
    wanted = _wanted(root)
    _refuse_to_overwrite(root, wanted)
    try:
        made = [_describe(name, text) for name, text in wanted.items() if _write(root / name, text)]
        made += [(".gitignore", _WHAT[".gitignore"])] if _ignore(root / ".gitignore") else []
    except OSError as error:
        raise UsageError(f"`{error.filename or root}` cannot be written: {error.strerror}") from None
    _show(root, made)


def _wanted(root: Path) -> dict[str, str]:
    """The texts of the files that there should be, by their names; those of settings that are there are not
    among them."""
    project = Project(root)
    has_settings = (root / SETTINGS_FILE).exists() or has_tool_table(root / PYPROJECT)
    flows = config.resolve(project).settings.flows if has_settings else FLOWS_FOLDER
    found = {}
    for name, text in _files(resources.files("flowkit.cli") / "starter", PurePosixPath()):
        if name.parts[0] == FLOWS_FOLDER:
            name = PurePosixPath(flows, *name.parts[1:])
        if not (has_settings and str(name) == SETTINGS_FILE):
            found[str(name)] = text.replace(f"/{FLOWS_FOLDER}/{FLOW}.py", f"/{flows}/{FLOW}.py")
    return found


def _files(folder: Traversable, below: PurePosixPath) -> list[tuple[PurePosixPath, str]]:
    found: list[tuple[PurePosixPath, str]] = []
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        if each.is_dir() and each.name != "__pycache__":
            found += _files(each, below / each.name)
        elif each.is_file():
            found.append((below / each.name, each.read_text(encoding="utf-8")))
    return found


def _refuse_to_overwrite(root: Path, wanted: dict[str, str]) -> None:
    others = [
        name for name, text in wanted.items() if os.path.lexists(root / name) and not _has(root / name, text)
    ]
    if others:
        listed = "\n".join(others)
        raise UsageError(
            f"these files in `{root}` would be overwritten, so nothing was made:\n{listed}",
            hints=("move them away, or `flowkit init DIR` makes the project in another folder",),
        )


def _has(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        return False


def _write(path: Path, text: str) -> bool:
    """Make a file; False where it is there already, as it should be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _ignore(path: Path) -> bool:
    """Add to `.gitignore` what it does not have; whether that was anything."""
    before = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    missing = [line for line in _IGNORED if line not in before.split()]
    if not missing:
        return False
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * bool(before and not before.endswith("\n")) + "\n".join(missing) + "\n")
    return True


def _describe(name: str, text: str) -> tuple[str, str]:
    what = _WHAT.get(name) or (f"{len(text.splitlines()) - 1} rows of data" if name.endswith(".csv") else "")
    return name, what


def _show(root: Path, made: list[tuple[str, str]]) -> None:
    folder = printable(str(root))
    if made:
        put(f"made in {folder}\n{columns([(f'  {name}', what) for name, what in made])}")
    else:
        put(f"everything is in {folder} already")
    put(f"\nnext\n{columns([(f'  {command}', what) for command, what in _next(root)])}")


def _next(root: Path) -> list[tuple[str, str]]:
    here = working_directory()
    enter = [(f"cd {shlex.quote(os.path.relpath(root, here))}", "")] if find(here) != Project(root) else []
    return [
        *enter,
        (f"flowkit run {FLOW}", "run the flow"),
        (f"flowkit run {FLOW} --help", "see its parameters, such as `--warm 30`"),
        (f"flowkit graph {FLOW}", "see what it does"),
        ("pytest", "test it" if find_spec("pytest") else "test it, after `pip install pytest`"),
    ]
