"""What `flowkit graph` draws: a flow, and where it is asked what became of it in a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowkit.cli.loading import Loaded, load_named
from flowkit.cli.past import history_here
from flowkit.cli.place import here, memory_of, say, settings
from flowkit.cli.run_marks import caption_of, marks_of
from flowkit.cli.run_options import given_by_pairs
from flowkit.cli.wording import counted, listed
from flowkit.draw.drawing import Drawing
from flowkit.draw.mark import NO_MARKS, Marks, with_critical_path
from flowkit.draw.of_flow import drawing_of
from flowkit.draw.of_outline import drawing_of_outline
from flowkit.errors import LoadError, UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.keys import keys_of
from flowkit.flow.values import checked
from flowkit.store.history import History
from flowkit.store.records import RunRecord

if TYPE_CHECKING:
    from flowkit.draw.html import Detail


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is drawn.

    Attributes:
        marks, caption: of a run; none where none is asked for.
        details: what is told of each node where it is asked for, by key.
    """

    drawing: Drawing
    marks: Marks
    caption: str
    details: Mapping[str, Detail]


def subject_of(name: str, pairs: Sequence[str], run: str | None, *, with_details: bool) -> Subject:
    """The flow of this name, and what became of it in a run.

    Where the flow's file cannot be loaded any more, a run is drawn from the history alone, which is said.

    Args:
        pairs: `-p KEY=VALUE`, for graphs that are made from parameters; those of the run where it is asked.
        with_details: whether code, docstrings and times are wanted.

    Raises:
        UsageError: no such flow or run, or the run is of another flow.
        LoadError: the flow cannot be loaded.
        HistoryError: the history cannot be read.
    """
    if run is None:
        whole = _built(_load(name), pairs, {})
        details = _details(whole, None) if with_details else {}
        return Subject(drawing=_drawing(whole), marks=NO_MARKS, caption="", details=details)
    with history_here() as history:
        record = history.find(run)
        drawing, flow = _of_run(name, pairs, history, record)
        marks = marks_of(history, record)
    _say_what_is_gone(drawing, marks, record)
    marks = {key: mark for key, mark in marks.items() if key in {node.key for node in drawing.nodes}}
    return Subject(
        drawing=drawing,
        marks=with_critical_path(drawing, marks),
        caption=caption_of(record),
        details=_details(flow, record) if with_details and flow is not None else {},
    )


def _load(name: str) -> Loaded:
    return load_named(name, here(), settings().settings.flows)


def _of_run(name: str, pairs: Sequence[str], history: History, run: RunRecord) -> tuple[Drawing, Flow | None]:
    try:
        loaded = _load(name)
    except (LoadError, UsageError) as error:
        outline = history.outline(run)
        if not outline or (isinstance(error, UsageError) and name != run.flow):
            raise
        say(f"note: {error}; the graph is that of the history")
        return drawing_of_outline(run.flow, outline), None
    _check_flow(loaded.flow.name, run)
    flow = _built(loaded, pairs, _parameters_of(run) if loaded.flow.build_parameters else {})
    return _drawing(flow), flow


def _check_flow(name: str, run: RunRecord) -> None:
    if run.flow != name:
        raise UsageError(
            f"run {run.number} ({run.name}) is one of the flow `{run.flow}`, not of `{name}`",
            hints=(f"`flowkit graph {run.flow} --run {run.number}` draws it",),
        )


def _built(loaded: Loaded, pairs: Sequence[str], kept: Mapping[str, Any]) -> Flow:
    texts = given_by_pairs(pairs)
    known = {key: kept[key] for key in loaded.flow.build_parameters if key in kept and key not in texts}
    return loaded.built(checked(loaded.flow, known, texts, needed=loaded.flow.build_parameters))


def _parameters_of(run: RunRecord) -> dict[str, Any]:
    from flowkit.runs.resume import parameters_of

    memory = memory_of(here(), settings().settings, reads_only=True)
    if memory is None:
        return {}
    try:
        return parameters_of(memory, run)[0]
    finally:
        memory.close()


def _drawing(flow: Flow) -> Drawing:
    return drawing_of(flow, keys_of(flow))


def _say_what_is_gone(drawing: Drawing, marks: Marks, run: RunRecord) -> None:
    gone = sorted(set(marks) - {node.key for node in drawing.nodes})
    if gone:
        what, are = counted(len(gone), "task"), "is" if len(gone) == 1 else "are"
        say(f"note: {what} of run {run.number} {are} no longer in the flow: {listed(gone)}")


def _details(flow: Flow, run: RunRecord | None) -> dict[str, Detail]:
    from flowkit.cli.graph_details import details_of, last_times

    with history_here() as history:
        return details_of(flow, keys_of(flow), {} if run else last_times(history, flow.name))
