"""`flowkit report RUN`: one HTML file about a run, from the history alone, without loading user code."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from flowkit.cli import moments
from flowkit.cli.past import Run, history_here
from flowkit.cli.place import say, write


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    run: Run = "latest",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to; `-`: standard output. Default: by the run."
        ),
    ] = None,
) -> None:
    """Write one HTML page about a run: timeline, critical path, graph, failures, logs."""
    from flowkit.cli.report_graph import graph_of
    from flowkit.cli.report_page import file_name, report_page
    from flowkit.why.archive import Archive
    from flowkit.why.report.gather import report_of

    with history_here() as history, Archive(history.path.parent, history) as archive:
        found = report_of(archive, history.find(run), time.time())
        text = report_page(found, graph_of(history, found))
        path = output if output is not None else Path(file_name(found))
    page = text.encode()
    if str(path) == "-":
        sys.stdout.buffer.write(page)  # the page says that it is UTF-8, whatever the terminal is
        return
    write(path, page)
    say(f"wrote {path} ({moments.size(len(page))})")
