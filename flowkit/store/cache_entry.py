"""An entry of the cache as it is written."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from flowkit.store.batch import Batch, Stored


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheEntry:
    """A result with what it was made from.

    Attributes:
        task: the key of the task, or of the child of a mapped one.
        took: seconds that making it took.
        code: digest of its code's parts, in the table `codes`.
        inputs: name, digest and upstream of each argument.
        log: stream, level and text of each line that was printed or logged.
    """

    key: bytes
    flow: str
    task: str
    run: int
    attempt: int
    took: float
    code: bytes
    inputs: list[tuple[str, str, str]]
    stored: Stored
    secret: bytes
    log: list[tuple[str, int, str]]

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write it, in the transaction that is open; an entry with that key is replaced."""
        now = time.time()
        batch = Batch()
        if self.stored.kind == "p":
            batch.add_plain((0, -1, 1, self.stored.payload))
        else:
            batch.add((0, -1, 1), self.stored)
        data = batch.packed(name(self.key), self.secret)
        connection.execute(
            "REPLACE INTO cache VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.key,
                self.flow,
                self.task,
                self.run,
                self.attempt,
                now,
                now,
                self.took,
                len(data) + (self.stored.size if self.stored.kind == "f" else 0),
                self.code,
                _json(self.inputs),
                data,
                _json(self.log),
            ),
        )
        if self.stored.kind == "f":
            connection.execute(
                "INSERT OR IGNORE INTO files VALUES (?, ?, ?)",
                (self.stored.payload, f"cache {self.key.hex()}", self.stored.size),
            )


def name(key: bytes) -> str:
    """What the signature of an entry's data is bound to."""
    return f"cache/{key.hex()}"


def _json(value: Any) -> str:
    return json.dumps(value)
