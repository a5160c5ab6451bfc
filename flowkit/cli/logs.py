"""`flowkit logs RUN [TASK]`: what tasks printed and logged, also while they do."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flowkit.cli import moments
from flowkit.cli.colours import written
from flowkit.cli.console import Console
from flowkit.cli.past import Run, history_here
from flowkit.cli.place import say
from flowkit.cli.run_options import Level
from flowkit.cli.styled import plain
from flowkit.cli.wording import shown, styled
from flowkit.errors import UsageError
from flowkit.plan.events import RUN
from flowkit.project.names import quoted
from flowkit.store.history import History
from flowkit.store.records import LogLine, RunRecord
from flowkit.store.run_status import RunStatus
from flowkit.store.sweep import sweep

_POLL = 0.1  # seconds between two looks for new lines
_ALIVE = 1.0  # seconds between two looks whether the process is there
_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_LEAST = {name: number for number, name in _LEVELS.items()}
Lines = Callable[[int], Iterator[LogLine]]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("logs")(logs)


def logs(
    run: Run = "latest",
    task: Annotated[
        str | None, typer.Argument(metavar="TASK", help="A task (`clean`), or a child (`clean[3]`).")
    ] = None,
    attempt: Annotated[int | None, typer.Option("--attempt", min=1, help="Only of this attempt.")] = None,
    level: Annotated[
        Level | None,
        typer.Option("--level", metavar="LEVEL", help="Only what was logged, from this level on."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Show what the tasks of a run printed and logged."""
    with history_here() as history:
        found = history.find(run)
        node, child = _place(history, found, task)
        least = _LEAST[level.value.upper()] if level is not None else None

        def lines(after: int) -> Iterator[LogLine]:
            return history.logs(found, node, child, attempt, least, after)

        write = _write_json if as_json else _writer()
        if follow:
            _follow(history, found, lines, write)
        else:
            is_empty = True
            for line in lines(-1):
                write(line)
                is_empty = False
            if is_empty and not as_json:
                say(f"note: {_subject(found, task)} has printed and logged nothing{_chosen(attempt, level)}")
        if task is not None and not as_json:
            _say_failure(history, found, node, -1 if child is None else child)


def _subject(run: RunRecord, task: str | None) -> str:
    return f"run {run.number}" if task is None else quoted(task)


def _chosen(attempt: int | None, level: Level | None) -> str:
    """What narrows down the lines that are asked for."""
    words = f" of the level {level.value} or above" if level is not None else ""
    return words + (f" in attempt {attempt}" if attempt is not None else "")


def _say_failure(history: History, run: RunRecord, node: int | None, child: int) -> None:
    """Where more is known of a task than what it printed."""
    attempts = history.attempts(run, node, children=child >= 0) if node is not None and node >= 0 else []
    last = [each for each in attempts if each.child == child][-1:]
    if last and last[0].failure is not None and last[0].status.ended:
        sys.stdout.flush()
        say(f"hint: `flowkit runs show {run.number} {shlex.quote(last[0].key)}` shows how it failed")


def _place(history: History, run: RunRecord, task: str | None) -> tuple[int | None, int | None]:
    """Node and child that are asked for; the flow's name stands for lines that are no task's."""
    if task is None:
        return None, None
    try:
        return history.locate(run, task)
    except UsageError:
        if task == run.flow:
            return RUN[0], None
        raise


def _follow(history: History, run: RunRecord, lines: Lines, write: Callable[[LogLine], None]) -> None:
    """Write lines as they come; the last ones are read after the end was seen, so that none is missed."""
    last, looked = -1, 0.0
    while True:
        now = time.monotonic()
        ended = _has_ended(history, run.number, sweeping=now - looked >= _ALIVE)
        looked = now if now - looked >= _ALIVE else looked
        for line in lines(last):
            write(line)
            last = line.line
        sys.stdout.flush()
        if ended:
            return
        time.sleep(_POLL)


def _has_ended(history: History, run: int, *, sweeping: bool) -> bool:
    """Whether a run has come to its end, or its process is gone."""
    folder: Path = history.path.parent
    if sweeping and any(swept.number == run for swept in sweep(folder)):
        return True
    return history.find(str(run)).status is not RunStatus.RUNNING


def _writer() -> Callable[[LogLine], None]:
    """What writes a line for a person, its colours where stdout takes them."""
    coloured = Console().out_color

    def write(line: LogLine) -> None:
        level = f"{_LEVELS.get(line.level, line.level)} " if line.level else ""
        text = written(styled(line.text)) if coloured else plain(styled(line.text))
        print(f"{moments.clock(line.at)}  {shown(line.key)} | {level}{text}")

    return write


def _write_json(line: LogLine) -> None:
    document = asdict(line)
    key = document.pop("key")
    document["task"] = None if line.is_of_run else key
    print(json.dumps({"schema": 1, **document}))
