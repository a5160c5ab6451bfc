"""The graph in a report: what the history keeps of the flow, with what became of each task in the run."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import NamedTuple

from flowkit.cli.run_marks import marks_of
from flowkit.cli.wording import duration
from flowkit.draw import svg
from flowkit.draw.mark import Mark
from flowkit.draw.of_outline import drawing_of_outline
from flowkit.store.history import History
from flowkit.why.report.gather import Report
from flowkit.why.report.tasks import Task

_MOST = 400  # nodes that a page has room for: who looks at more needs to zoom and fold


class Graph(NamedTuple):
    """A picture that may stand in a page, or why there is none.

    Attributes:
        command: that makes a page of it.
    """

    picture: str = ""
    note: str = ""
    command: str = ""


def graph_of(history: History, report: Report) -> Graph:
    """The graph of a run."""
    outline = history.outline(report.run)
    if not outline.get("keys"):
        return Graph(note="What the flow was made of is not kept any more.")
    whole = [task for (_, child), task in report.tasks.items() if child < 0]
    if len(whole) > _MOST:
        command = f"flowkit graph {shlex.quote(report.run.flow)} --run {report.run.number} -o graph.html"
        return Graph(note=f"{len(whole):,} tasks are too many to be drawn here.", command=command)
    try:
        drawing = drawing_of_outline(report.run.flow, outline)
    except ValueError:  # two tasks of one key, as of a run that went on with a flow that was changed
        return Graph(note="The flow was changed while the run stood still: it is no longer one graph.")
    tasks = {task.key: task for task in whole}
    path = {step.task.node for step in report.path}
    marks = {
        key: _as_here(mark, tasks[key], path) if key in tasks else mark
        for key, mark in marks_of(history, report.run).items()
    }
    return Graph(svg.render(drawing, "right" if _is_long(report) else "down", marks=marks, bare=True))


def _as_here(mark: Mark, task: Task, path: set[int]) -> Mark:
    """The mark with the time that the report tells, which has none of that between sessions in it."""
    took = duration(task.took) if mark.took and task.ended is not None else mark.took
    return replace(mark, took=took, is_critical=task.node in path)


def _is_long(report: Report) -> bool:
    """Whether the page has more room across than the flow is wide: a chain."""
    whole = sum(child < 0 for _, child in report.tasks)
    return len(report.path) >= max(3, whole - 2)
