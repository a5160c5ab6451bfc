"""`flowkit cancel RUN`: stops a run of another process of this machine.

Guarantees: a signal reaches only the process that has the run's lock, on this machine, and was born when
the run says; the wish is written first, so that the run is Cancelled, however its process ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from flowkit.cli import moments
from flowkit.cli.past import Run, history_here
from flowkit.cli.place import say
from flowkit.errors import FlowkitError, UsageError
from flowkit.store import database, owners
from flowkit.store.history import History
from flowkit.store.records import RunRecord, SessionRecord
from flowkit.store.run_status import RunStatus
from flowkit.store.sweep import CANCELLED_BY_COMMAND, sweep

_PATIENCE = 5.0  # seconds
_POLL = 0.05


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cancel")(cancel)


def cancel(
    run: Run,
    force: Annotated[bool, typer.Option("--force", help="Kill it: what it is doing is lost.")] = False,
) -> None:
    """Stop a run of another process."""
    with history_here() as history:
        found = history.find(run)
        folder = history.path.parent
        with _process_of(history, found) as send:
            _wish(history.path, found)
            send(signal.SIGKILL if force else signal.SIGTERM)
        _say_outcome(_awaited(history, folder, found))


@contextlib.contextmanager
def _process_of(history: History, run: RunRecord) -> Iterator[Callable[[signal.Signals], None]]:
    """What sends a signal to the process of a run, and to no other one that gets its number later.

    Raises:
        UsageError: it does not go on, or not where it could be reached.
    """
    if run.status is not RunStatus.RUNNING or not owners.is_owned(history.path.parent, run.number):
        raise _not_running(run)
    session = history.sessions(run)[-1]
    if session.host != owners.host() or session.boot != owners.boot():
        raise _elsewhere(run, session)
    try:
        handle = os.pidfd_open(session.pid) if hasattr(os, "pidfd_open") else None
    except OSError:
        raise _elsewhere(run, session) from None
    try:
        if owners.born(session.pid) != session.born:
            raise _elsewhere(run, session)
        yield lambda wanted: _send(handle, session.pid, wanted)
    finally:
        if handle is not None:
            os.close(handle)


def _send(handle: int | None, pid: int, wanted: signal.Signals) -> None:
    try:
        with contextlib.suppress(ProcessLookupError):  # it came to its end meanwhile
            if handle is not None:
                signal.pidfd_send_signal(handle, wanted)
            else:
                os.kill(pid, wanted)
    except PermissionError:
        raise UsageError(f"process {pid} belongs to another user") from None


def _wish(path: Path, run: RunRecord) -> None:
    """Write that the run is to be cancelled; its process reads it when it ends."""
    with database.explained(path), contextlib.closing(database.open_to_write(path)) as connection:
        connection.execute(
            "UPDATE runs SET reason=? WHERE number=? AND status=?",
            (CANCELLED_BY_COMMAND, run.number, RunStatus.RUNNING),
        )


def _awaited(history: History, folder: Path, run: RunRecord) -> RunRecord:
    """The run when it has ended, or as it is after five seconds."""
    until = time.monotonic() + _PATIENCE
    while True:
        now = history.find(str(run.number))
        if now.status is not RunStatus.RUNNING or time.monotonic() > until:
            return now
        if not owners.is_owned(folder, run.number):
            sweep(folder)
        time.sleep(_POLL)


def _say_outcome(run: RunRecord) -> None:
    if run.status is RunStatus.RUNNING:
        raise FlowkitError(
            f"run {run.number} ({run.name}) has not ended after {_PATIENCE:.0f} seconds",
            hints=(f"`flowkit cancel {run.number} --force` kills it",),
        )
    if run.status is RunStatus.CANCELLED:
        say(f"run {run.number} ({run.name}) is cancelled")
        say(f"hint: `flowkit resume {run.number}` goes on with it")
    else:
        say(f"run {run.number} ({run.name}) had ended before: {run.status.word}")


def _not_running(run: RunRecord) -> UsageError:
    when = moments.ago(time.time() - run.ended) if run.ended is not None else ""
    return UsageError(f"run {run.number} ({run.name}) is not running: {run.status.word} {when}".rstrip())


def _elsewhere(run: RunRecord, session: SessionRecord) -> UsageError:
    return UsageError(
        f"run {run.number} ({run.name}) goes on in process {session.pid} on `{session.host}`,"
        " which cannot be reached from here",
        hints=("say it there",),
    )
