"""What `flowkit doctor` finds of flows: files that cannot be loaded, and a registry that says otherwise.

Each file is loaded in a child process with a time limit, as `flowkit register` does; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flowkit.cli.check import Check, State
from flowkit.cli.wording import counted, listed
from flowkit.errors import LoadError, UsageError
from flowkit.project.discovery import flow_files
from flowkit.project.names import quoted
from flowkit.project.registration import Registration, register
from flowkit.project.registry import Registry
from flowkit.project.root import Project
from flowkit.project.settings import Settings

Checks = Iterator[Check]


def registry(project: Project) -> Checks:
    """Whether the registry can be read, and the files that it names are there; no flow is loaded."""
    found = Registry(project)
    entries = found.read()
    gone = [entry for entry in entries.values() if not (project.root / entry.file).is_file()]
    text = f"{found.path}: {counted(len(entries), 'flow')}"
    if gone:
        names = listed([f"{quoted(entry.name)} ({entry.file})" for entry in gone])
        hint = "put them back, or `flowkit register --prune` forgets these flows"
        yield Check("registry", State.WARNING, f"{text}; the files of {names} are not there", (hint,))
    else:
        yield Check("registry", State.OK, text)


def flows(project: Project, chosen: Settings) -> Checks:
    """Which flow files cannot be loaded, and what the registry does not know yet."""
    files = _files(project, chosen.flows)
    if not files:
        yield Check("flows", State.NOTE, f"there are none in `{chosen.flows}/` yet: `flowkit init` makes one")
        return
    found = register(project, files, folder=chosen.flows, timeout=chosen.register.timeout, check=True)
    for error in found.errors:
        yield _broken(error)
    yield from _out_of_date(found)


def _files(project: Project, folder: str) -> list[Path]:
    """Those of the folder of flows, and those that are registered from elsewhere."""
    try:
        found = flow_files(project, folder=folder)
    except UsageError:
        found = []
    entries = Registry(project).read().values()
    registered = (project.root / entry.file for entry in entries)
    return list(dict.fromkeys([*found, *(path for path in registered if path.is_file())]))


def _broken(error: LoadError) -> Check:
    return Check("flows", State.ERROR, " ".join(error.message.split()), error.hints)


def _out_of_date(found: Registration) -> Checks:
    changes = found.changes
    count = len(changes.new) + len(changes.changed) + len(changes.unchanged)
    new = listed([quoted(entry.name) for entry in changes.new])
    changed = listed([quoted(change.after.name) for change in changes.changed])
    parts = [f"new: {new}"] * bool(new) + [f"changed: {changed}"] * bool(changed)
    text = f"{counted(count, 'flow')} can be loaded"
    if parts:
        text = f"{text}; the registry is out of date ({'; '.join(parts)}): `flowkit register`"
        yield Check("flows", State.NOTE, text)
    elif count or not found.errors:
        yield Check("flows", State.OK, text)
