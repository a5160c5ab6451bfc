"""A history as runs leave it, made by the very code that runs use, without running anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from flowkit.plan.events import Detail, Failure, Row
from flowkit.plan.status import CACHED, FAILED, MAPPED, RUNNING, SUCCESS
from flowkit.store import database, files, opening, owners
from flowkit.store.batch import Stored
from flowkit.store.cache_entry import said_of
from flowkit.store.journal import Journal, LoggedLine
from flowkit.store.opening import Beginning, Session
from flowkit.store.run_status import RunStatus

KEYS = ("load", "clean", "report")
SIGNED = b"k" * 32
BEGAN = 1_790_000_000.0
WHO = Session(executor="threads", workers=2, command="flowkit run etl", flowkit="0.1.0")
BOOM = Failure(
    "error",
    "ValueError",
    "negative price: -3",
    "Traceback (most recent call last):\n"
    '  File "flows/etl.py", line 31, in clean\n'
    "ValueError: negative price: -3\n",
    "flows/etl.py:31 in clean",
)
FOUND = said_of(b"key", "[]", run=1, attempt=1, made=int(BEGAN))


def row(
    node: int, status: int, *, child: int = -1, attempt: int = 1, took: float | None = 1.0, detail: Any = None
) -> Row:
    """What the machine tells of an attempt, which began when the history did."""
    ended = 0.0 if took is None else BEGAN + took
    return (node, child, attempt, status, BEGAN, ended, "worker-1" if attempt else None, detail)


def failed(node: int, child: int = -1, attempt: int = 1) -> Row:
    return row(node, FAILED, child=child, attempt=attempt, detail=Detail(failure=BOOM))


DONE = (row(0, SUCCESS), row(1, SUCCESS, took=2.0), row(2, SUCCESS, took=3.0))
BROKEN = (row(0, CACHED, detail=Detail(origin=FOUND)), failed(1))
UNDER_WAY = (row(0, SUCCESS), row(1, RUNNING, took=None))
MANY = (
    row(0, SUCCESS),
    row(1, 4, attempt=3),  # EXPANDED, to three children
    row(1, SUCCESS, child=0),
    failed(1, child=1),
    row(1, SUCCESS, child=2, took=4.0),
    row(1, MAPPED, attempt=0, took=4.0),
)


class MadeHistory:
    """The history of a state folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / database.FILE
        self.connection = database.open_to_write(self.path)
        self.results = files.prepare(folder)

    def run(
        self,
        status: RunStatus | None = RunStatus.SUCCESS,
        rows: Sequence[Row] = DONE,
        *,
        flow: str = "etl",
        lines: Sequence[LoggedLine] = (),
        keys: Sequence[str] = KEYS,
        reason: str = "",
        large: bytes | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> int:
        """A run; None: it goes on, in this process.

        Args:
            large: a result of the first task, in a file.
        """
        journal = self.begun(flow, keys, parameters or {"path": "a.csv"})
        kept = {} if large is None else {(0, -1): Stored("f", self.file(large), len(large))}
        mapped = {each[0] for each in rows if each[1] >= 0}
        values = [[0] * 99 if node in mapped else node for node in range(len(keys))]
        journal.append(rows, kept, values, lines)
        if status is not None:
            journal.end(status, reason, int(status is not RunStatus.SUCCESS), {"ok": 1})
            owners.release(self.folder, journal.run)
        self.connection.execute(
            "UPDATE runs SET started=?, ended=CASE WHEN ended IS NULL THEN NULL ELSE ? END WHERE number=?",
            (BEGAN, BEGAN + 5, journal.run),
        )
        self.connection.execute("UPDATE sessions SET started=? WHERE run=?", (BEGAN, journal.run))
        self.connection.execute(
            "UPDATE sessions SET ended=? WHERE run=? AND ended>0", (BEGAN + 5, journal.run)
        )
        return journal.run

    def crashed(self, rows: Sequence[Row] = UNDER_WAY, **more: Any) -> int:
        """A run whose process is gone, and that nobody has looked at since."""
        run = self.run(None, rows, **more)
        owners.release(self.folder, run)
        return run

    def begun(self, flow: str, keys: Sequence[str], parameters: dict[str, Any]) -> Journal:
        """A run that goes on."""
        uid = opening.new_uid()
        text = json.dumps({"keys": list(keys), "hidden": []}).encode()
        outline = (blake2b(text, digest_size=16).digest(), text)
        new = Beginning(
            uid=uid,
            flow=flow,
            ref=f"flows/{flow}.py:{flow}",
            parameters=parameters,
            asked={},
            outline=outline,
            codes=(),
            values=b"",
        )
        begun = opening.begin(self.connection, self.folder, new, WHO)
        return Journal(self.connection, begun.run, begun.session, uid, SIGNED, 0.0)

    def file(self, data: bytes) -> str:
        """A file of results."""
        writing = files.Writing(self.results, SIGNED)
        writing.write(data)
        return writing.finish()

    def rows(self, query: str, *values: Any) -> list[Any]:
        return self.connection.execute(query, values).fetchall()

    def close(self) -> None:
        self.connection.close()


def line(text: str, node: int = 0, child: int = -1, attempt: int = 1, level: int = 0) -> LoggedLine:
    return LoggedLine((node, child, attempt), BEGAN, "log" if level else "stdout", level, text)
