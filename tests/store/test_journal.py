"""What happened, committed: each attempt is one row, its result in the same commit, and nothing twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from made_history import SIGNED, MadeHistory, failed, line, row

from flowkit.plan.events import Detail, Row
from flowkit.plan.status import CANCELLED, EXPANDED, MAPPED, RETRYING, RUNNING, SKIPPED, SUCCESS, WAITING
from flowkit.store import opening, owners
from flowkit.store.batch import Stored
from flowkit.store.cache_entry import said_of
from flowkit.store.journal import Journal
from flowkit.store.opening import Session
from flowkit.store.past import Past
from flowkit.store.results import Results
from flowkit.store.run_status import RunStatus

VALUES: list[Any] = [10, [20, 21, 22], "text"]
AGAIN = Session(executor="threads", workers=2, command="flowkit resume", flowkit="0.1.0")


@pytest.fixture
def journal(made: MadeHistory) -> Iterator[Journal]:
    journal = made.begun("etl", ["load", "clean", "report"], {})
    yield journal
    owners.release(made.folder, journal.run)


def attempts(made: MadeHistory) -> list[tuple[int, ...]]:
    """Node, child, attempt and status."""
    return made.rows("SELECT node, child, attempt, status FROM attempts ORDER BY node, child, attempt")


def past(made: MadeHistory, journal: Journal) -> Past:
    [[uid]] = made.rows("SELECT uid FROM runs WHERE number=?", journal.run)
    return Past(lambda: made.connection, journal.run, uid, Results(made.results, SIGNED))


def test_an_attempt_is_one_row_whether_its_end_comes_with_its_start_or_later(
    made: MadeHistory, journal: Journal
) -> None:
    journal.append([row(0, RUNNING, took=None), row(0, SUCCESS), row(2, RUNNING, took=None)], {}, VALUES)
    assert attempts(made) == [(0, -1, 1, SUCCESS), (2, -1, 1, RUNNING)]
    assert made.rows("SELECT ended FROM attempts WHERE node=2") == [(0.0,)]
    journal.append([row(2, SUCCESS)], {}, VALUES)
    assert attempts(made) == [(0, -1, 1, SUCCESS), (2, -1, 1, SUCCESS)]
    assert made.rows("SELECT node, batch FROM attempts ORDER BY node") == [(0, 0), (2, 1)]


def test_attempts_that_follow_each_other_are_rows_of_their_own(made: MadeHistory, journal: Journal) -> None:
    again = row(0, RETRYING, detail=Detail(retry_in=5.0))
    journal.append([row(0, RUNNING, took=None), again, row(0, RUNNING, attempt=2, took=None)], {}, VALUES)
    assert attempts(made) == [(0, -1, 1, RETRYING), (0, -1, 2, RUNNING)]
    [[detail]] = made.rows("SELECT detail FROM attempts WHERE attempt=1")
    assert json.loads(detail) == {"retry_in": 5.0}


def test_a_mapped_task_has_rows_for_its_width_its_children_and_its_end(
    made: MadeHistory, journal: Journal
) -> None:
    rows: list[Row] = [row(1, EXPANDED, attempt=3)]
    rows += [
        row(1, SUCCESS, child=0),
        failed(1, 1),
        row(1, SKIPPED, child=2, attempt=0, detail="An upstream."),
    ]
    rows += [row(1, MAPPED, attempt=0)]
    journal.append(rows, {}, VALUES)
    assert attempts(made) == [
        (1, -1, -1, EXPANDED),
        (1, -1, 0, MAPPED),
        (1, 0, 1, SUCCESS),
        (1, 1, 1, 9),
        (1, 2, 0, SKIPPED),
    ]
    details = dict(made.rows("SELECT child, detail FROM attempts WHERE detail IS NOT NULL"))
    assert json.loads(details[-1]) == {"width": 3}
    assert json.loads(details[2]) == {"message": "An upstream."}
    assert json.loads(details[1])["failure"]["type_name"] == "ValueError"


def test_results_are_read_back_from_the_commit_of_their_row(made: MadeHistory, journal: Journal) -> None:
    pickled = Results(made.results, SIGNED).packed(["a list"])
    journal.append([row(0, SUCCESS), row(1, SUCCESS, child=2)], {}, VALUES)
    journal.append([row(2, SUCCESS)], {(2, -1): pickled}, VALUES)
    found = past(made, journal)
    assert (found.value(0, -1), found.value(1, 2), found.value(2, -1)) == (10, 22, ["a list"])
    assert all(mark in found.readable() for mark in [(0, -1, 1), (1, 2, 1), (2, -1, 1)])
    assert (2, -1, 2) not in found.readable()


def test_an_end_that_is_written_twice_is_the_later_one(made: MadeHistory, journal: Journal) -> None:
    journal.append([row(0, SUCCESS)], {}, VALUES)
    journal.append([row(0, CANCELLED)], {}, VALUES)
    assert attempts(made) == [(0, -1, 1, CANCELLED)]
    journal.append([row(0, SUCCESS)], {}, [11, [], ""])
    assert past(made, journal).value(0, -1) == 11


def test_what_cannot_be_written_leaves_nothing_of_its_commit(made: MadeHistory, journal: Journal) -> None:
    journal.append([row(0, SUCCESS)], {}, VALUES, [line("first")])
    made.connection.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON logs WHEN NEW.text='third'"
        " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    )
    with pytest.raises(sqlite3.Error, match="the disk is full"):
        journal.append([row(2, SUCCESS)], {}, VALUES, [line("second"), line("third")])
    assert attempts(made) == [(0, -1, 1, SUCCESS)]
    assert made.rows("SELECT text FROM logs") == [("first",)]


def test_a_large_result_is_known_to_belong_to_its_run(made: MadeHistory, journal: Journal) -> None:
    stored = Stored("f", made.file(b"x" * 100), 100)
    journal.append([row(0, SUCCESS), row(2, SUCCESS)], {(0, -1): stored, (2, -1): stored}, VALUES)
    assert made.rows("SELECT digest, owner, size FROM files") == [(stored.payload, f"run {journal.run}", 100)]
    journal.end(RunStatus.SUCCESS, "", 0, {})
    assert made.rows("SELECT bytes FROM runs") == [(100,)]


def test_more_rows_than_a_statement_takes_are_all_written(made: MadeHistory, journal: Journal) -> None:
    rows = [row(1, SUCCESS, child=child) for child in range(1000)]
    journal.append(rows, {}, [0, list(range(1000)), ""], [line(str(number)) for number in range(777)])
    assert made.rows("SELECT COUNT(*) FROM attempts") == [(1000,)]
    assert [text for [text] in made.rows("SELECT text FROM logs ORDER BY line")] == [*map(str, range(777))]
    assert past(made, journal).value(1, 999) == 999


def test_what_an_entry_of_the_cache_was_made_from_is_written(made: MadeHistory, journal: Journal) -> None:
    origin = said_of(b"\x01\x02", '[["x", "ab", ""]]', run=3, attempt=1)
    journal.append([row(0, 6, detail=Detail(message="found", origin=origin))], {}, VALUES)
    [[detail]] = made.rows("SELECT detail FROM attempts")
    assert json.loads(detail) == {
        "message": "found",
        "origin": {
            "key": "0102",
            "inputs": [["x", "ab", ""]],
            "run": 3,
            "attempt": 1,
        },
    }


def test_another_connection_sees_a_commit_at_once(made: MadeHistory, journal: Journal) -> None:
    with closing(sqlite3.connect(made.path)) as other:
        journal.append([row(0, SUCCESS)], {}, VALUES)
        assert other.execute("SELECT COUNT(*) FROM attempts, results WHERE results.batch=0").fetchone() == (
            1,
        )


def goes_on(made: MadeHistory, run: int, stale: list[tuple[int, int]]) -> Journal:
    owners.claim(made.folder, run)
    begun = opening.go_on(
        made.connection,
        made.folder,
        run,
        AGAIN,
        asked={},
        outline=(b"new", b""),
        codes=[],
        parameters={},
        values=b"",
        stale=stale,
    )
    return Journal(
        made.connection,
        run,
        begun.session,
        begun.uid,
        SIGNED,
        0.0,
        batch=begun.batch,
        line=begun.line,
        ids=[0, 1, 7],
    )


def test_a_later_session_goes_on_behind_the_first_under_the_numbers_of_its_tasks(
    made: MadeHistory, journal: Journal
) -> None:
    journal.append([row(0, SUCCESS), failed(2)], {}, VALUES, [line("first")])
    journal.append([], {}, VALUES, [line("second")])
    journal.end(RunStatus.FAILED, "", 1, {})
    owners.release(made.folder, journal.run)
    later = goes_on(made, journal.run, [])
    later.append([row(2, SUCCESS)], {}, VALUES, [line("third", node=2)])
    assert attempts(made) == [(0, -1, 1, SUCCESS), (2, -1, 1, 9), (7, -1, 1, SUCCESS)]
    assert past(made, journal).value(0, -1) == 10
    assert past(made, journal).value(7, -1) == "text"
    assert made.rows("SELECT line, node, text FROM logs ORDER BY line") == [
        (0, 0, "first"),
        (1, 0, "second"),
        (2, 7, "third"),
    ]


def test_what_is_no_number_any_more_does_not_keep_a_run_from_going_on(
    made: MadeHistory, journal: Journal
) -> None:
    journal.append([row(0, SUCCESS)], {}, VALUES, [line("first")])
    made.connection.execute("UPDATE attempts SET batch='x'")
    made.connection.execute("UPDATE logs SET line='x'")
    owners.release(made.folder, journal.run)
    goes_on(made, journal.run, []).append([row(1, SUCCESS)], {}, VALUES, [line("second")])
    assert past(made, journal).value(1, -1) == VALUES[1]


def test_what_does_not_stand_any_more_waits_until_it_has_ended_anew(
    made: MadeHistory, journal: Journal
) -> None:
    journal.append([row(0, SUCCESS), row(1, SUCCESS, child=0)], {}, VALUES)
    owners.release(made.folder, journal.run)
    later = goes_on(made, journal.run, [(0, -1), (1, 0)])
    last = {(each.node, each.child): each.status for each in past(made, journal).attempts()}
    assert last == {(0, -1): WAITING, (1, 0): WAITING}
    later.append([row(0, SUCCESS, attempt=2)], {}, VALUES)
    last = {(each.node, each.child): each.status for each in past(made, journal).attempts()}
    assert last == {(0, -1): SUCCESS, (1, 0): WAITING}
    assert (0, -1, 1, SUCCESS) in attempts(made), "what had been done stays in the history"
