"""`flowkit clean` and `flowkit backup FILE`: bounding and copying what is kept."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from flowkit.cli import moments
from flowkit.cli.place import here, say, settings
from flowkit.cli.wording import counted, listed
from flowkit.project import state_folder
from flowkit.project.registry import Registry
from flowkit.project.settings import Retention
from flowkit.store import backup as copying
from flowkit.store import database, retention
from flowkit.store.retention import Due, Freed
from flowkit.store.sweep import sweep


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("clean")(clean)
    app.command("backup")(backup)


def clean(
    runs: Annotated[
        int | None,
        typer.Option("--runs", min=0, metavar="N", help="Keep results and logs of so many runs a flow."),
    ] = None,
    days: Annotated[
        float | None, typer.Option("--days", min=0, metavar="D", help="Forget runs that are older.")
    ] = None,
    max_bytes: Annotated[
        str | None, typer.Option("--max-bytes", metavar="SIZE", help="Keep at most so much: `2GiB`.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove old results and logs, then old runs, and give the room back; defaults: `\\[retention]`."""
    chosen = settings().settings
    limits = _limits(chosen.retention, runs, days, max_bytes)
    folder = here().state
    if not (state_folder.check(folder) and (folder / database.FILE).exists()):
        say("there is nothing to remove: there is no history yet")
        return
    sweep(folder)
    path = folder / database.FILE
    with database.explained(path), contextlib.closing(database.open_to_write(path)) as connection:
        if dry_run:
            _say_due(retention.due(connection, limits, chosen.cache))
        else:
            _say_freed(retention.clean(connection, folder, limits, chosen.cache))


def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="With results and registry where it ends in `.tar.gz`.")
    ],
) -> None:
    """Copy the history, while runs may go on."""
    project = here()
    folder = project.state
    state_folder.check(folder)
    copied = copying.back_up(folder, file, (Registry(project).path,))
    archive = f" and {counted(copied.files, 'file')} of results" if copied.files else ""
    say(f"wrote {file}: {counted(copied.runs, 'run')}{archive}, {moments.size(copied.bytes)}")
    if copied.missing:
        say(f"warning: {counted(copied.missing, 'file')} of results had been removed")


def _limits(kept: Retention, runs: int | None, days: float | None, max_bytes: str | None) -> Retention:
    if runs is not None:
        kept = replace(kept, runs=runs)
    if days is not None:
        kept = replace(kept, days=days)
    if max_bytes is not None:
        kept = replace(kept, max_bytes=moments.parsed_size(max_bytes))
    return kept


def _say_due(due: Due) -> None:
    if due.emptied:
        say(f"would remove results and logs of {counted(len(due.emptied), 'run')}: {_numbers(due.emptied)}")
    if due.forgotten:
        say(f"would forget {counted(len(due.forgotten), 'run')}: {_numbers(due.forgotten)}")
    if due.entries:
        say(f"would remove {_entries(len(due.entries))} of the cache")
    if not due:
        say("nothing is due")


def _say_freed(freed: Freed) -> None:
    if freed.emptied:
        say(f"removed results and logs of {counted(freed.emptied, 'run')}")
    if freed.forgotten:
        say(f"forgot {counted(freed.forgotten, 'run')}")
    if freed.entries:
        say(f"removed {_entries(freed.entries)} of the cache")
    if freed.files or freed.bytes:
        among = f", {counted(freed.files, 'file')} among it" if freed.files else ""
        say(f"freed {moments.size(freed.bytes)}{among}")
    else:
        say("nothing was due")


def _numbers(runs: tuple[int, ...]) -> str:
    return listed([str(run) for run in runs], 10)


def _entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"
