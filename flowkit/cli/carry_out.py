"""Carrying a prepared run out at the terminal: the display around it, its exit code after it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from flowkit.cli.console import Console
from flowkit.cli.debugger import post_mortem
from flowkit.cli.display import observers_for
from flowkit.cli.foresight import foreseeing
from flowkit.cli.run_options import RunOptions
from flowkit.cli.streams import said_by, set_apart
from flowkit.cli.watched import why_stopped
from flowkit.engine.context import given
from flowkit.engine.earlier import Earlier
from flowkit.engine.executors.base import Executor
from flowkit.engine.manner import Manner
from flowkit.engine.outcome import Outcome
from flowkit.errors import FlowkitError, UsageError
from flowkit.logs import show_logs
from flowkit.plan.durations import Durations
from flowkit.plan.plan import Plan
from flowkit.project.settings import Settings
from flowkit.runs.memory import Kept
from flowkit.runs.start import Options, prepare

_RECORD = "%(levelname)s %(message)s"  # the gutter says which task, the display what time it is
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def refuse_unusable(options: RunOptions) -> None:
    """Raise now what would else leave a run in the history that never began.

    Raises:
        UsageError: a time or a file that cannot be used.
    """
    if options.timeout is not None:
        seconds_of(options.timeout)
    if options.junit is not None:
        from flowkit.cli.junit import refuse_unwritable

        refuse_unwritable(options.junit)


def carry_out(
    name: str,
    plan: Plan,
    values: dict[str, object],
    executors: Sequence[Executor],
    options: RunOptions,
    chosen: Settings,
    kept: Kept | None,
    earlier: Earlier | None = None,
    *,
    careful: bool = False,
    durations: Durations | None = None,
    context: Mapping[str, Any] | None = None,
) -> int:
    """Run a plan, show it, and return the exit code.

    Args:
        name: what `flowkit run` was given.
        kept: what remembers the run; None: nobody.
        earlier: what is known already.
        careful: no task begins before that is committed.
        durations: of earlier runs, to tell when this one ends.
        context: more keys for `flowkit.context`.

    Raises:
        FlowkitError: the output, or the history, could not be written.
    """
    show_logs(chosen.logging.level, everyones=True, form=_RECORD)
    with set_apart() as (data, terminal):
        console = Console(stdout=data, stderr=terminal)
        try:
            how = replace(
                _options(console, name, executors, durations, options, chosen, kept),
                careful=careful,
                manner=Manner(context={**given(), **(context or {})}),
            )
            if kept is not None:
                kept.record.why_stopped = why_stopped
            engine = prepare(plan, values, executors, how, kept, earlier)
            with closing(console), said_by(console):
                outcome = engine.run()
        except FlowkitError as error:
            if kept is not None:
                kept.record.fail(error.message)
            raise
    return _ended(outcome, console, options, kept)


def _options(
    console: Console,
    name: str,
    executors: Sequence[Executor],
    durations: Durations | None,
    options: RunOptions,
    chosen: Settings,
    kept: Kept | None,
) -> Options:
    observers = observers_for(
        console=console,
        name=name,
        run=kept.record.begun.name if kept is not None else "",
        workers=executors[0].workers,
        command=shlex.join(["flowkit", *sys.argv[1:]]),
        output=chosen.output,
        json=options.as_json,
        junit=options.junit,
        quiet=options.quiet,
        verbose=options.verbose,
        debug=options.debug,
        foresees=foreseeing(durations),
    )
    return Options(
        observers=observers,
        fail_fast=options.fail_fast,
        timeout=chosen.run.timeout if options.timeout is None else seconds_of(options.timeout),
        capture=True,
        switch_interval=chosen.switch_interval,
        limits=chosen.limits,
        forgets=not options.pdb,
    )


def _ended(outcome: Outcome, console: Console, options: RunOptions, kept: Kept | None) -> int:
    if options.pdb:
        post_mortem(outcome)
    if console.out.failed is not None:
        raise FlowkitError(f"the output cannot be written: {console.out.failed}")
    stranded = outcome.engine.stranded
    if stranded is not None and outcome.broken is None:
        number = outcome.engine.number
        then = () if number is None else (f"`flowkit resume {number}` goes on with this run",)
        raise type(stranded)(stranded.message, hints=(*stranded.hints, *then))
    if isinstance(outcome.broken, FlowkitError):
        number = outcome.engine.number
        raise FlowkitError(
            outcome.broken.message,
            hints=(*outcome.broken.hints, f"then `flowkit resume {number}` goes on with this run"),
        )
    if outcome.broken is not None:  # a bug of ours, or of the system's
        raise outcome.broken
    recorded = kept.record.exit_code if kept is not None else None
    code = outcome.exit_code if recorded is None else recorded
    # At exit Python would wait for what the tasks left behind have started.
    if outcome.left_behind or outcome.engine.interrupts.insisted:
        os._exit(code)
    return code


def seconds_of(text: str) -> float:
    """Seconds from `90`, `90s`, `5m` or `1h`.

    Raises:
        UsageError: it is not a time.
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in "smh" and text else (text, "")
    try:
        seconds = float(number) * _UNITS[unit]
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"`--timeout {text}` is not a time", hints=("for example 90, 90s, 5m or 1h",))
    return seconds
