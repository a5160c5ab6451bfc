"""What an earlier session of a run, or another run, has left: attempts and results, by number in its rows."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from flowkit.plan.status import CACHED, SUCCESS
from flowkit.store import database, files
from flowkit.store.batch import NOTHING, Mark, Stored, unpacked
from flowkit.store.opening import PARAMETERS
from flowkit.store.results import Results

NAMES: Mark = (-1, -1, 1)  # of the entry that lists the parameters
_FEW = 32  # batches that are kept unpacked


class PastAttempt(NamedTuple):
    """A row of the table of attempts."""

    node: int
    child: int
    attempt: int
    status: int
    ended: float
    detail: str | None
    batch: int


class Readable:
    """Whose results can be had. A file is read when it is asked for: most are not needed any more."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._files: dict[Mark, str] = {}
        self._marks: set[Mark] = set()

    def add(self, mark: Mark, stored: Stored) -> None:
        """Know what is kept of a result."""
        if stored.kind == "f":
            self._files[mark] = stored.payload
        elif stored.kind != "x":
            self._marks.add(mark)

    def __contains__(self, mark: object) -> bool:
        name = self._files.pop(mark, None)  # type: ignore[call-overload]
        if name is not None and files.is_whole(self._results.folder, name, self._results.key):
            self._marks.add(mark)  # type: ignore[arg-type]
        return mark in self._marks


class Past:
    """One run, read only; safe to use from several threads.

    Args:
        connect: gives a connection to read; most runs never look anything up.
        uid: of the run.
        results: turns what was kept into values.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], run: int, uid: str, results: Results
    ) -> None:
        self._connect = connect
        self._run = run
        self._uid = uid
        self._results = results
        self._lock = threading.Lock()
        self._batches: OrderedDict[int, dict[Mark, Stored]] = OrderedDict()

    def attempts(self) -> Iterator[PastAttempt]:
        """All attempts; those of one task in the order in which they were made."""
        query = (
            "SELECT node, child, attempt, status, ended, detail, batch FROM attempts WHERE run=?"
            " ORDER BY session, attempt"
        )
        with self._reading() as connection:
            rows = connection.execute(query, (self._run,)).fetchall()
        return (PastAttempt(*row) for row in rows)

    def readable(self) -> Readable:
        """The attempts whose results can be had."""
        found = Readable(self._results)
        query = "SELECT batch, data FROM results WHERE run=? AND batch>=0"
        with self._reading() as connection:
            for batch, data in connection.execute(query, (self._run,)):
                for mark, stored in self._unpacked(batch, data).items():
                    found.add(mark, stored)
        return found

    def stored(self, node: int, child: int) -> Stored:
        """What is kept of the result of a task."""
        query = (
            "SELECT attempt, batch FROM attempts WHERE run=? AND node=? AND child=? AND status IN (?, ?)"
            " ORDER BY session DESC, attempt DESC LIMIT 1"
        )
        with self._reading() as connection:
            row = connection.execute(query, (self._run, node, child, SUCCESS, CACHED)).fetchone()
            if row is None:
                return NOTHING
            attempt, batch = row
            return self._batch(connection, batch).get((node, child, attempt), NOTHING)

    def stored_of(self, mark: Mark, batch: int) -> Stored:
        """What is kept of an attempt that came with this commit: of an iteration, say."""
        with self._reading() as connection:
            return self._batch(connection, batch).get(mark, NOTHING)

    def value(self, node: int, child: int) -> Any:
        """The result of a task.

        Raises:
            UnreadableError: it cannot be had.
        """
        return self._results.loaded(self.stored(node, child))

    def parameters(self) -> dict[str, Stored]:
        """What is kept of the values of the parameters, by name."""
        with self._reading() as connection:
            batch = self._batch(connection, PARAMETERS)
        listed = batch.get(NAMES)
        names: list[str] = json.loads(listed.payload) if listed is not None else []
        return {name: batch.get((place, -1, 1), NOTHING) for place, name in enumerate(names)}

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time.

        Raises:
            HistoryError: it cannot be read; where it is damaged, it is set aside.
        """
        with self._lock:
            connection = self._connect()
            with database.explained(database.path_of(connection)):
                yield connection

    def _batch(self, connection: sqlite3.Connection, batch: int) -> dict[Mark, Stored]:
        found = self._batches.get(batch)
        if found is not None:
            self._batches.move_to_end(batch)
            return found
        query = "SELECT data FROM results WHERE run=? AND batch=?"
        row = connection.execute(query, (self._run, batch)).fetchone()
        found = self._unpacked(batch, row[0]) if row is not None else {}
        self._batches[batch] = found
        if len(self._batches) > _FEW:
            self._batches.popitem(last=False)
        return found

    def _unpacked(self, batch: int, data: bytes) -> dict[Mark, Stored]:
        return dict(unpacked(data, f"{self._uid}/{batch}", self._results.key) or ())
