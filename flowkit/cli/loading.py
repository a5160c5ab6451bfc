"""From a NAME on the command line to a loaded flow, saying what a user should know of the way."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from flowkit.cli.place import say
from flowkit.draw.labels import printable
from flowkit.errors import LoadError, UsageError
from flowkit.flow.flow import Flow
from flowkit.project.discovery import Target, homes, resolve
from flowkit.project.loader import LoadedModule, guarded, load
from flowkit.project.names import quoted
from flowkit.project.root import Project
from flowkit.runs import built

if TYPE_CHECKING:
    from flowkit.runs.memory import Memory
    from flowkit.store.records import RunRecord

PATIENCE = 5.0  # seconds after which a file that is still loading is named


@dataclass(frozen=True)
class Loaded:
    """A flow, the file it came from, and what the registry has of it.

    Attributes:
        called: what was typed for it; None where it was found otherwise.
    """

    flow: Flow
    module: LoadedModule
    target: Target
    project: Project
    called: str | None = None

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
    _say_others(target, project)
    return _load_target(target, project)


def _say_others(target: Target, project: Project) -> None:
    """Where other files have a flow of this name, which one it is."""
    if target.others and target.path is not None and target.wanted is not None:
        files = " and ".join(f"`{project.display(path)}`" for path in target.others)
        why = " that is registered" if target.entry else ""
        taken = f"the one{why}, in `{project.display(target.path)}`, is taken"
        have = "has" if len(target.others) == 1 else "have"
        say(f"note: {files} {have} a flow called {quoted(target.wanted)} too; {taken}")


def _load_target(target: Target, project: Project) -> Loaded:
    shown = printable(project.display(target.path) if target.path else str(target.module))
    timer = threading.Timer(PATIENCE, say, [f"still loading {shown} …  ctrl-c to stop"])
    timer.daemon = True
    with suppress(RuntimeError):  # where the system gives no more threads, nothing is said
        timer.start()
    try:
        with _set_apart():
            module, flow = load(target, project)
    finally:
        timer.cancel()
    for notice in module.notices:
        say(f"note: {notice}")
    return Loaded(flow, module, target, project)


def load_of_run(memory: Memory, run: RunRecord) -> Loaded:
    """Load the flow that a run was made from, as it is now; where that is not there any more, the one of its
    name, which is said.

    Raises:
        UsageError: there is none, or several.
        LoadError: its file cannot be loaded.
        RegistryError: the registry had to be asked and cannot be read.
    """
    from flowkit.store.results import MAIN_MODULES

    file, _, attribute = run.ref.rpartition(":")
    path = memory.project.root / file
    try:
        try:
            loaded = load_named(f"{path}:{attribute}", memory.project, memory.settings.flows)
        except UsageError:
            loaded = _load_moved(memory, run, path)
    except LoadError as error:
        error.hints = (*error.hints, f"run {run.number} was made from `{run.ref}`")
        raise
    # Where the run was a script, its classes were those of `__main__`.
    MAIN_MODULES.insert(0, loaded.module.module.__name__)
    return loaded


def _load_moved(memory: Memory, run: RunRecord, was: Path) -> Loaded:
    """Load the flow that has the name of the one that a run was made from."""
    project, folder = memory.project, memory.settings.flows
    found = homes(run.flow, project, was=was, folder=folder)
    if len(found) != 1:
        raise _gone(run, [project.display(path) for path in found], folder)
    try:
        loaded = _load_target(Target(path=found[0], wanted=run.flow), project)
    except UsageError:
        raise _gone(run, [], folder) from None
    say(f"note: the flow {quoted(run.flow)} is `{loaded.ref}` now; it was `{run.ref}`")
    return loaded


def _gone(run: RunRecord, found: Sequence[str], folder: str) -> UsageError:
    name, number = quoted(run.flow), run.number
    if found:
        files = " and ".join(f"`{file}`" for file in found)
        hint = f"several files have a flow called {name}, {files}: `flowkit register PATH` chooses one"
    else:
        hint = (
            f"a flow called {name} in `{folder}/`, or one that `flowkit register PATH` knows, takes its place"
        )
    return UsageError(
        f"run {number} ({run.name}) was made from `{run.ref}`, which is not there any more",
        hints=(hint, f"`flowkit runs show {number}` and `flowkit logs {number}` show what the run has done"),
    )
