"""`flowkit runs` and `flowkit runs show`: what has run, from the history alone, without loading user code."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Annotated, Any

import typer

from flowkit.cli import moments
from flowkit.cli.past import Run, history_here
from flowkit.cli.place import put, say
from flowkit.cli.run_page import document_of, page_of
from flowkit.cli.styled import joined
from flowkit.cli.table import columns
from flowkit.cli.task_page import task_page
from flowkit.cli.wording import duration
from flowkit.errors import UsageError
from flowkit.project.names import suggestions
from flowkit.store.history import NO_RUNS, NO_RUNS_HINT, History
from flowkit.store.records import RunRecord
from flowkit.store.run_status import RunStatus
from flowkit.why.archive import Archive

_STATES = {status.word.replace(" ", "-"): status for status in RunStatus}
_HEADER = ("RUN", "NAME", "FLOW", "STATUS", "STARTED", "TOOK", "TASKS")
_TOGETHER = "\u00a0"  # a space at which a list in a narrow terminal is not broken


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(runs)
    group.command("show")(show)
    app.add_typer(group, name="runs")


def runs(
    context: typer.Context,
    flow: Annotated[str | None, typer.Option("--flow", "-f", help="Only of this flow.")] = None,
    status: Annotated[
        str | None,
        typer.Option(
            "--status", "-s", help=f"One of {', '.join(_STATES)}.", autocompletion=lambda: [*_STATES]
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="A date, or how long ago: `2d`.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the runs, the latest first; `flowkit runs show RUN` has the rest."""
    if context.invoked_subcommand is not None:
        return
    after = moments.since(since, time.time()) if since is not None else None
    with history_here() as history:
        found = history.runs(flow, _status(status), after, limit)
        found = [replace(run, counts=history.counts(run)) for run in found]
        if as_json:
            put(json.dumps([facts_of(run) for run in found], indent=2))
        elif found:
            put(columns([_row(run) for run in found], _HEADER).replace(_TOGETHER, " "))
        else:
            _say_none(history, flow)


def show(
    run: Run = "latest",
    task: Annotated[
        str | None, typer.Argument(metavar="TASK", help="A task (`clean`), or a child (`clean[3]`).")
    ] = None,
    children: Annotated[bool, typer.Option("--children", help="Each child of mapped tasks too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show a run: its parameters, every task's state, attempts and times, what failed and why.

    With TASK, that task: its attempts, what failed with code and values, what it printed last.
    """
    with history_here() as history, Archive(history.path.parent, history) as archive:
        found = history.find(run)
        found = replace(found, counts=history.counts(found))
        only = None if task is None else _place(history, found, task)
        if as_json:
            document = document_of(history, found, children=children, only=only)
            put(json.dumps({"schema": 1, **facts_of(found), **document}, indent=2))
        elif only is not None:
            put(task_page(history, found, *only, children=children))
        else:
            put(page_of(archive, found, children=children))


def _place(history: History, run: RunRecord, task: str) -> tuple[int, int]:
    """Node and child of a task; -1 for the task itself."""
    node, child = history.locate(run, task)
    return node, -1 if child is None else child


def facts_of(run: RunRecord) -> dict[str, Any]:
    """A run for other programs."""
    return {
        "run": run.number,
        "name": run.name,
        "id": run.uid,
        "flow": run.flow,
        "ref": run.ref,
        "status": run.status.word,
        "reason": run.reason,
        "started": run.started,
        "ended": run.ended,
        "duration": run.duration,
        "exit_code": run.exit_code,
        "parent": run.parent,
        "parameters": run.parameters,
        "counts": run.counts,
        "bytes": run.bytes,
    }


def _status(word: str | None) -> RunStatus | None:
    if word is None:
        return None
    found = _STATES.get(word.strip().lower().replace(" ", "-"))
    if found is None:
        hints = suggestions(word, _STATES) or (f"there are {', '.join(f'`{known}`' for known in _STATES)}",)
        raise UsageError(f"no run has the status `{word}`", hints=hints)
    return found


def _row(run: RunRecord) -> tuple[str, ...]:
    counts = [f"{number:,} {word}".replace(" ", _TOGETHER) for word, number in run.counts.items() if number]
    took = run.duration if run.status is not RunStatus.RUNNING else time.time() - run.started
    return (
        str(run.number),
        run.name,
        run.flow,
        f"{run.status.symbol} {run.status.word}",
        moments.ago(time.time() - run.started),
        duration(took) if took is not None else "",
        joined([", ".join(counts), f"child of run {run.parent}" if run.parent is not None else ""], "; "),
    )


def _say_none(history: History, flow: str | None) -> None:
    flows = history.flows()
    if not flows:
        say(NO_RUNS)
        say(f"hint: {NO_RUNS_HINT}")
        return
    say("there are no such runs")
    if flow is not None and flow not in flows:
        for hint in suggestions(flow, flows):
            say(f"hint: {hint}")
