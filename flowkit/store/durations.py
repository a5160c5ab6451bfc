"""How long the tasks of a flow took in its latest runs, asked of the history.

Guarantees: bounded whatever the history holds; what cannot be read is not known, and nothing is raised or set
aside for it: it only decides what goes first.
"""

from __future__ import annotations

import json
import sqlite3
import zlib

from flowkit.plan.durations import Children, Durations
from flowkit.plan.status import SUCCESS

_RUNS = 20  # that are looked at, at most
_WHOLE = 3  # of them, those that made at least half of the tasks: of three durations the middle one counts
_ENOUGH = 10_000  # tasks, after which no earlier run is asked
_CHILDREN = 10_000  # of one mapped task, that are asked about: the first
_FIRST = 1_000  # of them, those that go first
_UNEVEN, _LEAST = 1.1, 0.01  # how much longer than the mean, and how many seconds, the longest of them is
_LONGEST = 1e9  # seconds that are believed

UNREADABLE = (
    sqlite3.Error,
    zlib.error,
    LookupError,
    ValueError,
    TypeError,
    OverflowError,
    RecursionError,
)

# Results that were found say nothing: they were not made. Of a mapped task there is a row with attempt -1.
_MADE = f"attempt>0 AND status={SUCCESS} AND ended - started BETWEEN 0 AND {_LONGEST}"
_TASKS = (
    "SELECT node, CASE WHEN attempt>0 THEN ended - started END,"
    " CASE WHEN attempt=-1 THEN detail END FROM attempts"
    f" WHERE run=? AND child=-1 AND (attempt=-1 OR ({_MADE}))"
)
_SOME = f"run=? AND node=? AND child BETWEEN 0 AND {_CHILDREN - 1} AND {_MADE}"
_MAPPED = f"SELECT COUNT(*), AVG(ended - started), MAX(ended - started) FROM attempts WHERE {_SOME}"
_SLOWEST = f"SELECT child FROM attempts WHERE {_SOME} ORDER BY ended - started DESC LIMIT {_FIRST}"


def known_durations(connection: sqlite3.Connection, flow: str, size: int) -> Durations | None:
    """What the latest runs of a flow tell; None where they tell nothing.

    Args:
        size: how many tasks it has now.
    """
    try:
        return _Reading(connection).of(flow, size)
    except UNREADABLE:
        return None


def keys_of_outline(connection: sqlite3.Connection, digest: bytes) -> list[str]:
    """The keys of a run's tasks by number; only they are read of what may be long.

    Raises:
        sqlite3.Error, zlib.error, LookupError, ValueError, TypeError: they cannot be read.
    """
    row = connection.execute("SELECT document FROM outlines WHERE digest=?", (digest,)).fetchone()
    text = zlib.decompress(row[0]).decode()
    start = text.index("[", text.index('"keys"'))
    keys: list[str]
    keys, _ = json.JSONDecoder().raw_decode(text, start)
    return keys


class _Reading:
    """One look at the history."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._keys: dict[bytes, list[str]] = {}

    def of(self, flow: str, size: int) -> Durations | None:
        found: dict[str, list[float]] = {}
        mapped: dict[str, Children] = {}
        order: list[str] = []
        whole = seen = 0
        query = f"SELECT number, outline FROM runs WHERE flow=? ORDER BY number DESC LIMIT {_RUNS}"
        for run, outline in self._connection.execute(query, (flow,)).fetchall():
            tasks = self._connection.execute(_TASKS, (run,)).fetchall()
            if not tasks:
                continue
            keys = self._keys_of(outline)
            for node, seconds, detail in tasks:
                if seconds is not None:
                    found.setdefault(keys[node], []).append(seconds)
                elif keys[node] not in mapped:
                    self._add_children(mapped, keys[node], run, node, json.loads(detail)["width"])
            order = keys if len(keys) > len(order) else order  # a run may have been of few tasks
            whole += 2 * len(tasks) >= size
            seen += len(tasks)
            if whole == _WHOLE or seen >= _ENOUGH:
                break
        middle = {key: _middle(some) for key, some in found.items()}
        return Durations(middle, mapped, order) if middle or mapped else None

    def _keys_of(self, outline: bytes) -> list[str]:
        if outline not in self._keys:
            self._keys[outline] = keys_of_outline(self._connection, outline)
        return self._keys[outline]

    def _add_children(self, mapped: dict[str, Children], key: str, run: int, node: int, width: int) -> None:
        made, mean, longest = self._connection.execute(_MAPPED, (run, node)).fetchone()
        if made:
            first: tuple[int, ...] = ()
            if longest >= max(_LEAST, _UNEVEN * mean):
                rows = self._connection.execute(_SLOWEST, (run, node))
                first = tuple([row[0] for row in rows])
            mapped[key] = Children(mean, longest, first, width)


def _middle(seconds: list[float]) -> float:
    """The middle one; of two the longer."""
    return seconds[0] if len(seconds) == 1 else sorted(seconds)[len(seconds) // 2]
