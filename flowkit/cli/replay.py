"""`flowkit replay RUN TASK`: runs one task again, here, with the very inputs it had; nothing is recorded."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowkit.cli import secrets
from flowkit.cli.console import Console
from flowkit.cli.debugger import post_mortem
from flowkit.cli.failures import block, is_failure
from flowkit.cli.loading import Loaded, load_of_run
from flowkit.cli.past import Run
from flowkit.cli.place import here, memory_of, put, say, settings
from flowkit.cli.styled import plain
from flowkit.cli.wording import duration, listed, shown, styled
from flowkit.engine.engine import Engine
from flowkit.engine.executors import LocalExecutor
from flowkit.engine.manner import Manner
from flowkit.engine.mask import MASK
from flowkit.engine.outcome import Outcome
from flowkit.engine.secret import cover
from flowkit.errors import FlowkitError, HistoryError, UsageError
from flowkit.flow.values import checked
from flowkit.logs import show_logs
from flowkit.plan.events import Row
from flowkit.plan.status import PAUSED, RETRYING, SUCCESS, Status
from flowkit.runs.memory import Memory
from flowkit.runs.replay import Replay, replay_of
from flowkit.runs.resume import parameters_of
from flowkit.store.history import History, no_runs
from flowkit.why.archive import Archive, PastRun

if TYPE_CHECKING:
    from flowkit.engine.capture import Line

_LONGEST = 200


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    run: Run,
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task, or a child of one: `clean[3]`.")],
    pdb: Annotated[bool, typer.Option("--pdb", help="The debugger, where it fails.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Whole tracebacks.")] = False,
) -> None:
    """Run one task again with the inputs it had; nothing else runs, and nothing is recorded."""
    chosen = settings().settings
    show_logs(chosen.logging.level, everyones=True)
    memory = memory_of(here(), chosen, reads_only=True)
    if memory is None:
        raise no_runs()
    try:
        with History(memory.folder) as history, Archive(memory.folder, history) as archive:
            found = archive.run(history.find(run))
            prepared, values = _prepared(memory, found, task)
            _say_what(found, prepared)
    finally:
        memory.close()
    raise typer.Exit(_carried_out(prepared, values, pdb=pdb, debug=debug))


def _prepared(memory: Memory, run: PastRun, task: str) -> tuple[Replay, dict[str, Any]]:
    if not run.record.ref:
        raise UsageError(f"no task of {run.called} can be run again: its flow was not defined in a file")
    if not run.outline:
        raise HistoryError(f"what {run.called} was made of is not kept any more")
    number, child = run.archive.history.locate(run.record, task)
    loaded = load_of_run(memory, run.record)
    values = _values(memory, run, loaded)
    cover(loaded.flow.parameters(), values)
    flow = loaded.built(values)
    return replay_of(memory, run, number, -1 if child is None else child, flow, values), values


def _values(memory: Memory, run: PastRun, loaded: Loaded) -> dict[str, Any]:
    """The values that the run was given; secret ones are asked for, as they are not kept."""
    kept, missing = parameters_of(memory, run.record)
    known = {parameter.name: parameter for parameter in loaded.flow.parameters()}
    gone = [f"`{name}`: {why}" for name, why in missing.items() if name in known and not known[name].secret]
    if gone:
        raise FlowkitError(f"parameters of {run.called} cannot be had any more: {'; '.join(gone)}")
    return checked(loaded.flow, {name: kept[name] for name in kept if name in known}, {}, ask=secrets.ask)


def _say_what(run: PastRun, prepared: Replay) -> None:
    key = prepared.plan.key(prepared.node, prepared.child)
    say(f"{key} of {run.called} runs again, with the inputs it had")
    if prepared.changed:
        words = listed([str(each) for each in prepared.changed])
        say(f"note: its code is not what it was: {words}")


class _Watch:
    """Remembers how the task ended; an observer."""

    def __init__(self, node: int) -> None:
        self._node = node
        self.ends: dict[int, Row] = {}

    def begin(self, engine: Engine) -> None:
        """Nothing is shown before."""

    def see(self, rows: Sequence[Row], lines: Sequence[Line]) -> None:
        """Keep the last row of the task, and of each of its children; pass on what they print."""
        for line in lines:
            print(plain(styled(line.text)), file=sys.stdout if line.stream == "stdout" else sys.stderr)
        for row in rows:
            if row[0] == self._node and (Status(row[3]).ended or row[3] in (RETRYING, PAUSED)):
                self.ends[row[1]] = row

    def end(self, outcome: Outcome) -> None:
        """The ends are read after the run."""


def _carried_out(prepared: Replay, values: dict[str, Any], *, pdb: bool, debug: bool) -> int:
    """Run it in this thread, and show what became of it."""
    plan, node = prepared.plan, prepared.node
    watch = _Watch(node)
    engine = Engine(
        plan,
        [LocalExecutor() for _ in plan.lanes],
        parameters=values,
        observers=[watch],
        earlier=prepared.earlier,
        capture=not pdb,  # what the task prints comes by us, line by line, without secrets, and safe
        switch_interval=None,
        manner=Manner(context=prepared.context),
    )
    outcome = engine.run()
    rows = [
        row for child, row in sorted(watch.ends.items()) if child >= 0 or node not in engine.machine.groups
    ]
    bad = [row for row in rows if Status(row[3]).bad]
    console = Console()
    for row in bad:
        if is_failure(row):
            console.say(block(engine, row, debug=debug, columns=console.width))
    _say_end(engine, rows, bad)
    for row in rows:
        if row[3] == SUCCESS:
            _show_value(engine, row)
    console.close()
    if pdb and bad:
        post_mortem(outcome)
    if outcome.interrupted is not None:
        return 128 + outcome.interrupted
    return 1 if bad or not rows else 0


def _say_end(engine: Engine, rows: Sequence[Row], bad: Sequence[Row]) -> None:
    if len(rows) == 1:
        node, child, _, status, started, ended, *_ = rows[0]
        word = f"{Status(status).symbol} {Status(status).word}"
        say(f"{word}: {shown(engine.plan.key(node, child))} after {duration(ended - started)}")
    elif rows:
        say(f"{len(rows) - len(bad):,} of {len(rows):,} children ended well")


def _show_value(engine: Engine, row: Row) -> None:
    """The value in short; it is data, and goes to stdout."""
    node, child = row[0], row[1]
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = _LONGEST
    text = short.repr(engine.value_of(node, child))
    put(MASK.text(text))
