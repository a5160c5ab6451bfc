"""SQLite as tasks. sqlite3 is imported when a task runs.

Source of the vocabulary: Prefect classic, 21.4.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from flowkit.engine.stop_notices import told
from flowkit.errors import CallError
from flowkit.flow.defaults import defaults_from_attrs
from flowkit.flow.task import Task

if TYPE_CHECKING:
    from sqlite3 import Connection

Data = Sequence[Any] | Mapping[str, Any]


class SQLiteQuery(Task):
    """Run one statement and give its rows; what it changes is committed.

    Args:
        db: the file; it is made where there is none. `:memory:` is a database that ends with the task.
        query: the statement, with `?` or `:name` for each value.
        data: the values.
        **options: those of `Task`.
    """

    def __init__(
        self,
        db: str | os.PathLike[str] | None = None,
        query: str | None = None,
        data: Data = (),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.db = db
        self.query = query
        self.data = data

    @defaults_from_attrs("db", "query", "data")
    def run(
        self,
        db: str | os.PathLike[str] | None = None,
        query: str | None = None,
        data: Data = (),
    ) -> list[tuple[Any, ...]]:
        """Run it.

        Returns:
            All rows; of a statement that has none, an empty list.

        Raises:
            sqlite3.Error: with the file; nothing is changed.
            CallError: an argument is missing.
        """
        with _connected(db, self.name) as connection, connection:
            return connection.execute(_given(query, "query", self.name), data).fetchall()


class SQLiteScript(Task):
    """Run statements, one after another. Each is committed by itself, but for those in a `BEGIN` of theirs.

    Args:
        db: the file; it is made where there is none.
        script: the statements, with `;` after each.
        **options: those of `Task`.
    """

    def __init__(
        self, db: str | os.PathLike[str] | None = None, script: str | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.db = db
        self.script = script

    @defaults_from_attrs("db", "script")
    def run(self, db: str | os.PathLike[str] | None = None, script: str | None = None) -> None:
        """Run them.

        Raises:
            sqlite3.Error: with the file; the statements before the one that failed have been run.
            CallError: an argument is missing.
        """
        with _connected(db, self.name) as connection, connection:
            connection.executescript(_given(script, "script", self.name))


class _Query:
    """What runs in a connection, and ends when its attempt is given up."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self) -> None:
        """It may still end in the grace time."""

    def give_up(self) -> None:
        self._connection.interrupt()


@contextmanager
def _connected(db: str | os.PathLike[str] | None, task: str) -> Iterator[Connection]:
    """A connection to a file, which errors name."""
    import sqlite3

    path = _given(db, "db", task)
    try:
        # The thread that gives an attempt up is another than the one that queries.
        with (
            closing(sqlite3.connect(path, check_same_thread=False)) as connection,
            told(_Query(connection)),
        ):
            yield connection
    except sqlite3.Error as error:
        raise type(error)(f"{error}, in the database `{os.fspath(path)}`") from error


def _given(value: Any, what: str, task: str) -> Any:
    if not value:
        raise CallError(f"the task `{task}` needs a `{what}`")
    return value
