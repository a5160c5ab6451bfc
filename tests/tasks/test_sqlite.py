"""Queries and scripts of SQLite by tasks."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from flowkit import Flow
from flowkit.errors import CallError
from flowkit.executors import ThreadExecutor
from flowkit.plan.state import Failed, TimedOut
from flowkit.tasks.database import SQLiteQuery, SQLiteScript

MAKE = "CREATE TABLE birds (name TEXT UNIQUE, grams INT); INSERT INTO birds VALUES ('wren', 9);"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    SQLiteScript().run(tmp_path / "ü.db", MAKE)
    return tmp_path / "ü.db"


def test_a_script_makes_what_a_query_reads(tmp_path: Path) -> None:
    with Flow("birds") as flow:
        made = SQLiteScript(str(tmp_path / "new.db"), MAKE)()
        read = SQLiteQuery(tmp_path / "new.db", "SELECT * FROM birds")(upstream_tasks=[made])
    result = flow.run(history=False).result
    assert result[made].result is None
    assert result[read].result == [("wren", 9)]


def test_values_are_no_part_of_the_statement(ended: Any, db: Path) -> None:
    odd = "'; DROP TABLE birds; -- ü"
    insert = SQLiteQuery(db, "INSERT INTO birds VALUES (?, ?)")
    assert ended(insert, data=(odd, 1)).result == []
    by_name = SQLiteQuery(db)
    assert ended(by_name, query="SELECT name FROM birds WHERE grams = :g", data={"g": 1}).result == [(odd,)]


def test_what_a_query_changes_is_committed_and_not_where_it_fails(ended: Any, db: Path) -> None:
    doubled = SQLiteQuery(db, "INSERT INTO birds VALUES ('owl', 1), ('wren', 2)")
    state = ended(doubled)
    assert type(state) is Failed and isinstance(state.result, sqlite3.IntegrityError)
    assert str(state.result) == f"UNIQUE constraint failed: birds.name, in the database `{db}`"
    assert ended(SQLiteQuery(db, "SELECT count(*) FROM birds")).result == [(1,)]


def test_a_script_that_fails_names_the_file(ended: Any, db: Path) -> None:
    state = ended(SQLiteScript(db), script="INSERT INTO birds VALUES ('tit', 11); SELEC;")
    assert isinstance(state.result, sqlite3.OperationalError)
    assert "SELEC" in str(state.result) and f"`{db}`" in str(state.result)


def test_a_file_that_cannot_be_opened_is_named(ended: Any, tmp_path: Path) -> None:
    state = ended(SQLiteQuery(tmp_path / "no" / "x.db", "SELECT 1"))
    assert f"unable to open database file, in the database `{tmp_path}/no/x.db`" == str(state.result)
    (tmp_path / "text.db").write_text("this is no database" * 100)
    assert "text.db" in str(ended(SQLiteQuery(tmp_path / "text.db", "SELECT * FROM t")).result)


def test_what_is_missing_is_named(ended: Any, db: Path) -> None:
    for made, words in [(SQLiteQuery(query="SELECT 1"), "a `db`"), (SQLiteQuery(db), "a `query`")]:
        state = ended(made)
        assert isinstance(state.result, CallError) and words in str(state.result)
    assert "a `script`" in str(ended(SQLiteScript(db)).result)


def test_a_query_that_takes_too_long_does_not_go_on(db: Path) -> None:
    """It would hold the lock for ever: the next one could not write."""
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " INSERT INTO birds SELECT 'x', i FROM n WHERE i < 0"
    )
    with Flow("endless") as flow:
        late = SQLiteQuery(db, endless, timeout=0.3)()
        after = SQLiteQuery(db, "INSERT INTO birds VALUES ('crow', 500)", trigger="all_finished")(
            upstream_tasks=[late]
        )
    result = flow.run(executor=ThreadExecutor(1), history=False).result
    assert type(result[late]) is TimedOut
    assert result[after].is_successful()
