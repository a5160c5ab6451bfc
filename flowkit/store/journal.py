"""The journal of one run: what happened, committed before anyone is told.

Guarantees: the row that says Success and the result that it speaks of are in one commit; a row that was
committed is never lost to the death of a process. Relies on: one thread at a time.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from flowkit.plan.events import Detail, Row
from flowkit.plan.failure import document_of
from flowkit.plan.status import CACHED, CANCELLED, EXPANDED, LOOPED, RUNNING, SUCCESS
from flowkit.store.batch import NOTHING, Batch, Stored
from flowkit.store.cache_entry import CacheEntry
from flowkit.store.database import transaction
from flowkit.store.run_status import RunStatus

# Rows a statement. `executemany` would give the interpreter up at each row; of few lengths, so that
# SQLite finds its prepared statements again.
_CHUNKS = (256, 32, 4, 1)

# Bytes of pickles in a batch, until there is another one: what SQLite copies three times should be found in
# the processor's cache, and who asks for one result reads no more than that.
_FULL = 100_000

# Bytes. The allocator of glibc gives memory back to the system beyond twice the largest block that was ever
# freed, or 128 KiB, and each batch would have to fetch it anew: a page fault for every third result.
_BLOCK = 4 << 20

_ATTEMPT = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LOG = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"
_GOOD = (SUCCESS, CACHED)
_UNWRITTEN = json.dumps({"message": "How it ended could not be written."})


class LoggedLine(NamedTuple):
    """A line that a task printed or logged, or its run (`RUN`); `at` in seconds of the run's clock."""

    call: tuple[int, int, int]
    at: float
    stream: str
    level: int
    text: str


class Journal:
    """Writes what happens in one session of a run.

    Args:
        connection: to write, used by this journal alone.
        run, session: their numbers.
        uid: of the run, part of the signatures.
        key: that results are signed with; b"" where there is none.
        offset: seconds from the run's clock to that of the wall, found out once a session.
        batch, line: the first numbers that are free.
        ids: the number of each node in the rows of the run, where that is not its own.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        run: int,
        session: int,
        uid: str,
        key: bytes,
        offset: float,
        *,
        batch: int = 0,
        line: int = 0,
        ids: Sequence[int] | None = None,
    ) -> None:
        self.run = run
        self.session = session
        self._connection = connection
        self._uid = uid
        self._key = key
        self._offset = offset
        self._batch = batch
        self._line = line
        self._ids = ids
        self._statements: dict[tuple[str, int], str] = {}
        bytes(_BLOCK)
        # What nearly all attempts are: a first one of a task without children, that succeeded, and of which
        # there is no more to say. Half the parameters, each of which costs as much as a column.
        self._usual = f"({int(run)}, ?, -1, 1, {int(SUCCESS)}, ?, ?, ?, NULL, ?, {int(session)})"

    def append(
        self,
        rows: Sequence[Row],
        kept: Mapping[tuple[int, int], Stored],
        values: Any,
        lines: Sequence[LoggedLine] = (),
        entries: Sequence[CacheEntry] = (),
    ) -> None:
        """Commit what happened.

        Args:
            rows: as in plan/events.py.
            kept: what is kept of the results that are not plain values.
            values: of the nodes; for a mapped one the list of its children's.
            entries: for the cache.

        Raises:
            sqlite3.Error, OSError: nothing of it was written.
        """
        batches: list[Batch] = []
        usual, others = self._attempts(rows, kept, values, batches)
        with transaction(self._connection):
            self._insert("REPLACE INTO attempts VALUES", self._usual, usual)
            self._insert("REPLACE INTO attempts VALUES", _ATTEMPT, others)
            for number, batch in enumerate(batches, self._batch):
                data = batch.packed(f"{self._uid}/{number}", self._key) if batch else b""
                if data:
                    self._connection.execute("INSERT INTO results VALUES (?, ?, ?)", (self.run, number, data))
            self._files([stored for stored in kept.values() if stored.kind == "f"])
            if lines:
                self._log(lines)
            for entry in entries:
                entry.insert(self._connection)
        self._batch += len(batches)

    def end(
        self,
        status: RunStatus,
        reason: str,
        exit_code: int,
        counts: Mapping[str, int],
        span: tuple[float, float] | None = None,
    ) -> None:
        """Commit how the run ended.

        Args:
            span: when its tasks could first start, and when it was over, on the clock of the rows: how long
                the session is said to have taken, here as in its summary; default: as long as it was open.

        Raises:
            sqlite3.Error: nothing was written.
        """
        began, ended = None, time.time()
        if span is not None:
            began, ended = (moment + self._offset for moment in span)
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE runs SET status=?, reason=?, ended=MAX(?, started), exit_code=?, counts=?,"
                " bytes=(SELECT COALESCE(SUM(size), 0) FROM files WHERE owner=?) WHERE number=?",
                (status, reason, ended, exit_code, json.dumps(counts), owner(self.run), self.run),
            )
            self._connection.execute(
                "UPDATE sessions SET started=COALESCE(?1, started), ended=MAX(?2, COALESCE(?1, started)),"
                " exit_code=?3 WHERE run=?4 AND session=?5",
                (began, ended, exit_code, self.run, self.session),
            )

    def lose_what_runs(self) -> None:
        """Attempts began whose ends could not be written: they are made again."""
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE attempts SET status=?, ended=MAX(?, started), detail=? WHERE run=? AND status=?",
                (CANCELLED, time.time(), _UNWRITTEN, self.run, RUNNING),
            )

    def used(self, keys: Iterable[bytes]) -> None:
        """Entries of the cache were found."""
        now = time.time()
        with transaction(self._connection):
            for key in keys:
                self._connection.execute("UPDATE cache SET used=? WHERE key=?", (now, key))

    def _attempts(
        self,
        rows: Sequence[Row],
        kept: Mapping[tuple[int, int], Stored],
        values: Any,
        batches: list[Batch],
    ) -> tuple[list[Any], list[Any]]:
        """The parameters of the statements, one after another: of the usual attempts, and of others. One that
        began and ended since the last commit is one row.

        Args:
            batches: takes the results.
        """
        ids, run, session, offset = self._ids, self.run, self.session, self._offset
        running: dict[tuple[int, int], Row] = {}
        usual: list[Any] = []
        others: list[Any] = []
        add_usual, add = usual.extend, others.extend
        looped: dict[tuple[int, int], Row] = {}
        batch = Batch()
        batches.append(batch)
        place = self._batch
        for row in rows:
            node, child, attempt, status, started, ended, worker, detail = row
            mark = (node, child)
            if status == RUNNING:
                running[mark] = row
                continue
            if running:
                running.pop(mark, None)
            number = node if ids is None else ids[node]
            if status in _GOOD:
                if looped:
                    looped.pop(mark, None)
                stored = kept.get(mark) if kept else None
                if stored is None:
                    value = values[node] if child < 0 else values[node][child]
                    batch.add_plain(number, child, attempt, value)
                else:
                    if batch.size > _FULL:
                        batch = Batch()
                        batches.append(batch)
                        place += 1
                    batch.add(number, child, attempt, stored)
                if detail is None and status == SUCCESS and child < 0 and attempt == 1:
                    add_usual((number, started + offset, ended + offset, worker, place))
                    continue
            elif status == EXPANDED:
                detail, attempt = attempt, -1
            elif status == LOOPED:
                looped[mark] = row
            said = None if detail is None else _detail(detail)
            times = (started + offset, ended + offset)
            add((run, number, child, attempt, status, *times, worker, said, place, session))
        for (node, child), row in looped.items():  # of a loop, only the last result is gone on with
            number = node if ids is None else ids[node]
            batch.add(number, child, row[2], kept.get((node, child), NOTHING))
            times = (row[4] + offset, row[5] + offset)
            add((run, number, child, row[2], LOOPED, *times, row[6], _detail(row[7]), place, session))
        for node, child, attempt, status, started, _, _, _ in running.values():
            number = node if ids is None else ids[node]
            add((run, number, child, attempt, status, started + offset, 0.0, None, None, place, session))
        return usual, others

    def _files(self, stored: Iterable[Stored]) -> None:
        for each in stored:
            self._connection.execute(
                "INSERT OR IGNORE INTO files VALUES (?, ?, ?)", (each.payload, owner(self.run), each.size)
            )

    def _log(self, lines: Sequence[LoggedLine]) -> None:
        run, offset, first = self.run, self._offset, self._line
        ids = self._ids
        params: list[Any] = []
        for number, line in enumerate(lines, first):
            node, child, attempt = line.call
            node = node if ids is None or node < 0 else ids[node]
            at = line.at + offset
            params += (run, number, node, child, attempt, at, line.stream, line.level, line.text)
        self._line += len(lines)
        self._insert("INSERT INTO logs VALUES", _LOG, params)

    def _insert(self, statement: str, row: str, params: list[Any]) -> None:
        """Insert rows, many a statement.

        Args:
            row: with a `?` for each parameter.
        """
        start = 0
        for size in _CHUNKS:
            step = size * row.count("?")
            while len(params) - start >= step:
                sql = self._statements.get((row, size))
                if sql is None:
                    sql = self._statements[row, size] = f"{statement} {', '.join([row] * size)}"
                self._connection.execute(sql, params[start : start + step])
                start += step


def owner(run: int) -> str:
    """What the table of files calls a run."""
    return f"run {run}"


def _detail(detail: Any) -> str:
    """A detail as JSON: what a state's message says, why it failed, the wait before the next attempt."""
    if isinstance(detail, str):
        return json.dumps({"message": detail})
    if isinstance(detail, int):
        return json.dumps({"width": detail})
    is_bare = not (detail.message or detail.failure or detail.iteration or detail.memory)
    is_bare = is_bare and detail.retry_in is None
    if not detail.origin:
        return "{}" if is_bare else json.dumps(_known(detail))
    if is_bare:
        return f'{{"origin": {detail.origin}}}'
    return f'{json.dumps(_known(detail))[:-1]}, "origin": {detail.origin}}}'


def _known(detail: Detail) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if detail.message:
        found["message"] = detail.message
    if detail.retry_in is not None:
        found["retry_in"] = detail.retry_in
    if detail.iteration is not None:
        found["iteration"] = detail.iteration.number
    if detail.memory:
        found["memory"] = detail.memory
    if detail.failure is not None:
        found["failure"] = document_of(detail.failure)
    return found
