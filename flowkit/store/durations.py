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
_FIRST = 1_000  # children of one mapped task whose order is known
_UNEVEN, _LEAST = 1.1, 0.01  # how much longer than the mean, and how many seconds, the longest of them is
_LONGEST = 1e9  # seconds that are believed

# Results that were found say nothing: they were not made.
_MADE = f"run=? AND attempt>0 AND status={SUCCESS} AND ended - started BETWEEN 0 AND {_LONGEST}"
_TASKS = f"SELECT node, ended - started FROM attempts WHERE {_MADE} AND child=-1"
_MAPPED = (
    "SELECT node, AVG(ended - started), MAX(ended - started), COUNT(*) FROM attempts"
    f" WHERE {_MADE} AND child>=0 GROUP BY node"
)
_CHILDREN = (
    f"SELECT child FROM attempts WHERE {_MADE} AND node=? AND child>=0"
    f" ORDER BY ended - started DESC LIMIT {_FIRST}"
)


def known_durations(connection: sqlite3.Connection, flow: str, size: int) -> Durations | None:
    """What the latest runs of a flow tell; None where they tell nothing.

    Args:
        size: how many tasks it has now.
    """
    try:
        return _Reading(connection).of(flow, size)
    except (sqlite3.Error, zlib.error, LookupError, ValueError, TypeError, OverflowError, RecursionError):
        return None


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
            groups = self._connection.execute(_MAPPED, (run,)).fetchall()
            if not tasks and not groups:
                continue
            keys = self._keys_of(outline)
            for node, seconds in tasks:
                found.setdefault(keys[node], []).append(seconds)
            for node, mean, longest, _ in groups:
                if keys[node] not in mapped:
                    mapped[keys[node]] = self._children(run, node, mean, longest)
            order = keys if len(keys) > len(order) else order  # a run may have been of few tasks
            whole += 2 * (len(tasks) + len(groups)) >= size
            seen += len(tasks) + sum(group[3] for group in groups)
            if whole == _WHOLE or seen >= _ENOUGH:
                break
        middle = {key: _middle(some) for key, some in found.items()}
        return Durations(middle, mapped, order) if middle or mapped else None

    def _keys_of(self, outline: bytes) -> list[str]:
        """The keys by number; only they are read of what may be long."""
        if outline not in self._keys:
            row = self._connection.execute(
                "SELECT document FROM outlines WHERE digest=?", (outline,)
            ).fetchone()
            text = zlib.decompress(row[0]).decode()
            self._keys[outline] = json.JSONDecoder().raw_decode(text, text.index("[", text.index('"keys"')))[
                0
            ]
        return self._keys[outline]

    def _children(self, run: int, node: int, mean: float, longest: float) -> Children:
        first: tuple[int, ...] = ()
        if longest >= max(_LEAST, _UNEVEN * mean):
            first = tuple([row[0] for row in self._connection.execute(_CHILDREN, (run, node))])
        return Children(mean, longest, first)


def _middle(seconds: list[float]) -> float:
    """The middle one; of two the longer."""
    return seconds[0] if len(seconds) == 1 else sorted(seconds)[len(seconds) // 2]
