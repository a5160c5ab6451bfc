"""How a damaged history is opened, so that what is whole of it can be read.

SQLite reads nothing without the first page, which says how the file is made and on which page each table
begins. Guarantees: the file is never changed; where its first page is of no use, a copy is read that has
another one. Relies on: a table begins on the same page in all histories of one schema, as long as they are
made by the same statements in the same order. `VACUUM`, which `flowkit clean` does, makes all tables before
the first index, so that there are two such orders; a migration that makes a table would add another.
Where neither fits, as with pages of another size, fewer tables open, and the file is read as it is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowkit.store import database, files

UNREADABLE = (sqlite3.Error, UnicodeDecodeError)  # the schema too may be damaged, and be no text
_SIZE = slice(28, 32)  # the bytes that say of how many pages the file is; 0: of as many as it has
_Tables = dict[str, list[str]]


@contextmanager
def salvaged(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a damaged history, or to a copy with another first page.

    Raises:
        OSError: there is no room for a copy.
    """
    with files.workplace(path.parent / files.FOLDER) as folder, opened(readable(path, folder)) as connection:
        yield connection


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads, whatever the state of the file, and takes text for what it can be."""
    alone = not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"  # see database.py
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    with contextlib.closing(connection):
        yield connection


def readable(path: Path, folder: Path) -> Path:
    """A damaged history, or its copy in a folder, where more tables can be opened with another first page."""
    fresh = folder / "fresh.db"
    database.open_to_write(fresh).close()
    wanted = _tables(fresh)
    own = _fitting(path, wanted)
    if own == len(wanted):
        return path
    copy = _copied(path, folder)
    fits = {page: _fitting(_begun_by(page, copy), wanted) for page in _first_pages(fresh)}
    best = max(fits, key=lambda page: fits[page])
    return _begun_by(best, copy) if fits[best] > own else path


def _fitting(path: Path, wanted: _Tables) -> int:
    """How many tables can be opened, and have the columns that they should have."""
    found = _tables(path)
    return sum(found.get(table) == columns for table, columns in wanted.items())


def _tables(path: Path) -> _Tables:
    """The columns of each table that can be opened: one that begins on a page of another kind cannot."""
    found = {}
    with opened(path) as connection:
        for table in database.TABLES:
            with contextlib.suppress(*UNREADABLE):
                cursor = connection.execute(f"SELECT * FROM {table} LIMIT 1")
                found[table] = [column[0] for column in cursor.description]
    return found


def _copied(path: Path, folder: Path) -> Path:
    copy = folder / "copy.db"
    for ending in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{ending}", f"{copy}{ending}")
    return copy


def _begun_by(page: bytes, copy: Path) -> Path:
    with copy.open("r+b") as file:
        file.write(page)
    return copy


def _first_pages(fresh: Path) -> Iterator[bytes]:
    """Those that a history has had from its beginning, and has since it was cleaned."""
    for statement in ("", "VACUUM"):
        with contextlib.closing(database.open_to_write(fresh)) as connection:
            connection.execute(statement)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            [size] = connection.execute("PRAGMA page_size").fetchone()
        page = bytearray(fresh.read_bytes()[:size])
        page[_SIZE] = bytes(4)
        yield bytes(page)
