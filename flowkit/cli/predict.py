"""`flowkit predict NAME --workers 1,2,4,8`: what the next run would take, from what the latest ones took."""

from __future__ import annotations

from typing import Annotated

import typer

from flowkit.cli.loading import Loaded, load_named
from flowkit.cli.place import here, memory_of, put, say, settings
from flowkit.cli.run_options import given_by_pairs
from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.values import checked
from flowkit.runs import executor_named

_USUAL = "1,2,4,8"
_MOST = 1_000_000


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict")(predict)


def predict(
    name: Annotated[str, typer.Argument(help="A flow, as for `run`.", metavar="NAME")],
    workers: Annotated[
        str, typer.Option("--workers", "-w", help="Numbers of workers to compare.", metavar="N,N,…")
    ] = _USUAL,
    executor: Annotated[str | None, typer.Option("--executor", help="As for `run`.", metavar="LANE")] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", help="Another value than in the latest run.", metavar="KEY=VALUE"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say how long a run would take with so many workers, from what its tasks took in earlier runs.

    Nothing is run: the scheduler itself plays the flow through.
    """
    from flowkit.cli.outlook import document, notes, shown
    from flowkit.runs.prediction import outlook

    numbers = _numbers(workers)
    chosen = settings({"executor": executor}).settings
    if not chosen.history:
        raise UsageError(
            "what tasks took in earlier runs is not known, as no history is kept",
            hints=("take `history = false` out of the settings (`flowkit config` shows where it is)",),
        )
    loaded = load_named(name, here(), chosen.flows)
    flow, given = _built(loaded, parameters or [])
    memory = memory_of(loaded.project, chosen, reads_only=True)
    try:
        found = outlook(memory, flow, _lane(flow, executor, chosen.executor), numbers, given)
    finally:
        if memory is not None:
            memory.close()
    put(document(found) if as_json else shown(found))
    for note in notes(found):
        say(f"note: {note}")


def _built(loaded: Loaded, pairs: list[str]) -> tuple[Flow, dict[str, object]]:
    """The flow with its graph, and the parameters that are given; the others are as in the latest run."""
    texts = given_by_pairs(pairs)
    values = checked(loaded.flow, {}, texts, needed=loaded.flow.build_parameters)
    return loaded.built(values), {name: value for name, value in values.items() if name in texts}


def _lane(flow: Flow, asked: str | None, usual: str) -> str:
    """Where its tasks run that name no lane: as for `run`."""
    if asked is None and flow.executor is not None and not isinstance(flow.executor, str):
        return str(flow.executor.name)
    return executor_named(asked or flow.executor or usual).name


def _numbers(text: str) -> list[int]:
    """Numbers of workers, in rising order.

    Raises:
        UsageError: they cannot be read.
    """
    try:
        found = sorted({int(part) for part in text.split(",")})
    except ValueError:
        found = []
    if not found or found[0] < 1 or found[-1] > _MOST:
        raise UsageError(
            f"`--workers {text}` is not a list of numbers of workers", hints=(f"for example {_USUAL}",)
        )
    return found
