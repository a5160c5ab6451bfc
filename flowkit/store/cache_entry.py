"""An entry of the cache as it is written."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b

from flowkit.store.batch import MAC, Stored

# Why an entry that is there is of no use.
EXPIRED, UNREADABLE, ALTERED, REFUSED = "expired", "unreadable", "altered", "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheEntry:
    """A result with what it was made from.

    Attributes:
        task: the key of the task, or of the child of a mapped one.
        took: seconds that making it took.
        code: digest of its code's parts, in the table `codes`.
        inputs: name, digest and upstream of each argument, as JSON; kept as part of the origin that an
            attempt remembers which finds the entry (see `Detail` in plan/events.py).
        files: a digest of what lies at the paths in the result, "" where there are none.
        log: stream, level and text of each line that was printed or logged.
    """

    key: bytes
    flow: str
    task: str
    run: int
    attempt: int
    took: float
    code: bytes
    inputs: str
    files: str
    stored: Stored
    secret: bytes
    log: list[tuple[str, int, str]]

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write it, in the transaction that is open; an entry with that key is replaced."""
        now = time.time()
        data = packed(self.stored, self.key, self.secret)
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
                self._origin(int(now)),
                data,
                json.dumps(self.log),
            ),
        )
        if self.stored.kind == "f":
            connection.execute(
                "INSERT OR IGNORE INTO files VALUES (?, ?, ?)",
                (self.stored.payload, f"cache {self.key.hex()}", self.stored.size),
            )

    def _origin(self, made: int) -> str:
        return said_of(self.key, self.inputs, run=self.run, attempt=self.attempt, made=made, files=self.files)


def said_of(key: bytes, inputs: str, **more: int | str) -> str:
    """An origin as it is kept: `more` are numbers, or words that need no escape."""
    rest = "".join(f', "{name}": {json.dumps(value)}' for name, value in more.items() if value)
    return f'{{"key": "{key.hex()}", "inputs": {inputs}{rest}}}'


def packed(stored: Stored, key: bytes, secret: bytes) -> bytes:
    """The bytes of one result: signature, kind, content; bound to its key."""
    if type(stored.payload) is int:
        return _signed(b"i%d" % stored.payload, key, secret)
    if stored.kind == "p":
        content = json.dumps(stored.payload).encode()
    elif stored.kind == "f":
        content = f"{stored.payload} {stored.size}".encode()
    else:
        content = stored.payload
    return _signed(stored.kind.encode() + content, key, secret)


def is_plain(data: bytes) -> bool:
    """Whether it says of itself that its value is plain."""
    return data[MAC : MAC + 1] in (b"i", b"p")


def unpacked(data: bytes, key: bytes, secret: bytes) -> Stored | None:
    """The result in these bytes; None where they are not what was written, or nobody could sign them."""
    if len(data) <= MAC or _signature(data[MAC:], key, secret) != data[:MAC]:
        return None
    kind, content = data[MAC : MAC + 1], data[MAC + 1 :]
    if kind == b"i":  # what JSON would do in five times the time
        return Stored("p", int(content))
    if kind == b"p":
        return Stored("p", json.loads(content.decode()))
    if not secret:
        return None
    if kind == b"f":
        name, _, size = content.decode().partition(" ")
        return Stored("f", name, int(size))
    return Stored("k", content, len(content))


def _signed(body: bytes, key: bytes, secret: bytes) -> bytes:
    return _signature(body, key, secret) + body


def _signature(body: bytes, key: bytes, secret: bytes) -> bytes:
    found = _keyed(secret).copy()  # two thirds of what it takes to begin with the key each time
    found.update(key + body)
    return found.digest()


@lru_cache(maxsize=1)
def _keyed(secret: bytes) -> blake2b:
    return blake2b(digest_size=MAC, key=secret, person=b"flowkit cache")


def is_expired(limit: timedelta | None, made: float) -> bool:
    """Whether an entry is older than its task allows."""
    return limit is not None and not 0 <= time.time() - made < limit.total_seconds()
