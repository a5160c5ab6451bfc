"""What `flowkit doctor` looks at, one function a thing.

Guarantees: looking changes nothing, and no check keeps another from being made.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from flowkit.cli import checks_around, checks_flows, moments
from flowkit.cli.check import Check, State
from flowkit.cli.place import settings
from flowkit.cli.wording import counted, listed
from flowkit.errors import FlowkitError
from flowkit.project import state_folder
from flowkit.project.root import Project
from flowkit.project.settings import Settings, user_folder
from flowkit.store import checkup, database, files, key, retention
from flowkit.store.history import History
from flowkit.store.run_status import RunStatus
from flowkit.store.sweep import lives, sweep

Checks = Iterator[Check]


def checks_of(project: Project, *, loads: bool = True) -> Checks:
    """All checks; those of what is kept only where the folder that keeps it may be used.

    Args:
        loads: whether flow files are loaded, each in a child process.
    """
    yield from _guarded("installation", checks_around.installed)
    yield from _guarded("terminal", checks_around.terminal)
    yield from _guarded("completion", checks_around.completion)
    yield Check("project", State.OK, str(project.root))
    yield from _guarded("settings", partial(_settings, project))
    yield from _guarded("key", _key)
    usable = [*_guarded("state folder", partial(_folder, project))]
    yield from usable
    yield from _guarded("writing", partial(_writing, project.state))
    yield from _guarded("disk", partial(checks_around.space, project.state))
    read = [*_guarded("registry", partial(checks_flows.registry, project))]
    yield from read
    if loads and not any(check.state is State.ERROR for check in read):
        yield from _guarded("flows", partial(_flows, project))
    if any(check.state is State.ERROR for check in usable) or not project.state.is_dir():
        return
    folder = project.state
    yield from _guarded("permissions", partial(_permissions, folder))
    yield from _guarded("file system", partial(_file_system, folder))
    history = [*_guarded("history", partial(_history, folder))]
    yield from history
    if any(check.state is State.ERROR for check in history):
        return  # to ask it more would set it aside
    yield from _guarded("set aside", partial(_set_aside, folder))
    yield from _guarded("crashed runs", partial(_crashed, folder))
    yield from _guarded("litter", partial(_litter, folder))


def _guarded(name: str, look: Callable[[], Checks]) -> Checks:
    """The checks of a function; what it cannot look at is a problem of its own."""
    try:
        yield from look()
    except FlowkitError as error:
        yield Check(name, State.ERROR, error.message, error.hints)
    except (OSError, sqlite3.Error) as error:
        yield Check(name, State.ERROR, f"cannot be looked at: {error}")


def _settings(project: Project) -> Checks:
    chosen: Settings = settings().settings
    kept, cache = chosen.retention, moments.size(chosen.cache.max_bytes)
    yield Check("settings", State.OK, "`flowkit config` shows them")
    yield Check(
        "retention",
        State.OK,
        f"results and logs of the latest {counted(kept.runs, 'run')} of a flow,"
        f" {moments.size(kept.max_bytes)} in all; runs for {kept.days:g} days; {cache} of cache",
    )


def _key() -> Checks:
    folder = user_folder(os.environ)
    if folder is None:
        yield Check("key", State.WARNING, "there is no home to keep it in: only plain values are kept")
        return
    path = folder / key.FILE
    if not path.exists():
        yield Check("key", State.NOTE, f"{path} is made by the first run")
    elif key.load(folder) is None:
        hint = f"`chmod 600 '{path}'`, if nobody else has written it; else remove it, and results are lost"
        yield Check("key", State.ERROR, f"{path} cannot be used, so that no results are kept", (hint,))
    else:
        yield Check("key", State.OK, str(path))


def _folder(project: Project) -> Checks:
    folder = project.state
    try:
        exists = state_folder.check(folder)
    except FlowkitError as error:
        own = folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.getuid()
        mend = partial(_closed, [folder]) if own else None
        yield Check("state folder", State.ERROR, error.message, error.hints, mend)
        return
    if not exists:
        state_folder.check_writable(folder)
        yield Check("state folder", State.NOTE, f"{folder} is made by the first run")
        return
    history, results = checkup.size(folder)
    sizes = f"history {moments.size(history)}, results in files {moments.size(results)}"
    yield Check("state folder", State.OK, f"{folder}: {sizes}")


def _writing(folder: Path) -> Checks:
    """Nothing where something can be written; what is kept can be looked at all the same."""
    if folder.is_dir():
        state_folder.check_writable(folder)
    yield from ()


def _flows(project: Project) -> Checks:
    try:
        chosen = settings().settings
    except FlowkitError:  # which is said where they are looked at
        return
    yield from checks_flows.flows(project, chosen)


def _permissions(folder: Path) -> Checks:
    loose = checkup.loose(folder)
    if not loose:
        yield Check("permissions", State.OK, "only you can read and write what is kept")
        return
    names = listed([str(path.relative_to(folder)) for path in loose])
    yield Check("permissions", State.ERROR, f"others may use {names}", mend=partial(_closed, loose))


def _closed(paths: list[Path]) -> str:
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o077)
    return f"others may not use {counted(len(paths), 'file')} any more"


def _file_system(folder: Path) -> Checks:
    kind = checkup.network_of(folder.resolve())
    if not kind:
        return
    yield Check(
        "file system",
        State.WARNING,
        f"the state folder lies on another machine ({kind}), where SQLite's locks may not hold",
        ("set `FLOWKIT_HOME` to a folder on this machine",),
    )


def _history(folder: Path) -> Checks:
    path = folder / database.FILE
    wrong = checkup.damage(path)
    if wrong:
        mend = partial(_mended, folder)
        yield Check("history", State.ERROR, f"{path} is damaged: {listed(wrong, 2)}", mend=mend)
        return
    connection = database.open_to_read(path)
    if connection is None:
        yield Check("history", State.NOTE, f"{path} is made by the first run")
        return
    with contextlib.closing(connection):
        [runs] = connection.execute("SELECT COUNT(*) FROM runs").fetchone()
    yield Check("history", State.OK, f"{path}: {counted(runs, 'run')}, schema {database.VERSION}")


def _mended(folder: Path) -> str:
    saved = checkup.mend(folder)
    return f"saved {counted(saved.runs, 'run')}; the damaged one is kept as {saved.kept}"


def _set_aside(folder: Path) -> Checks:
    for kept in checkup.set_aside_before(folder):
        runs = checkup.unsaved(folder, kept)
        if runs:
            text = f"{kept} has {counted(runs, 'run')} that can be read and are not in the history"
            yield Check("set aside", State.ERROR, text, mend=partial(_saved, folder, kept))
        else:
            hint = "remove it when you do not need it"
            yield Check(
                "set aside", State.NOTE, f"{kept} was damaged; nothing more can be had of it", (hint,)
            )


def _saved(folder: Path, kept: Path) -> str:
    return f"saved {counted(checkup.save(folder, kept).runs, 'run')} of {kept}"


def _crashed(folder: Path) -> Checks:
    with History(folder) as history:
        running = history.runs(status=RunStatus.RUNNING)
        gone = [str(run.number) for run in running if not lives(folder, history, run)]
    if not gone:
        text = f"{counted(len(running), 'run')} going on" if running else "none"
        yield Check("crashed runs", State.OK, text)
        return
    text = f"the process of run {listed(gone, 10)} is gone; the next command that reads runs records it"
    yield Check("crashed runs", State.WARNING, text, mend=partial(_swept, folder))


def _swept(folder: Path) -> str:
    return f"recorded {counted(len(sweep(folder)), 'run')} as crashed"


def _litter(folder: Path) -> Checks:
    connection = database.open_to_read(folder / database.FILE)
    with contextlib.closing(connection) if connection is not None else contextlib.nullcontext():
        found = checkup.litter(connection, folder)
    if not found.count:
        yield Check("litter", State.OK, "none")
        return
    text = f"{counted(found.count, 'file')} that nothing needs, {moments.size(found.bytes)}"
    yield Check("litter", State.WARNING, text, mend=partial(_tidied, folder))


def _tidied(folder: Path) -> str:
    path = folder / database.FILE
    files.sweep(folder / files.FOLDER)
    with database.explained(path), contextlib.closing(database.open_to_write(path)) as connection:
        names = list(retention.orphans(connection, folder / files.FOLDER))
        freed = retention.drop_files(connection, folder, names)
    return f"removed {counted(freed.files, 'file')} that had no row, and what killed processes left"
