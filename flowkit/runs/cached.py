"""The cache of a run: which calls are not carried out, as their result is there already.

A key is made of the task's code and of its arguments, by their content. Guarantees: two calls that need one
entry make it once, in one process and in several; who makes it holds a lock that ends with its process, and
lets go of it only when the entry is committed. An entry that was altered, or whose file is gone, is a miss.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from flowkit.engine.capture import Line
from flowkit.fingerprint import Code, UndigestibleError, combine, digest
from flowkit.flow.task import Task
from flowkit.plan.events import Call
from flowkit.plan.plan import Plan
from flowkit.store import owners
from flowkit.store.batch import Stored, unpacked
from flowkit.store.cache_entry import CacheEntry, name
from flowkit.store.results import Results, UnreadableError

VERSION = 1
_PAUSE = 0.02  # seconds between two looks at an entry that another process makes

Inputs = list[tuple[str, str, str]]


@dataclass(frozen=True)
class CallKey:
    """A key with the parts that it is made of."""

    key: bytes
    code: bytes
    inputs: Inputs


@dataclass
class Made:
    """A result that becomes an entry when it is committed."""

    stored: Stored
    call: Call
    key: CallKey
    task: str
    took: float
    cache: Cache

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

    def release(self) -> None:
        """It is written, or never will be: let others look."""
        self.cache.release(self.key.key)


class Keys:
    """The keys of the calls of a plan.

    Args:
        codes: of each node that has a cache.
    """

    def __init__(self, plan: Plan, codes: Mapping[int, Code]) -> None:
        self._plan = plan
        self._codes = codes

    def of(self, node: int, arguments: Mapping[str, Any]) -> CallKey | None:
        """The key of a call; None where an argument has no digest, so that its result cannot be found."""
        task = self._plan.tasks[node]
        try:
            inputs = [
                (argument, digest(value).hex(), self._source(node, argument))
                for argument, value in sorted(arguments.items())
            ]
            chosen = self._chosen(task, arguments)
        except UndigestibleError:
            return None
        code = self._codes[node].digest
        what = b"" if task.cache == "inputs" else code
        place = f"{type(task.run).__name__} {task.name}" if task.cache == "inputs" else ""
        parts = [chosen] if chosen is not None else [bytes.fromhex(each[1]) for each in inputs]
        names = "" if chosen is not None else ",".join(each[0] for each in inputs)
        key = combine(f"{VERSION} {place} {names}".encode(), what, *parts)
        return CallKey(key, code, inputs)

    def _chosen(self, task: Task, arguments: Mapping[str, Any]) -> bytes | None:
        """The digest of what a user's own function says."""
        cache = task.cache
        if callable(cache):
            found: bytes = digest(cache(dict(arguments)))
            return found
        return None

    def _source(self, node: int, argument: str) -> str:
        """The key of the task that an argument comes from, or ""."""
        plan = self._plan
        for each in plan.arguments.get(node, ()):
            if each.name == argument:
                return plan.keys[each.source]
        names = plan.names[node] or plan.tasks[node]._signature.names
        for found, ref in zip(names, plan.refs[node], strict=False):
            if found == argument and ref < plan.size:
                return plan.keys[ref]
        return ""


class Cache:
    """The entries of a project, as one run uses them.

    Args:
        connection: to read, used under a lock.
        forced: nodes that are made again though there is an entry.
        give_back: takes the lines of a hit, to be shown and remembered like those of an attempt.
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
        self._making: dict[bytes, threading.Event] = {}
        self._missed: dict[bytes, str] = {}  # why an entry that was there is of no use
        self.run = 0
        self.give_back: Callable[[Line], None] = lambda line: None
        self.used: set[bytes] = set()

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
            if self._claim(key.key):
                # Between the look and the claim another may have made it.
                hit = self._hit(call, key) if node not in self._forced else None
                if hit is not None:
                    self.release(key.key)
                    return hit
                missed = self._missed.get(key.key)
                return Lookup(self, call, key, origin={**_said(key), "missed": missed} if missed else None)
            self._wait(key.key)

    def _hit(self, call: Call, key: CallKey) -> Lookup | None:
        with self._lock:
            row = self._connection.execute(
                "SELECT run, attempt, made, took, data, log FROM cache WHERE key=?", (key.key,)
            ).fetchone()
        if row is None:
            return None
        run, attempt, made, took, data, log = row
        limit = self._plan.tasks[call[0]].cache
        if isinstance(limit, timedelta) and not 0 <= time.time() - made < limit.total_seconds():
            self._missed[key.key] = "expired"
            return None
        entries = unpacked(data, name(key.key), self._results.key)
        stored = next((stored for _, stored in entries), None) if entries is not None else None
        if stored is None:
            self._missed[key.key] = "unreadable"
            return None
        try:
            value = self._results.loaded(stored)
        except UnreadableError:
            self._missed[key.key] = "unreadable"
            return None
        for stream, level, text in json.loads(log):
            self.give_back(Line(call, stream, text, level))
        self.used.add(key.key)
        origin = {"run": run, "attempt": attempt, "made": made, "took": took, **_said(key)}
        return Lookup(self, call, key, hit=True, value=value, kept=stored, origin=origin)

    def _claim(self, key: bytes) -> bool:
        with self._lock:
            if key in self._making or not owners.claim(self._folder, _place(key)):
                return False
            self._making[key] = threading.Event()
            return True

    def release(self, key: bytes) -> None:
        """Let others look for this entry."""
        with self._lock:
            made = self._making.pop(key, None)
        if made is not None:
            owners.release(self._folder, _place(key))
            made.set()

    def _wait(self, key: bytes) -> None:
        """Until this process has made it; or a moment, where another one does, as nobody tells of its end."""
        event = self._making.get(key)
        if event is not None:
            event.wait(1.0)
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
            inputs=made.key.inputs,
            stored=made.stored,
            secret=self._results.key,
            log=log,
        )

    def made(self, call: Call, key: CallKey, stored: Stored, took: float) -> Made:
        """A result that was not there."""
        return Made(stored, call, key, self._plan.key(call[0], call[1]), took, self)


class Lookup:
    """See `Found`."""

    def __init__(
        self,
        cache: Cache,
        call: Call,
        key: CallKey | None,
        *,
        hit: bool = False,
        value: Any = None,
        kept: Any = None,
        origin: dict[str, Any] | None = None,
    ) -> None:
        self._cache = cache
        self._call = call
        self._key = key
        self._started = time.monotonic()
        self.hit = hit
        self.value = value
        self.kept = kept
        self.origin = origin or (_said(key) if key is not None else None)

    def made(self, value: Any, kept: Stored) -> Any:
        """See `Found.made`; what is not kept, is no entry either."""
        if self._key is None:
            return kept
        if not kept.is_kept:
            self._cache.release(self._key.key)
            return kept
        return self._cache.made(self._call, self._key, kept, time.monotonic() - self._started)

    def drop(self) -> None:
        """See `Found.drop`."""
        if self._key is not None:
            self._cache.release(self._key.key)


def _said(key: CallKey) -> dict[str, Any]:
    """What is remembered of a key with the attempt, so that it can be said later why it ran."""
    return {"key": key.key.hex(), "inputs": key.inputs}


def _place(key: bytes) -> int:
    """The byte whose lock stands for an entry; two entries on one byte wait for each other, no more."""
    return owners.CACHE_FROM + int.from_bytes(key[:5], "big")
