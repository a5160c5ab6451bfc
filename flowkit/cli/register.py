"""`flowkit register`: flow files in, registry out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flowkit.cli import errors
from flowkit.cli.place import here, put, say, settings
from flowkit.cli.run_options import only_by_name
from flowkit.cli.table import columns
from flowkit.project.names import quoted
from flowkit.project.registration import Registration, register
from flowkit.project.registry import Changes


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("register")(register_flows)


def register_flows(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Files or folders; default: flows/.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 where the registry is out of date.")
    ] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Take out the flows that are gone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Find the flows in the flow files and write them into the registry.

    Each file is loaded in a process of its own. A file that cannot be loaded is reported, and the
    others go on.
    """
    found = settings().settings
    done = register(
        here(), paths or (), folder=found.flows, timeout=found.register.timeout, check=check, prune=prune
    )
    if as_json:
        put(json.dumps(_document(done), indent=2))
    else:
        put(_lines(done.changes, check, prune))
    for notice in done.notices:
        say(f"note: {notice}")
    _warn_of_clashes(done.changes)
    for error in done.errors:
        errors.show(error)
    if done.errors:
        raise typer.Exit(max(error.exit_code for error in done.errors))
    if check and done.changes.out_of_date:
        say("the registry is out of date")
        say("hint: `flowkit register` brings it up to date, `--prune` takes out what is gone")
        raise typer.Exit(1)


def _lines(changes: Changes, check: bool, prune: bool) -> str:
    gone = "removed" if prune and not check else "gone"
    rows = [
        *(("new", entry.name, f"v{entry.version}", entry.ref) for entry in changes.new),
        *(
            (
                "changed",
                change.after.name,
                _step(change.before.version, change.after.version),
                change.after.ref,
            )
            for change in changes.changed
        ),
        *(("unchanged", entry.name, f"v{entry.version}", entry.ref) for entry in changes.unchanged),
        *((gone, entry.name, f"v{entry.version}", entry.ref) for entry in changes.gone),
    ]
    return columns(rows)


def _step(before: int, after: int) -> str:
    return f"v{after}" if before == after else f"v{before} → v{after}"


def _warn_of_clashes(changes: Changes) -> None:
    for entry in [*changes.new, *(change.after for change in changes.changed)]:
        open_ones = [each for each in entry.parameters if not each.secret]
        for name in only_by_name((each.name, each.type == "bool") for each in open_ones):
            say(
                f"warning: the parameter {quoted(name)} of {quoted(entry.name)} has no option of its own; "
                f"give it by `-p {quoted(name)[1:-1]}=VALUE`"
            )


def _document(done: Registration) -> dict[str, object]:
    changes = done.changes
    return {
        "schema": 1,
        "new": [asdict(entry) for entry in changes.new],
        "changed": [asdict(change.after) for change in changes.changed],
        "unchanged": [asdict(entry) for entry in changes.unchanged],
        "gone": [asdict(entry) for entry in changes.gone],
        "errors": [{"message": error.message, "hints": list(error.hints)} for error in done.errors],
        "out_of_date": changes.out_of_date,
    }
