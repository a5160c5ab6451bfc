"""The names of runs and tasks in a history, for who completes them: a look, never a repair.

Guarantees: nothing is written, made or set aside, and nobody waits: where the history cannot be read at
once, there is nothing.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from flowkit.store import database
from flowkit.store.records import unpacked_outline
from flowkit.store.run_status import RunStatus

_RUNS = "SELECT number, name, flow, status, started FROM runs ORDER BY number DESC LIMIT ?"
_OUTLINE = "SELECT document FROM runs JOIN outlines ON digest=outline WHERE {} ORDER BY number DESC LIMIT 1"


class KnownRun(NamedTuple):
    """A run; `started` in seconds since 1970."""

    number: int
    name: str
    flow: str
    status: str
    started: float


def runs(folder: Path, limit: int = 50) -> list[KnownRun]:
    """The latest runs, the latest first.

    Args:
        folder: the state folder.
    """
    with _reading(folder) as connection, contextlib.suppress(sqlite3.Error, ValueError):
        rows = connection.execute(_RUNS, (limit,)).fetchall() if connection else []
        return [KnownRun(row[0], row[1], row[2], RunStatus(row[3]).word, row[4]) for row in rows]
    return []


def tasks(folder: Path, *, run: str = "latest", flow: str | None = None) -> list[str]:
    """The tasks of a run, by their keys, in the order of the plan.

    Args:
        run: its number, its name, or `latest` and `failed`, for which the latest stands.
        flow: then of its latest run.
    """
    wanted, value = ("flow=?", flow) if flow else ("? IN ('latest', 'failed', name, number || '')", run)
    with _reading(folder) as connection, contextlib.suppress(sqlite3.Error):
        row = connection.execute(_OUTLINE.format(wanted), (value,)).fetchone() if connection else None
        outline = unpacked_outline(row[0]) if row else {}
        hidden = set(outline.get("hidden", ()))
        return [str(key) for node, key in enumerate(outline.get("keys", ())) if node not in hidden]
    return []


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection | None]:
    path = folder / database.FILE
    connection = None
    with contextlib.suppress(sqlite3.Error, OSError):
        if path.is_file():
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.1)
    try:
        yield connection
    finally:
        if connection is not None:
            connection.close()
