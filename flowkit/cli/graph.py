"""`flowkit graph NAME`: the picture of a flow, in the terminal or for other programs."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flowkit.cli.console import Console
from flowkit.cli.place import say, write
from flowkit.cli.table import stdout_width
from flowkit.draw.drawing import Drawing
from flowkit.draw.visualize import contents, format_of, rendered
from flowkit.errors import UsageError
from flowkit.plan.status import Status


class Format(StrEnum):
    """What a graph can be drawn as."""

    text = "text"
    svg = "svg"
    png = "png"
    html = "html"
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
    name: Annotated[str, typer.Argument(help="A flow, as for `run`.", metavar="NAME")],
    format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="What to draw it as; default: by the file."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, instead of the terminal.", metavar="FILE")
    ] = None,
    direction: Annotated[Direction, typer.Option("--direction", help="Where the edges go.")] = Direction.down,
    run: Annotated[
        str | None,
        typer.Option("--run", help="Show what became of the tasks in this run.", metavar="RUN"),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", help="A parameter that the graph is made from.", metavar="KEY=VALUE"),
    ] = None,
) -> None:
    """Draw the graph of a flow."""
    from flowkit.cli.graph_subject import subject_of

    chosen = format.value if format is not None else format_of(str(output) if output else None)
    if chosen == "png" and output is None:
        raise UsageError("a PNG is no text to be printed", hints=("name a file for it: `-o graph.png`",))
    subject = subject_of(name, parameters or (), run, with_details=chosen == "html")
    options: dict[str, object] = {} if chosen == "json" else {"direction": direction.value}
    options |= {"marks": subject.marks, "caption": subject.caption}
    if chosen == "html":
        options |= {"details": subject.details}
    if chosen == "text":
        options |= {
            "width": stdout_width() or shutil.get_terminal_size((100, 24)).columns,
            "ascii_only": _ascii_only(),
        }
    drawing = _escaped(subject.drawing) if chosen == "text" and output is None else subject.drawing
    picture = rendered(drawing, chosen, **options)
    if output is not None:
        write(output, contents(picture))
        say(f"wrote {output}")
    elif isinstance(picture, str):
        print(_coloured(picture) if chosen == "text" and Console().out_color else picture)


def _ascii_only() -> bool:
    """Whether the terminal cannot show box-drawing characters."""
    try:
        "╭│".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def _escaped(drawing: Drawing) -> Drawing:
    """The same, with escapes for what the encoding lacks: a box is as wide as what stands in it."""
    encoding = sys.stdout.encoding or "ascii"

    def shown(text: str) -> str:
        return text.encode(encoding, "backslashreplace").decode(encoding)

    nodes = tuple(replace(node, label=shown(node.label)) for node in drawing.nodes)
    edges = tuple(replace(edge, label=shown(edge.label)) for edge in drawing.edges)
    return Drawing(shown(drawing.name), nodes, edges)


_CODES = {"green": "32", "dim green": "2;32", "red": "31", "yellow": "33", "cyan": "36", "dim": "2"}
_STATES = {f"{status.symbol} {status.word}": _CODES[status.style] for status in Status}


def _coloured(picture: str) -> str:
    """The picture with its states in the colours that they have in a run."""
    states = re.compile("|".join(map(re.escape, _STATES)))
    return states.sub(lambda state: f"\x1b[{_STATES[state[0]]}m{state[0]}\x1b[0m", picture)
