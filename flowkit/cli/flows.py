"""`flowkit list`, `show`, `unregister`: what the registry knows, without loading user code."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from flowkit.cli import moments
from flowkit.cli.place import here, put, say
from flowkit.cli.table import columns
from flowkit.cli.wording import first_sentence
from flowkit.draw.labels import printable
from flowkit.project.registry import Registry

Name = Annotated[str, typer.Argument(help="The registered name.", metavar="NAME")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_flows)
    app.command("show")(show)
    app.command("unregister")(unregister)


def list_flows(as_json: Json = False) -> None:
    """List the registered flows."""
    entries = sorted(Registry(here()).read().values(), key=lambda entry: entry.name)
    if as_json:
        put(json.dumps([asdict(entry) for entry in entries], indent=2))
        return
    if not entries:
        say("no flows are registered")
        say("hint: `flowkit register` reads the flow files and writes the registry")
        return
    rows = [
        (entry.name, f"v{entry.version}", str(entry.tasks), entry.ref, first_sentence(entry.description))
        for entry in entries
    ]
    put(columns(rows, ("NAME", "VERSION", "TASKS", "DEFINED IN", "DESCRIPTION")))


def show(name: Name, as_json: Json = False) -> None:
    """Show what the registry knows of a flow."""
    entry = Registry(here()).find(name)
    if as_json:
        put(json.dumps({"schema": 1, **asdict(entry)}, indent=2))
        return
    facts = [
        ("name", entry.name),
        ("description", entry.description),
        ("defined in", entry.ref),
        ("version", f"{entry.version} ({entry.fingerprint})"),
        ("registered", _moment(entry.registered)),
        ("tasks", str(entry.tasks)),
        ("tags", ", ".join(entry.tags)),
        ("schedule", entry.schedule or ""),
    ]
    put(columns([fact for fact in facts if fact[1]]))
    if entry.parameters:
        put("\nparameters")
        rows = [
            (
                f"  {each.name}",
                f"{each.type} [secret]" if each.secret else each.type,
                "required" if each.required else f"= {each.default}",
            )
            for each in entry.parameters
        ]
        put(columns(rows))


def _moment(text: str) -> str:
    """A moment of the registry as all are shown, in the time of this place; what is none as it stands."""
    try:
        return moments.at(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError, OSError):
        return text


def unregister(name: Name) -> None:
    """Take a flow out of the registry; its file stays."""
    entry = Registry(here()).remove(name)
    say(f"unregistered {printable(entry.name)}; {entry.ref} is as it was")
