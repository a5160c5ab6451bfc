"""What a page tells of a task where it is asked for: its code, what it is for, how long it took last."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path

from flowkit.cli.evidence import short_path
from flowkit.cli.run_marks import marks_of
from flowkit.draw.html import Detail
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task
from flowkit.store.history import History

_RUNS = 10  # of the latest runs, in which a task's last time is looked for
_MOST = 200  # lines of code that are shown


def last_times(history: History, flow: str) -> dict[str, str]:
    """How long each task took when it last ran, as a person reads it, with the run; by key."""
    found: dict[str, str] = {}
    for run in history.runs(flow, limit=_RUNS):
        for key, mark in marks_of(history, run).items():
            if mark.took and mark.tone == "good":
                found.setdefault(key, f"{mark.took} in run {run.number}")
    return found


def details_of(flow: Flow, keys: Mapping[Task, str], times: Mapping[str, str]) -> dict[str, Detail]:
    """What is told of each task and parameter, by key.

    Args:
        times: how long tasks took last, by key.
    """
    known: dict[object, tuple[str, str]] = {}
    found = {}
    for task in flow.tasks:
        if task.is_carrier:
            continue
        function = inspect.unwrap(task.run)
        function = getattr(function, "__func__", function)
        if function not in known:
            known[function] = _code_of(function)
        code, place = ("", "") if isinstance(task, Parameter) else known[function]
        found[keys[task]] = Detail(
            doc=_doc_of(task),
            code=code,
            place=place,
            last=times.get(keys[task], ""),
            tags=tuple(sorted(task.tags)),
        )
    return found


def _doc_of(task: Task) -> str:
    if isinstance(task, Parameter):
        return ""
    return inspect.getdoc(task.run) or ""


def _code_of(function: object) -> tuple[str, str]:
    """Its source, and where that stands; nothing where there is none, as for what was typed in."""
    try:
        lines, first = inspect.getsourcelines(function)  # type: ignore[arg-type]
        file = inspect.getsourcefile(function) or ""  # type: ignore[arg-type]
    except (OSError, TypeError):
        return "", ""
    if len(lines) > _MOST:
        lines = [*lines[:_MOST], f"… {len(lines) - _MOST} more lines\n"]
    return inspect.cleandoc("\n" + "".join(lines)), f"{short_path(str(Path(file)))}:{first}"
