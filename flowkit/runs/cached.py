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
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowkit.engine.capture import Line
from flowkit.plan.events import Call, Origin
from flowkit.plan.plan import Plan
from flowkit.runs.cache_keys import EXPIRED, UNREADABLE, CallKey, Keys, is_expired
from flowkit.store import owners
from flowkit.store.batch import Stored
from flowkit.store.cache_entry import CacheEntry, unpacked
from flowkit.store.results import Results, UnreadableError

_PAUSE = 0.02  # seconds between two looks at an entry that another process makes
_MOST_READ = 100_000  # entries of a flow that are read at once
_SMALL = 1000  # bytes of those; a larger one is read when it is asked for
_LATELY = 3600.0  # seconds in which the use of an entry is not noted again
# The last is what an attempt remembers of where its value was made (`Origin.as_json`): SQLite puts it
# together in a fifth of the time that Python takes.
_COLUMNS = (
    "key, run, attempt, made, took, data, log, inputs, used,"
    """ '{"key": "' || lower(hex(key)) || '", "inputs": ' || inputs || ', "run": ' || run ||"""
    """ ', "attempt": ' || attempt || ', "made": ' || CAST(made AS INTEGER) || '}'"""
)

_Row = tuple[bytes, int, int, float, float, bytes, str, str, float, str]


@dataclass
class Made:
    """A result that becomes an entry when it is committed."""

    stored: Stored
    call: Call
    key: CallKey
    inputs: str
    task: str
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
        self.cache.release(self.key.key, self.call)


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
        self._plan = plan
        self._keys = keys
        self._forced = frozenset(forced)
        self._lock = threading.Lock()
        self._rows: dict[bytes, _Row] | None = None
        self._making: dict[bytes, _Making] = {}
        self._missed: dict[bytes, str] = {}  # why an entry that was there is of no use
        self.run = 0
        self.give_back: Callable[[Line], None] = lambda line: None
        self.used: set[bytes] = set()
        self._since = time.time() - _LATELY

    def found(self, call: Call, arguments: dict[str, Any]) -> Lookup:
        """See `Results.found`."""
        node = call[0]
        key = self._keys.of(node, arguments)
        if key is None:
            return Lookup(self, call, None)
        while True:
            if node not in self._forced:
                hit = self._hit(call, key)
                if hit is not None:
                    return hit
            if self._claim(key.key, call):
                # Between the look and the claim another may have made it.
                hit = self._hit(call, key, anew=True) if node not in self._forced else None
                if hit is not None:
                    self.release(key.key, call)
                    return hit
                missed = self._missed.get(key.key, "")
                return Lookup(self, call, key, origin=Origin(key.key, key.inputs_as_json(), missed))
            self._wait(key.key)

    def _hit(self, call: Call, key: CallKey, *, anew: bool = False) -> Lookup | None:
        row = self._row(key.key, anew=anew)
        if row is None:
            return None
        _, run, attempt, made, took, data, log, inputs, used, said = row
        limit = self._plan.tasks[call[0]].cache
        try:
            if is_expired(limit, made):
                self._missed[key.key] = EXPIRED
                return None
            stored = unpacked(data, key.key, self._results.key)
            if stored is None:
                raise UnreadableError
            lines = self._lines(call, log) if log != "[]" else []
            was_used_lately = used >= self._since
            value = self._results.loaded(stored)
            self._results.touch(stored)
        except (UnreadableError, ValueError, TypeError):  # the latter: a damaged row
            self._missed[key.key] = UNREADABLE
            return None
        for line in lines:
            self.give_back(line)
        if not was_used_lately:
            self.used.add(key.key)
        origin = Origin(key.key, inputs, "", run, attempt, made, took, said)
        kept = stored if stored.kind != "p" else None
        return Lookup(self, call, key, hit=True, value=value, kept=kept, origin=origin)

    def _row(self, key: bytes, *, anew: bool) -> _Row | None:
        """An entry: of those that were read when the run first asked, else as it stands now."""
        if self._rows is None:
            self._rows = self._read()
        row = self._rows.get(key)
        if anew or (row is None and key in self._making):
            with self._lock:
                row = self._connection.execute(f"SELECT {_COLUMNS} FROM cache WHERE key=?", (key,)).fetchone()
        return row

    def _read(self) -> dict[bytes, _Row]:
        """The small entries of the flow: one statement for all costs a tenth of one for each."""
        with self._lock:
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM cache WHERE flow=? AND LENGTH(data)<? AND LENGTH(log)<? LIMIT ?",
                (self._plan.name, _SMALL, _SMALL, _MOST_READ),
            ).fetchall()
        return {row[0]: row for row in rows}

    def _lines(self, call: Call, log: str) -> list[Line]:
        """What was printed and logged when the value was made, as if this call had done so."""
        return [Line(call, str(stream), str(text), int(level)) for stream, level, text in json.loads(log)]

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
            key=made.key.key,
            flow=self._plan.name,
            task=made.task,
            run=self.run,
            attempt=made.call[2],
            took=made.took,
            code=made.key.code,
            inputs=made.inputs,
            stored=made.stored,
            secret=self._results.key,
            log=log,
        )

    def made(self, call: Call, key: CallKey, origin: Origin, stored: Stored, took: float) -> Made:
        """A result that was not there."""
        return Made(stored, call, key, origin.inputs, self._plan.key(call[0], call[1]), took, self)


class Lookup:
    """See `Found`."""

    __slots__ = ("_cache", "_call", "_key", "_started", "hit", "kept", "origin", "value")

    def __init__(
        self,
        cache: Cache,
        call: Call,
        key: CallKey | None,
        *,
        hit: bool = False,
        value: Any = None,
        kept: Any = None,
        origin: Origin | None = None,
    ) -> None:
        self._cache = cache
        self._call = call
        self._key = key
        self._started = 0.0 if hit else time.monotonic()
        self.hit = hit
        self.value = value
        self.kept = kept
        self.origin = origin

    def made(self, value: Any, kept: Stored) -> Any:
        """See `Found.made`; what is not kept, is no entry either."""
        if self._key is None or self.origin is None:
            return kept
        if not kept.is_kept:
            self.drop()
            return kept
        took = time.monotonic() - self._started
        return self._cache.made(self._call, self._key, self.origin, kept, took)

    def drop(self) -> None:
        """See `Found.drop`."""
        if self._key is not None:
            self._cache.release(self._key.key, self._call)


def _place(key: bytes) -> int:
    """The byte whose lock stands for an entry; two entries on one byte wait for each other, no more."""
    return owners.CACHE_FROM + int.from_bytes(key[:5], "big")
