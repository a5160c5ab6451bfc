"""The cache of a run: which calls are not carried out, as their result is there already.

Guarantees: two calls that need one entry make it once, in one process and in several; who makes it holds a
lock that ends with its process, and lets go of it only when the entry is committed. An entry that was
altered, or whose file is gone, is a miss.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flowkit.engine.capture import Line
from flowkit.engine.ledger import Hit, Making
from flowkit.flow.task import Task
from flowkit.flow.validators import CacheFor
from flowkit.plan.events import Call
from flowkit.plan.plan import Plan
from flowkit.plan.state import Cached
from flowkit.runs.cache_keys import Keys, parameters_here
from flowkit.store import owners
from flowkit.store.batch import Stored
from flowkit.store.cache_entry import (
    ALTERED,
    EXPIRED,
    REFUSED,
    UNREADABLE,
    CacheEntry,
    is_expired,
    is_plain,
    said_of,
    unpacked,
)
from flowkit.store.results import Results, UnreadableError
from flowkit.why.outputs import files_digest, is_altered

_PAUSE = 0.02  # seconds between two looks at an entry that another process makes
_MOST_READ = 100_000  # entries of a flow that are read at once
_SMALL = 1000  # bytes of those; a larger one is read when it is asked for
_LATELY = 3600.0  # seconds in which the use of an entry is not noted again
_COLUMNS = "key, data, origin, NULLIF(log, '[]'), made, used"

_Row = tuple[bytes, bytes, str, str | None, float, float]


@dataclass
class Made:
    """A result that becomes an entry when it is committed."""

    stored: Stored
    call: Call
    key: bytes
    inputs: str
    files: str
    took: float
    cache: Cache
    is_written: bool = False

    @property
    def size(self) -> int:
        """Bytes that wait to be written."""
        return self.stored.size

    @property
    def is_kept(self) -> bool:
        """Whether the value can be had again."""
        return self.stored.is_kept

    def entry(self, log: list[tuple[str, int, str]]) -> CacheEntry:
        """The entry to write."""
        return self.cache.entry_of(self, log)

    def written(self) -> None:
        """It is on disk: let others look."""
        self.is_written = True
        self.drop()

    def drop(self) -> None:
        """Let others try."""
        self.cache.release(self.key, self.call)


class _Making:
    """An entry that is being made, by a call of this run."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.done = threading.Event()


class Cache:
    """The entries of a project, as one run uses them.

    Args:
        connection: to read, used under a lock.
        forced: nodes that are made again though there is an entry.

    Attributes:
        nodes: those that have a cache.
        run: the number of the run.
        give_back: takes the lines of a hit, to be shown and remembered like those of an attempt.
        used: the keys of the entries that were found, and were not lately.
    """

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        results: Results,
        plan: Plan,
        keys: Keys,
        forced: Collection[int],
    ) -> None:
        self.nodes = plan.cached
        self._folder = folder
        self._connection = connection
        self._results = results
        self._secret = results.key
        self._plan = plan
        self._keys = keys
        self._forced = frozenset(forced)
        self._lock = threading.Lock()
        self._rows: dict[bytes, _Row] | None = None
        self._making: dict[bytes, _Making] = {}
        self._looked_for: dict[Call, bytes] = {}  # the keys of calls whose results were not at hand
        self._missed: dict[bytes, str] = {}  # why an entry that was there is of no use
        self.run = 0
        self.give_back: Callable[[Line], None] = lambda line: None
        self.used: set[bytes] = set()
        self._since = time.time() - _LATELY

    def at_hand(self, call: Call, values: Sequence[Any]) -> tuple[Any, str] | None:
        """See `Results.at_hand`: entries with a plain value and without a log, of those that were read."""
        key = self._keys.of_leaves(call[0], values) if call[0] not in self._forced else None
        if key is None:
            return None
        row = self._read().get(key)
        if row is not None and row[3] is None and is_plain(row[1]):
            found = self._value(call, row)
            if found is not None:
                return found[0], row[2]
        self._looked_for[call] = key
        return None

    def found(self, call: Call, arguments: dict[str, Any]) -> Hit | Making:
        """See `Results.found`."""
        node = call[0]
        key = self._looked_for.pop(call, None) or self._keys.of(node, arguments)
        if key is None:
            return Unfindable()
        while True:
            hit = self._hit(call, key, arguments) if node not in self._forced else None
            if hit is not None:
                return hit
            if self._claim(key, call):
                # Between the look and the claim another may have made it.
                hit = self._hit(call, key, arguments, anew=True) if node not in self._forced else None
                if hit is None:
                    return self._making_of(call, key, arguments)
                self.release(key, call)
                return hit
            self._wait(key)

    def _making_of(self, call: Call, key: bytes, arguments: dict[str, Any]) -> Missing:
        inputs = json.dumps(self._keys.inputs(call[0], arguments))
        return Missing(self, call, key, inputs, self._missed.get(key, ""))

    def _hit(self, call: Call, key: bytes, arguments: Mapping[str, Any], *, anew: bool = False) -> Hit | None:
        row = self._row(key) if not anew else self._row_now(key)
        found = self._value(call, row) if row is not None else None
        if row is None or found is None:
            return None
        value, stored = found
        if not accepted(self._plan.tasks[call[0]], arguments, value, row[4]):
            self._missed[key] = REFUSED
            return None
        return Hit(value, stored if stored.kind != "p" else None, row[2])

    def _value(self, call: Call, row: _Row) -> tuple[Any, Stored] | None:
        """The value of an entry, with what is kept of it; None where it is of no use to this call."""
        key, data, said, log, made, used = row
        try:
            limit = self._plan.tasks[call[0]].keeping.good_for
            if limit is not None and is_expired(limit, made):
                self._missed[key] = EXPIRED
                return None
            stored = unpacked(data, key, self._secret)
            if stored is None:
                raise UnreadableError
            value = stored.payload
            if stored.kind != "p":
                value = self._loaded(stored)
                if is_altered(said, value):
                    self._missed[key] = ALTERED
                    return None
            if log is not None:
                self._give_back(call, log)
            if used < self._since:
                self.used.add(key)
        except (UnreadableError, ValueError, TypeError):  # the latter: a damaged row
            self._missed[key] = UNREADABLE
            return None
        return value, stored

    def _loaded(self, stored: Stored) -> Any:
        value = self._results.loaded(stored)
        self._results.touch(stored)
        return value

    def _row(self, key: bytes) -> _Row | None:
        """An entry: of those that were read when the run first asked, else as it stands now."""
        row = self._read().get(key)
        return self._row_now(key) if row is None and key in self._making else row

    def _row_now(self, key: bytes) -> _Row | None:
        query = f"SELECT {_COLUMNS} FROM cache WHERE key=?"
        with self._lock:
            row: _Row | None = self._connection.execute(query, (key,)).fetchone()
        return row

    def _read(self) -> dict[bytes, _Row]:
        """The small entries of the flow, read when the run first asks: one statement for all costs a tenth
        of one for each."""
        if self._rows is not None:
            return self._rows
        with self._lock:
            if self._rows is None:
                rows = self._connection.execute(
                    f"SELECT {_COLUMNS} FROM cache WHERE flow=? AND LENGTH(data)<? AND LENGTH(log)<? LIMIT ?",
                    (self._plan.name, _SMALL, _SMALL, _MOST_READ),
                )
                self._rows = {row[0]: row for row in rows}
            return self._rows

    def _give_back(self, call: Call, log: str) -> None:
        """What was printed and logged when the value was made, as if this call had done so."""
        lines = [Line(call, str(stream), str(text), int(level)) for stream, level, text in json.loads(log)]
        for line in lines:
            self.give_back(line)

    def _claim(self, key: bytes, call: Call) -> bool:
        with self._lock:
            making = self._making.get(key)
            if making is not None:
                # An attempt that was given up may go on in its thread; the next one does not wait for it.
                is_next = making.call[:2] == call[:2] and making.call[2] < call[2]
                making.call = call if is_next else making.call
                return is_next
            if not owners.claim(self._folder, _place(key)):
                return False
            self._making[key] = _Making(call)
            return True

    def release(self, key: bytes, call: Call) -> None:
        """Let others look for this entry, unless a later attempt has taken it over."""
        with self._lock:
            making = self._making.get(key)
            if making is None or making.call != call:
                return
            del self._making[key]
            owners.release(self._folder, _place(key))
        making.done.set()

    def _wait(self, key: bytes) -> None:
        """Until this process has made it; or a moment, where another one does, as nobody tells of its end."""
        making = self._making.get(key)
        if making is not None:
            making.done.wait(1.0)
        else:
            time.sleep(_PAUSE)

    def entry_of(self, made: Made, log: list[tuple[str, int, str]]) -> CacheEntry:
        """What is written of a result."""
        return CacheEntry(
            key=made.key,
            flow=self._plan.name,
            task=self._plan.key(made.call[0], made.call[1]),
            run=self.run,
            attempt=made.call[2],
            took=made.took,
            code=self._keys.code(made.call[0]),
            inputs=made.inputs,
            files=made.files,
            stored=made.stored,
            secret=self._secret,
            log=log,
        )


class Missing:
    """A call whose result is not there, and which this run makes; see `Making`."""

    def __init__(self, cache: Cache, call: Call, key: bytes, inputs: str, missed: str) -> None:
        self.origin = said_of(key, inputs, missed=missed)
        self._cache = cache
        self._call = call
        self._key = key
        self._inputs = inputs
        self._started = time.monotonic()

    def made(self, value: Any, kept: Stored) -> Stored | Made:
        """See `Making.made`; what is not kept, is no entry either."""
        if not kept.is_kept:
            self.drop()
            return kept
        took = time.monotonic() - self._started
        files = files_digest(value) if kept.kind != "p" else ""
        return Made(kept, self._call, self._key, self._inputs, files, took, self._cache)

    def drop(self) -> None:
        """See `Making.drop`."""
        self._cache.release(self._key, self._call)


class Unfindable:
    """A call whose result has no key, as the cache is off or an argument has no digest; see `Making`."""

    origin = ""

    def made(self, value: Any, kept: Any) -> Any:
        """See `Making.made`."""
        return kept

    def drop(self) -> None:
        """Nothing was claimed."""


def accepted(task: Task, arguments: Mapping[str, Any], value: Any, made: float) -> bool:
    """Whether a `cache_validator` of the user's own accepts a value, made so many seconds after 1970.

    Raises:
        Exception: whatever it raises.
    """
    cache = task.keeping.cache
    if not isinstance(cache, CacheFor) or cache.asks is None:
        return True
    until = datetime.fromtimestamp(made, UTC) + cache.limit
    state = Cached("It was there.", value, cached_result_expiration=until)
    return bool(cache.asks(state, arguments, parameters_here()))


def _place(key: bytes) -> int:
    """The byte whose lock stands for an entry; two entries on one byte wait for each other, no more."""
    return owners.CACHE_FROM + int.from_bytes(key[:5], "big")
