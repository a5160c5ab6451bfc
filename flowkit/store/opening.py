"""The beginning of a run, or of another session of it, in the history.

Guarantees: a row that says a run goes on is never seen without the lock of its owner; whoever comes second
gets nothing; a run that cannot be begun leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import sqlite3
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowkit.plan.status import Status
from flowkit.store import owners
from flowkit.store.database import transaction
from flowkit.store.run_name import invent
from flowkit.store.run_status import RunStatus

PARAMETERS = -1  # the batch that has the values of the parameters
_STALE = json.dumps({"message": "It is to run again."})


@dataclass(frozen=True, kw_only=True)
class Session:
    """Who carries a run out now."""

    executor: str
    workers: int
    command: str
    flowkit: str


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What is known of a run when it begins.

    Attributes:
        ref: from where the flow is loaded; "" where it cannot be.
        parameters: each value as text, for people.
        asked: how it was started.
        outline: digest and bytes.
        codes: digest and parts of each code in it.
        values: a batch with the values of the parameters, made when the name of the run is known.
    """

    uid: str
    flow: str
    ref: str
    parameters: Mapping[str, Any]
    asked: Mapping[str, Any]
    outline: tuple[bytes, bytes]
    codes: Iterable[tuple[bytes, str]]
    values: bytes
    parent: int | None = None


@dataclass(frozen=True)
class Begun:
    """A session that has begun."""

    run: int
    session: int
    uid: str
    name: str
    batch: int = 0
    line: int = 0
    sessions: int = field(default=1)


def new_uid() -> str:
    """An identity of 32 hex digits: chance, then milliseconds since 1970.

    Chance comes first, so that four characters are nearly always enough to say which run is meant, however
    many there were in a minute; the first is a letter, so that they are not taken for the number of a run.
    In which order runs began their numbers say: earlier releases had the moment first, and nothing relies
    on either.
    """
    return f"{secrets.choice('abcdef')}{secrets.token_hex(10)[:19]}{time.time_ns() // 1_000_000:012x}"


def begin(connection: sqlite3.Connection, folder: Path, new: Beginning, session: Session) -> Begun:
    """Enter a new run, and take it.

    Raises:
        sqlite3.Error, OSError: nothing was written.
    """
    now = time.time()
    run: int | None = None
    try:
        with transaction(connection):
            run = _claimed_number(connection, folder)
            name = invent(lambda name: _has(connection, name))
            _keep_outline(connection, new.outline, new.codes)
            connection.execute(
                "INSERT INTO runs (number, uid, name, flow, ref, status, started, parameters, asked, outline,"
                " parent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run,
                    new.uid,
                    name,
                    new.flow,
                    new.ref,
                    RunStatus.RUNNING,
                    now,
                    json.dumps(new.parameters),
                    json.dumps(new.asked),
                    new.outline[0],
                    new.parent,
                ),
            )
            connection.execute("INSERT INTO results VALUES (?, ?, ?)", (run, PARAMETERS, new.values))
            _enter(connection, run, 1, session, now)
    except BaseException:
        if run is not None:
            owners.release(folder, run)
        raise
    return Begun(run, 1, new.uid, name)


def go_on(
    connection: sqlite3.Connection,
    folder: Path,
    run: int,
    session: Session,
    *,
    asked: Mapping[str, Any],
    outline: tuple[bytes, bytes],
    codes: Iterable[tuple[bytes, str]],
    parameters: Mapping[str, Any],
    values: bytes,
    stale: Iterable[tuple[int, int]] = (),
) -> Begun:
    """Enter another session of a run that was claimed already (see `owners.claim`).

    Args:
        stale: tasks and children that had ended, and must end anew: it is written that they wait, so that
            a session after this one does not take their old ends for good.

    Raises:
        sqlite3.Error: nothing was written.
    """
    now = time.time()
    with transaction(connection):
        _keep_outline(connection, outline, codes)
        uid, name, number = connection.execute(
            "SELECT uid, name, (SELECT COALESCE(MAX(session), 0) FROM sessions WHERE run=number)"
            " FROM runs WHERE number=?",
            (run,),
        ).fetchone()
        connection.execute(
            "UPDATE runs SET status=?, reason='', ended=NULL, exit_code=NULL, asked=?, outline=?,"
            " parameters=? WHERE number=?",
            (RunStatus.RUNNING, json.dumps(asked), outline[0], json.dumps(parameters), run),
        )
        connection.execute("REPLACE INTO results VALUES (?, ?, ?)", (run, PARAMETERS, values))
        _enter(connection, run, number + 1, session, now)
        connection.executemany(
            "REPLACE INTO attempts VALUES (?, ?, ?, 0, ?, ?, 0, NULL, ?, 0, ?)",
            [(run, node, child, Status.WAITING, now, _STALE, number + 1) for node, child in stale],
        )
        batch = max(_next(connection, "attempts", "batch", run), _next(connection, "results", "batch", run))
        line = _next(connection, "logs", "line", run)
    return Begun(run, number + 1, uid, name, batch, line, number + 1)


def keep_codes(connection: sqlite3.Connection, codes: Iterable[tuple[bytes, str]]) -> None:
    """Keep the parts of codes, in the transaction that is open."""
    connection.executemany("INSERT OR IGNORE INTO codes VALUES (?, ?)", codes)


def _keep_outline(
    connection: sqlite3.Connection, outline: tuple[bytes, bytes], codes: Iterable[tuple[bytes, str]]
) -> None:
    digest, text = outline
    row = connection.execute("SELECT document FROM outlines WHERE digest=?", (digest,)).fetchone()
    if row is None or not _is_of(row[0], text):
        connection.execute("REPLACE INTO outlines VALUES (?, ?)", (digest, zlib.compress(text, 1)))
    keep_codes(connection, codes)


def _is_of(document: Any, text: bytes) -> bool:
    """Whether what is kept is this text; it may be damaged. Compressing would take four times as long."""
    try:
        return zlib.decompress(document) == text
    except (zlib.error, TypeError):
        return False


def _claimed_number(connection: sqlite3.Connection, folder: Path) -> int:
    """The next number, taken; not one of a run that goes on with a history that was set aside."""
    # Above those that there are, and those that were forgotten, which SQLite counts unless that is damaged.
    query = (
        "SELECT MAX(COALESCE((SELECT MAX(number) FROM runs), 0), COALESCE((SELECT seq FROM"
        " sqlite_sequence WHERE name='runs' AND typeof(seq)='integer' AND seq<?), 0))"
    )
    number = 1 + connection.execute(query, (owners.CACHE_FROM,)).fetchone()[0]
    while not owners.claim(folder, number):
        number += 1
    return int(number)


def _has(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM runs WHERE name=?", (name,)).fetchone() is not None


def _next(connection: sqlite3.Connection, table: str, column: str, run: int) -> int:
    """The first number that is free, from 0 on; what is no number, and so damaged, does not count."""
    found = connection.execute(
        f"SELECT MAX({column}) FROM {table} WHERE run=? AND typeof({column})='integer'", (run,)
    ).fetchone()[0]
    return 0 if found is None else max(0, int(found) + 1)


def _enter(connection: sqlite3.Connection, run: int, number: int, session: Session, now: float) -> None:
    connection.execute(
        "INSERT INTO sessions (run, session, started, pid, host, boot, born, executor, workers, command,"
        " flowkit, python) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run,
            number,
            now,
            os.getpid(),
            owners.host(),
            owners.boot(),
            owners.born(os.getpid()),
            session.executor,
            session.workers,
            session.command,
            session.flowkit,
            platform.python_version(),
        ),
    )
