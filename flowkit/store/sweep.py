"""Runs whose process is gone: found by the next command, without a daemon, and recorded as crashed.

Guarantees: a run that lives is never taken for dead, as its owner's lock is held by the kernel for as long
as its process lives, and is held here while its end is written; what cannot be written is still reported.
Relies on: who begins a run has its lock before the row can be seen (see opening.py).
"""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

from flowkit.errors import HistoryError
from flowkit.plan.status import RUNNING, Status
from flowkit.store import database, files, owners
from flowkit.store.counts import LAST_ATTEMPTS, counted
from flowkit.store.history import History
from flowkit.store.records import (
    RUN_COLUMNS,
    RunRecord,
    SessionRecord,
    run_record,
    unpacked_outline,
)
from flowkit.store.run_status import RunStatus

REASON = "its process was gone"
CANCELLED_BY_COMMAND = "cancelled by flowkit cancel"  # what `flowkit cancel` writes before it kills
_LOST = json.dumps({"lost": True, "message": "The process that ran it was gone."})
_PATIENCE = 2000  # milliseconds that a command waits for other writers, before it only reports


def sweep(folder: Path) -> list[RunRecord]:
    """Record the runs whose process is gone as crashed.

    Args:
        folder: the state folder.

    Returns:
        Those runs as they are now; where nothing can be written, as they would be.

    Raises:
        HistoryError: the history cannot be read.
    """
    with History(folder) as history:
        dead = [run for run in _going_on(history) if not lives(folder, history, run)]
    found = _recorded(folder, dead) if dead else []
    if found:
        files.sweep(folder / files.FOLDER)
    return found


def _going_on(history: History) -> list[RunRecord]:
    """The runs that are written as going on; none where the history was damaged and is set aside now."""
    try:
        return history.runs(status=RunStatus.RUNNING)[::-1]
    except HistoryError:
        if history.path.exists():
            raise
        return []


def lives(folder: Path, history: History, run: RunRecord) -> bool:
    """Whether somebody carries a run out; this does not take its lock for longer than the question."""
    try:
        return owners.is_owned(folder, run.number)
    except OSError:  # the folder is read-only: no lock can be tried
        return _is_there(history.sessions(run))


def _is_there(sessions: list[SessionRecord]) -> bool:
    """Whether the process of the last session is there, as far as can be seen without its lock."""
    if not sessions or sessions[-1].host != owners.host():
        return True  # of another machine nothing can be seen
    last = sessions[-1]
    if last.boot != owners.boot():
        return False
    if last.born:
        return owners.born(last.pid) == last.born
    try:
        os.kill(last.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _recorded(folder: Path, runs: list[RunRecord]) -> list[RunRecord]:
    path = folder / database.FILE
    presumed = [replace(run, status=RunStatus.CRASHED, reason=REASON) for run in runs]
    try:
        connection = database.open_to_write(path)
    except HistoryError:
        return presumed
    try:
        connection.execute(f"PRAGMA busy_timeout={_PATIENCE}")
        return [ended for run in runs if (ended := _end(connection, folder, run.number)) is not None]
    except (sqlite3.Error, OSError):
        return presumed
    finally:
        connection.close()


def _end(connection: sqlite3.Connection, folder: Path, run: int) -> RunRecord | None:
    """Record the end of a run; None where somebody goes on with it, or has recorded it, meanwhile."""
    if not owners.claim(folder, run):
        return None
    try:
        with database.transaction(connection):
            found = connection.execute("SELECT status, reason FROM runs WHERE number=?", (run,)).fetchone()
            if found is None or found[0] != RunStatus.RUNNING:
                return None
            _write_end(connection, run, cancelled=found[1] == CANCELLED_BY_COMMAND)
        row = connection.execute(f"SELECT {RUN_COLUMNS} FROM runs WHERE number=?", (run,)).fetchone()
        return run_record(row)
    finally:
        owners.release(folder, run)


def _write_end(connection: sqlite3.Connection, run: int, *, cancelled: bool) -> None:
    at = _last_sign(connection, run)
    connection.execute(
        "UPDATE attempts SET status=?, ended=MAX(started, ?), detail=? WHERE run=? AND status=?",
        (Status.CANCELLED, at, _LOST, run, RUNNING),
    )
    connection.execute("UPDATE sessions SET ended=MAX(started, ?) WHERE run=? AND ended IS NULL", (at, run))
    status, reason = RunStatus.CRASHED, REASON
    if cancelled:
        status, reason = RunStatus.CANCELLED, CANCELLED_BY_COMMAND
    connection.execute(
        "UPDATE runs SET status=?, reason=?, ended=MAX(started, ?), counts=?,"
        " bytes=(SELECT COALESCE(SUM(size), 0) FROM files WHERE owner=?) WHERE number=?",
        (status, reason, at, json.dumps(_counts(connection, run)), f"run {run}", run),
    )


def _last_sign(connection: sqlite3.Connection, run: int) -> float:
    """The latest time that is known of a run."""
    row = connection.execute(
        "SELECT MAX(COALESCE((SELECT MAX(MAX(started, ended)) FROM attempts WHERE run=:run), 0),"
        " COALESCE((SELECT MAX(at) FROM logs WHERE run=:run), 0),"
        " COALESCE((SELECT MAX(MAX(started, COALESCE(ended, 0))) FROM sessions WHERE run=:run), 0))",
        {"run": run},
    ).fetchone()
    return float(row[0])


def _counts(connection: sqlite3.Connection, run: int) -> dict[str, int]:
    """How many tasks ended how, of mapped tasks their children, without what only carries values."""
    document = connection.execute(
        "SELECT document FROM runs JOIN outlines ON digest=outline WHERE number=?", (run,)
    ).fetchone()
    outline = unpacked_outline(document[0]) if document else {}
    return counted(connection.execute(LAST_ATTEMPTS, (run, run)), outline, is_over=True)
