"""`flowkit graph NAME`: the picture of a flow, in the terminal or for other programs."""

from __future__ import annotations

import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flowkit.cli.completion import complete_flow
from flowkit.cli.loading import load_named
from flowkit.cli.place import here, say, settings, write
from flowkit.cli.run_options import given_by_pairs
from flowkit.draw.of_flow import drawing_of
from flowkit.draw.visualize import format_of, rendered
from flowkit.flow.keys import keys_of
from flowkit.flow.values import checked


class Format(StrEnum):
    """What a graph can be drawn as."""

    text = "text"
    mermaid = "mermaid"
    dot = "dot"
    json = "json"


class Direction(StrEnum):
    """Where the edges go."""

    down = "down"
    right = "right"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("graph")(graph)


def graph(
    name: Annotated[
        str, typer.Argument(help="A flow, as for `run`.", autocompletion=complete_flow, metavar="NAME")
    ],
    format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="What to draw it as; default: by the file."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, instead of the terminal.", metavar="FILE")
    ] = None,
    direction: Annotated[Direction, typer.Option("--direction", help="Where the edges go.")] = Direction.down,
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", help="A parameter that the graph is made from.", metavar="KEY=VALUE"),
    ] = None,
) -> None:
    """Draw the graph of a flow."""
    loaded = load_named(name, here(), settings().settings.flows)
    flow = loaded.flow
    values = checked(flow, {}, given_by_pairs(parameters or ()), needed=flow.build_parameters)
    whole = loaded.built(values)
    chosen = format.value if format is not None else format_of(str(output) if output else None)
    drawing = drawing_of(whole, keys_of(whole))
    options: dict[str, object] = {} if chosen == "json" else {"direction": direction.value}
    if chosen == "text":
        options |= {"width": shutil.get_terminal_size((100, 24)).columns, "ascii_only": _ascii_only()}
    picture = rendered(drawing, chosen, **options)
    if output is None:
        print(picture)
    else:
        write(output, picture + "\n")
        say(f"wrote {output}")


def _ascii_only() -> bool:
    """Whether the terminal cannot show box-drawing characters."""
    try:
        "╭│".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False
