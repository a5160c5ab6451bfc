"""From a NAME on the command line to a loaded flow, saying what a user should know of the way."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flowkit.cli.place import say
from flowkit.draw.labels import printable
from flowkit.flow.flow import Flow
from flowkit.project.discovery import Target, resolve
from flowkit.project.loader import LoadedModule, load
from flowkit.project.root import Project

PATIENCE = 5.0  # seconds after which a file that is still loading is named


@dataclass(frozen=True)
class Loaded:
    """A flow, the file it came from, and what the registry has of it."""

    flow: Flow
    module: LoadedModule
    target: Target


@contextmanager
def _no_keyboard() -> Iterator[None]:
    """Nothing to read on file descriptor 0, also for what the flow file starts; it comes back after."""
    try:
        kept = os.dup(0)
    except OSError:  # it is closed already
        yield
        return
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        os.dup2(nothing, 0)
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(nothing)


def load_named(name: str, project: Project, folder: str) -> Loaded:
    """Load the flow that NAME means.

    Raises:
        UsageError: there is none.
        LoadError: its file cannot be loaded.
        RegistryError: the registry had to be asked and cannot be read.
    """
    target = resolve(name, project, folder=folder)
    shown = printable(project.display(target.path) if target.path else str(target.module))
    timer = threading.Timer(PATIENCE, say, [f"still loading {shown} …  ctrl-c to stop"])
    timer.daemon = True
    timer.start()
    try:
        with _no_keyboard():
            module, flow = load(target, project)
    finally:
        timer.cancel()
    if module.notice:
        say(f"note: {module.notice}")
    return Loaded(flow, module, target)
