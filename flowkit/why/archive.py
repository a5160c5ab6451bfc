"""The runs of the past, opened to be compared: what their tasks were made from, and what they gave.

Guarantees: nothing is written, no user code is loaded, nothing is unpickled; what is not kept any more is
said to be unknown, never taken for equal or for different.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from flowkit.errors import HistoryError
from flowkit.fingerprint import Part
from flowkit.plan.outline import Outline, ids_of, restored
from flowkit.plan.status import CACHED, SUCCESS
from flowkit.project.settings import user_folder
from flowkit.store import database, files, key
from flowkit.store.batch import NOTHING, Stored
from flowkit.store.history import History
from flowkit.store.past import Past
from flowkit.store.records import (
    ATTEMPT_COLUMNS,
    IN_ORDER,
    RUN_COLUMNS,
    AttemptRecord,
    ChildrenRecord,
    RunRecord,
    attempt_record,
    run_record,
)
from flowkit.store.results import Results

LOOKED_AT = 50  # earlier runs, the latest first
_ONE_BY_ONE = 20  # tasks that are looked up for themselves, until all of a run are at once


class Archive:
    """The history of a project with the bytes of its results.

    Args:
        folder: the state folder.
        history: of that folder, open.
    """

    def __init__(self, folder: Path, history: History) -> None:
        self.folder = folder
        self.history = history
        self._runs: dict[int, PastRun] = {}
        self._parts: dict[str, list[Part]] = {}

    def close(self) -> None:
        """Let go of the file."""
        connection = self.__dict__.pop("_connection", None)
        if connection is not None:
            connection.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, record: RunRecord) -> PastRun:
        """A run, to be looked into."""
        return self._runs.setdefault(record.number, PastRun(self, record))

    def numbered(self, number: int) -> RunRecord | None:
        """The run of a number; None where it is forgotten."""
        rows = self.rows(f"SELECT {RUN_COLUMNS} FROM runs WHERE number=?", (number,))
        return run_record(rows[0]) if rows else None

    def earlier(self, flow: str, before: int | None = None) -> Iterator[PastRun]:
        """The runs of a flow before one, the latest first; not more than `LOOKED_AT`.

        Args:
            before: a number; None: all runs are earlier.
        """
        query = f"SELECT {RUN_COLUMNS} FROM runs WHERE flow=? AND number<? ORDER BY number DESC LIMIT ?"
        limit = before if before is not None else 1 << 62
        for row in self.rows(query, (flow, limit, LOOKED_AT)):
            yield self.run(run_record(row))

    def parts(self, code: str) -> list[Part]:
        """The parts of a code, by its digest; none where they are not known."""
        found = self._parts.get(code)
        if found is None:
            rows = self.rows("SELECT parts FROM codes WHERE digest=?", (bytes.fromhex(code),))
            found = self._parts[code] = parts_of(rows[0][0]) if rows else []
        return found

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query finds; nothing where there is no history.

        Raises:
            HistoryError: it cannot be read.
        """
        return list(self.each(query, values))

    def each(self, query: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The same, row by row, for what may be much.

        Raises:
            HistoryError: it cannot be read.
        """
        with database.explained(self.history.path):
            if self._connection:
                yield from self._connection.execute(query, values)

    def past(self, run: RunRecord) -> Past:
        """What a run has left in bytes."""
        return Past(self._connect, run.number, run.uid, self.results)

    @cached_property
    def results(self) -> Results:
        """The results of the project; their bytes only, as nothing is unpickled here."""
        folder = user_folder(os.environ)
        there = folder is not None and (folder / key.FILE).exists()
        return Results(self.folder / files.FOLDER, key.load(folder) if there else None)

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            raise HistoryError(f"the history `{self.history.path}` is gone")
        return self._connection

    @cached_property
    def _connection(self) -> sqlite3.Connection | None:
        return database.open_to_read(self.history.path)


class PastRun:
    """A run of the past. Nodes are those of its outline, which the rows of a run that went on number anew."""

    def __init__(self, archive: Archive, record: RunRecord) -> None:
        self.archive = archive
        self.record = record
        self._last: dict[tuple[int, int], AttemptRecord | None] = {}
        self._asked = 0

    @property
    def number(self) -> int:
        """What people call it by."""
        return self.record.number

    @property
    def called(self) -> str:
        """`run 41 (calm-fox)`."""
        return f"run {self.record.number} ({self.record.name})"

    @cached_property
    def outline(self) -> Outline:
        """Its outline, with numbers as the keys of tables; empty where it is not known."""
        found = self.archive.history.outline(self.record)
        return restored(found) if found else {}

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """A digest of each parameter's value."""
        found = self.record.asked.get("digests")
        return found if isinstance(found, dict) else {}

    @cached_property
    def nodes(self) -> dict[str, int]:
        """Its nodes by key."""
        keys = self.outline.get("keys", ())
        return {keys[number]: node for node, number in enumerate(ids_of(self.outline))} if keys else {}

    @cached_property
    def places(self) -> dict[int, int]:
        """Its nodes by their numbers in its rows."""
        return {number: node for node, number in enumerate(ids_of(self.outline))} if self.outline else {}

    def key(self, node: int, child: int = -1) -> str:
        """`clean`, or `clean[3]`."""
        return self.archive.history.key(self.record, ids_of(self.outline)[node], child)

    def took(self, node: int) -> bool:
        """Whether a task was not selected, and its result taken from an earlier run."""
        return self.key(node) in (self.record.asked.get("given") or ())

    @property
    def is_selection(self) -> bool:
        """Whether only some tasks of the flow were selected."""
        return self.record.asked.get("only") is not None

    def code(self, node: int) -> str:
        """The digest of the code of a task."""
        found: str = self.outline["codes"][self.outline["code"][node]]
        return found

    def parts(self, node: int) -> list[Part]:
        """What the code of a task is made of."""
        return self.archive.parts(self.code(node))

    def attempts(self, node: int, child: int = -1) -> list[AttemptRecord]:
        """The attempts of a task, or of a child of a mapped one, in order; attempt 0: decided without one."""
        rows = self.archive.rows(
            f"SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE run=? AND node=? AND child=? AND attempt>=0"
            f" ORDER BY {IN_ORDER}",
            (self.number, ids_of(self.outline)[node], child),
        )
        return [attempt_record(self.key(node, child), row) for row in rows]

    def last(self, node: int, child: int = -1) -> AttemptRecord | None:
        """How a task ended, or stands; None where it was never reached."""
        mark = (node, child)
        if mark not in self._last:
            self._asked += 1
            if self._asked == _ONE_BY_ONE:
                self._last.update(self._last_of_all())
            found = self.attempts(node, child) if self._asked < _ONE_BY_ONE or child >= 0 else ()
            self._last.setdefault(mark, found[-1] if found else self._given.get(mark))
        return self._last[mark]

    def _last_of_all(self) -> dict[tuple[int, int], AttemptRecord]:
        """How every task ended that was reached; a mapped one as a whole."""
        rows = self.archive.rows(
            f"SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE run=? AND child=-1 AND attempt>=0"
            f" ORDER BY {IN_ORDER}",
            (self.number,),
        )
        places = self.places
        return {
            (places[row[0]], -1): attempt_record(self.key(places[row[0]]), row)
            for row in rows
            if row[0] in places
        }

    def children(self, node: int) -> list[AttemptRecord]:
        """The last attempts of the children of a mapped task, in order."""
        attempts = self.archive.history.attempts(self.record, ids_of(self.outline)[node])
        given = [each for (number, child), each in self._given.items() if number == node]
        found = {each.child: each for each in (*given, *attempts) if each.child >= 0}
        return [found[child] for child in sorted(found)]

    @cached_property
    def counts(self) -> dict[int, ChildrenRecord]:
        """How the children of each mapped task that has some ended."""
        found = self.archive.history.children(self.record)
        return {self.places[number]: many for number, many in found.items() if number in self.places}

    def width(self, node: int) -> int:
        """How many children a mapped task has; -1 where that is not known."""
        found = self.archive.history.width(self.record, ids_of(self.outline)[node])
        return -1 if found is None else found

    def origin(self, node: int, child: int = -1) -> Mapping[str, Any] | None:
        """Key and inputs of a task that asked the cache; None where it did not."""
        last = self.last(node, child)
        return origin_of(last) if last is not None else None

    @cached_property
    def _given(self) -> dict[tuple[int, int], AttemptRecord]:
        """The tasks and children whose states a caller has given."""
        found = self.archive.history.given(self.record)
        return {(self.places[number], child): each for (number, child), each in found.items()}

    def has_result(self, node: int, child: int = -1) -> bool:
        """Whether a task gave something."""
        last = self.last(node, child)
        return last is not None and last.attempt > 0 and last.status in (SUCCESS, CACHED)

    def stored(self, node: int, child: int = -1) -> Stored:
        """What is kept of the result of a task."""
        if not self.has_result(node, child):
            return NOTHING
        return self._past.stored(ids_of(self.outline)[node], child)

    @cached_property
    def _past(self) -> Past:
        return self.archive.past(self.record)


def origin_of(attempt: AttemptRecord) -> Mapping[str, Any] | None:
    """What an attempt remembers of the cache: `key` and `inputs`, and where it was found."""
    origin = attempt.detail.get("origin")
    if not isinstance(origin, dict) or not isinstance(origin.get("key"), str):
        return None
    inputs = origin.get("inputs")
    whole = isinstance(inputs, list) and all(isinstance(each, list) and len(each) == 3 for each in inputs)
    return origin if whole else None


def parts_of(text: str) -> list[Part]:
    """Parts as they are written; none where that is damaged."""
    try:
        return [Part(*part) for part in json.loads(text)]
    except (ValueError, TypeError):
        return []


def equal(before: Stored, after: Stored) -> bool | None:
    """Whether two results are kept as the same bytes; None where one of them is not kept."""
    if not (before.is_kept and after.is_kept):
        return None
    if before.kind == "p" or after.kind == "p":
        # `repr`, as 1, 1.0 and True are not the same, and nan is.
        return before.kind == after.kind and repr(before.payload) == repr(after.payload)
    return before.kind == after.kind and bool(before.payload == after.payload)
