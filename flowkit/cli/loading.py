"""From a NAME on the command line to a loaded flow, saying what a user should know of the way."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from flowkit.cli.place import say
from flowkit.draw.labels import printable
from flowkit.errors import LoadError, UsageError
from flowkit.flow.flow import Flow
from flowkit.project.discovery import Target, resolve
from flowkit.project.loader import LoadedModule, guarded, load
from flowkit.project.root import Project
from flowkit.runs import built

if TYPE_CHECKING:
    from flowkit.runs.memory import Memory
    from flowkit.store.records import RunRecord

PATIENCE = 5.0  # seconds after which a file that is still loading is named


@dataclass(frozen=True)
class Loaded:
    """A flow, the file it came from, and what the registry has of it."""

    flow: Flow
    module: LoadedModule
    target: Target
    project: Project

    @property
    def ref(self) -> str:
        """From where it is loaded again: `flows/etl.py:etl`."""
        attribute = self.module.attributes.get(self.flow.name)
        return f"{self.project.display(self.module.path)}:{attribute}" if attribute else ""

    def built(self, values: Mapping[str, Any]) -> Flow:
        """The flow with its graph.

        Raises:
            LoadError: its function raises, with the line.
        """
        with _set_apart(), guarded(self.module.path, self.project):
            flow = built(self.flow, values)
            flow.validate()
            return flow


@contextmanager
def _set_apart() -> Iterator[None]:
    """Keep a flow file from the streams and the end of this process while it is loaded.

    There is nothing to read on stdin, what goes to stdout goes to stderr, as stdout is for data, and
    `os._exit` is an exit like others. File descriptors count, as the file may start programs.
    """
    sys.stdout.flush()
    kept = {number: os.dup(number) for number in (0, 1) if _is_open(number)}
    nothing = os.open(os.devnull, os.O_RDWR)
    really_exit, process = os._exit, os.getpid()

    def leave(status: int) -> NoReturn:
        if os.getpid() != process:  # a child that was forked
            really_exit(status)
        raise SystemExit(status)

    try:
        os.dup2(nothing, 0)
        os.dup2(2 if _is_open(2) else nothing, 1)
        os._exit = leave
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os._exit = really_exit
        for number, duplicate in kept.items():
            os.dup2(duplicate, number)
            os.close(duplicate)
        os.close(nothing)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


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
        with _set_apart():
            module, flow = load(target, project)
    finally:
        timer.cancel()
    if module.notice:
        say(f"note: {module.notice}")
    return Loaded(flow, module, target, project)


def load_of_run(memory: Memory, run: RunRecord) -> Loaded:
    """Load the flow that a run was made from, as it is now.

    Raises:
        UsageError, LoadError: as `load_named`, saying where it was.
    """
    from flowkit.store.results import MAIN_MODULES

    file, _, attribute = run.ref.rpartition(":")
    path = memory.project.root / file
    try:
        loaded = load_named(f"{path}:{attribute}", memory.project, memory.settings.flows)
    except (UsageError, LoadError) as error:
        error.hints = (*error.hints, f"the run {run.number} was made from `{run.ref}`")
        raise
    # Where the run was a script, its classes were those of `__main__`.
    MAIN_MODULES.insert(0, loaded.module.module.__name__)
    return loaded
