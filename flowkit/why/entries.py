"""The entries of the cache, read: what there is, what it was made from, and whether it would be found.

Guarantees: nothing is written, and no lock is taken; an entry that was altered, or whose file is gone, is not
found, as in a run (cached.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowkit.store.batch import NOTHING, Stored
from flowkit.store.cache_entry import ALTERED, EXPIRED, UNREADABLE, is_expired, unpacked
from flowkit.store.records import table
from flowkit.store.results import Results, UnreadableError
from flowkit.why.archive import Archive
from flowkit.why.outputs import is_altered

_COLUMNS = "key, flow, task, run, attempt, made, used, took, bytes, code, origin"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry, without its data.

    Attributes:
        task: the key of a task, or of a child of a mapped one.
        took: seconds that making it took.
        code: the digest of its code, in hex.
        inputs: name, digest and upstream of each argument.
    """

    key: bytes
    flow: str
    task: str
    run: int
    attempt: int
    made: float
    used: float
    took: float
    bytes: int
    code: str
    inputs: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Looked:
    """What a look for an entry gave.

    Attributes:
        entry: None where there is none to be used.
        missed: why one that is there is of no use: EXPIRED, UNREADABLE, ALTERED or "".
    """

    entry: Entry | None = None
    value: Any = None
    stored: Stored = NOTHING
    missed: str = ""


def listed(archive: Archive, flow: str | None = None, task: str | None = None) -> list[Entry]:
    """The entries of all flows, of one, or of one task with its children; by task, the latest first."""
    wanted = [("flow=?", flow)] if flow is not None else []
    if task is not None:
        wanted.append(("(task=? OR substr(task, 1, length(?) + 1) = ? || '[')", task))
    where = f" WHERE {' AND '.join(clause for clause, _ in wanted)}" if wanted else ""
    values = [value for clause, value in wanted for _ in range(clause.count("?"))]
    rows = archive.rows(f"SELECT {_COLUMNS} FROM cache{where} ORDER BY flow, task, made DESC", values)
    return [_entry(row) for row in rows]


def look(archive: Archive, results: Results, key: bytes, limit: Any = None) -> Looked:
    """Look for an entry as a run would.

    Args:
        results: turns bytes into values.
        limit: the `cache` of the task; a `timedelta` bounds how old an entry may be.
    """
    rows = archive.rows(f"SELECT {_COLUMNS}, data FROM cache WHERE key=?", (key,))
    if not rows:
        return Looked()
    *columns, data = rows[0]
    entry = _entry(columns)
    if is_expired(limit, entry.made):
        return Looked(missed=EXPIRED)
    stored = unpacked(data, key, results.key) or NOTHING
    try:
        value = results.loaded(stored)
    except UnreadableError:
        return Looked(missed=UNREADABLE)
    return Looked(missed=ALTERED) if is_altered(columns[-1], value) else Looked(entry, value, stored)


def has_code(archive: Archive, flow: str, task: str, code: str) -> bool:
    """Whether a task, or a child of it, has an entry that was made by this code."""
    query = (
        "SELECT 1 FROM cache WHERE flow=? AND code=? AND"
        " (task=? OR substr(task, 1, length(?) + 1) = ? || '[') LIMIT 1"
    )
    return bool(archive.rows(query, (flow, bytes.fromhex(code), task, task, task)))


def _entry(row: Sequence[Any]) -> Entry:
    key, flow, task, run, attempt, made, used, took, size, code, origin = row
    return Entry(
        key=key,
        flow=flow,
        task=task,
        run=run,
        attempt=attempt,
        made=made,
        used=used,
        took=took,
        bytes=size,
        code=bytes(code).hex(),
        inputs=_inputs(origin),
    )


def _inputs(text: str) -> tuple[tuple[str, str, str], ...]:
    """Inputs as they are written; none where that is damaged."""
    try:
        return tuple((str(name), str(digest), str(source)) for name, digest, source in table(text)["inputs"])
    except (KeyError, ValueError, TypeError):
        return ()
