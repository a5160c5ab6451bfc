"""How tasks went in earlier runs, one by one: which run counts, what does not; asking harms nothing."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable

import pytest
from made_history import BEGAN, KEYS, MadeHistory, failed, row

from flowkit.plan.durations import Recording
from flowkit.plan.events import Row
from flowkit.plan.status import CACHED, EXPANDED, LOOPED, MAPPED, RETRYING, SKIPPED, SUCCESS
from flowkit.plan.verdicts import GATE_SHUT, UPSTREAM_SKIPPED
from flowkit.store import database
from flowkit.store.recorded import recorded


def known(made: MadeHistory, run: int | None = None) -> Recording:
    found = recorded(made.connection, "etl", KEYS, GATE_SHUT, run)
    assert found is not None
    return found


def seconds(made: MadeHistory) -> dict[str, tuple[int, float | None]]:
    """By task the run that tells, and what it tells."""
    return {
        key: (task.run, None if task.seconds is None else round(task.seconds, 3))
        for key, task in known(made).tasks.items()
    }


def took(*each: float) -> list[Row]:
    """The first tasks, one after the other."""
    return [row(node, SUCCESS, took=some) for node, some in enumerate(each)]


def timed(node: int, started: float, ended: float, worker: str) -> Row:
    return (node, -1, 1, SUCCESS, BEGAN + started, BEGAN + ended, worker, None)


def skipped(node: int, reason: str, child: int = -1) -> Row:
    return row(node, SKIPPED, child=child, attempt=0, took=0.0, detail=reason)


def test_without_a_run_nothing_is_known(made: MadeHistory) -> None:
    assert recorded(made.connection, "etl", KEYS, GATE_SHUT) is None
    made.run(rows=[failed(0)])
    assert recorded(made.connection, "etl", KEYS, GATE_SHUT) is None


def test_of_each_task_the_latest_run_counts_that_made_it(made: MadeHistory) -> None:
    first = made.run(rows=took(1, 2, 3))
    second = made.run(rows=[*took(5), failed(1)])
    assert seconds(made) == {"load": (second, 5), "clean": (first, 2), "report": (first, 3)}
    assert known(made).runs.keys() == {first, second}


def test_what_was_found_in_the_cache_has_the_seconds_of_the_run_that_made_it(made: MadeHistory) -> None:
    first = made.run(rows=took(1, 2, 3))
    made.run(rows=[row(0, CACHED), row(1, CACHED), row(2, CACHED)])
    assert seconds(made) == {"load": (first, 1), "clean": (first, 2), "report": (first, 3)}


def test_where_the_latest_run_tells_all_no_other_is_asked(made: MadeHistory) -> None:
    made.run(rows=took(1, 2, 3))
    latest = made.run(rows=took(4, 5, 6))
    assert known(made).runs.keys() == {latest}


def test_one_run_can_be_asked_alone(made: MadeHistory) -> None:
    first = made.run(rows=took(1, 2, 3))
    made.run(rows=took(4, 5, 6))
    assert known(made, run=first).tasks["load"].seconds == pytest.approx(1)


def test_children_have_their_own_seconds_and_those_not_made_none(made: MadeHistory) -> None:
    some = [
        row(1, EXPANDED, attempt=3),
        row(1, SUCCESS, child=0, took=1.0),
        failed(1, child=1),
        row(1, SUCCESS, child=2, took=4.0),
        row(1, MAPPED, attempt=0, took=4.0),
    ]
    run = made.run(rows=[row(0, SUCCESS), *some])
    task = known(made).tasks["clean"]
    assert (task.run, task.width, task.seconds) == (run, 3, None)
    assert [round(each) for each in task.children if not math.isnan(each)] == [1, 4]
    assert math.isnan(task.children[1])


def test_iterations_add_up_and_retries_are_told_apart(made: MadeHistory) -> None:
    made.run(
        rows=[
            row(0, LOOPED, took=2.0),
            row(0, LOOPED, attempt=2, took=3.0),
            row(0, SUCCESS, attempt=3, took=4.0),
            row(1, RETRYING, took=7.0),
            row(1, SUCCESS, attempt=2, took=5.0),
        ]
    )
    found = known(made)
    assert found.tasks["load"].seconds == pytest.approx(9)
    assert found.tasks["clean"].seconds == pytest.approx(5)
    assert (found.retried, found.lost) == (1, pytest.approx(7))


def test_who_skipped_itself_who_was_skipped_and_for_what(made: MadeHistory) -> None:
    made.run(
        rows=[
            row(0, SKIPPED, took=2.0),
            row(1, EXPANDED, attempt=3),
            row(1, SUCCESS, child=0),
            skipped(1, GATE_SHUT, child=1),
            skipped(1, UPSTREAM_SKIPPED, child=2),
            row(1, MAPPED, attempt=0),
            skipped(2, GATE_SHUT),
        ]
    )
    load, clean, report = (known(made).tasks[key] for key in KEYS)
    assert (load.skipped, load.seconds) == ({-1}, pytest.approx(2))
    assert (clean.skipped, clean.idle, clean.shut) == (set(), {1, 2}, {1})
    assert (report.idle, report.shut, report.is_known) == ({-1}, {-1}, True)


def test_handing_over_is_what_lies_between_two_calls_of_a_busy_worker(made: MadeHistory) -> None:
    made.run(
        rows=[
            timed(0, 0.5, 1.0, "worker-1"),
            timed(1, 1.001, 2.0, "worker-1"),
            timed(2, 3.5, 4.0, "worker-1"),  # it waited for something
        ]
    )
    found = known(made)
    assert found.hand_over == pytest.approx(0.001, abs=1e-5)
    assert found.around == pytest.approx(0.5 + 1.0, abs=1e-5)


def test_where_all_wait_for_the_lock_handing_over_is_no_more_than_there_was_time_for(
    made: MadeHistory,
) -> None:
    keys = [f"task-{number}" for number in range(40)]
    rows = [
        timed(node, place * 0.02, place * 0.02 + 0.0001, f"worker-{node % 4}")
        for node, place in ((node, node // 4) for node in range(40))
    ]
    made.run(rows=rows, keys=keys)
    found = recorded(made.connection, "etl", keys, GATE_SHUT)
    assert found is not None
    assert found.hand_over == pytest.approx(9 * 0.02 / 40, rel=0.01)


def test_in_a_run_of_several_sessions_nothing_lies_around(made: MadeHistory) -> None:
    run = made.run(rows=took(1, 2, 3))
    made.connection.execute(
        "INSERT INTO sessions SELECT run, 2, started, ended, pid, host, boot, born, executor,"
        " workers, command, flowkit, python, exit_code FROM sessions WHERE run=?",
        (run,),
    )
    assert known(made).around == 0


@pytest.mark.parametrize("ended", ["'soon'", "started - 5", "9e99", "-9e999"])
def test_times_that_cannot_be_are_not_believed(made: MadeHistory, ended: str) -> None:
    made.run(rows=took(1, 2, 3))
    made.connection.execute(f"UPDATE attempts SET ended={ended} WHERE node=1")
    found = recorded(made.connection, "etl", KEYS, GATE_SHUT)
    assert found is None or not found.tasks["clean"].run


def break_outlines(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE outlines SET document=x'00112233'")


def lose_keys(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE attempts SET node=node+100")


def lose_a_table(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE attempts")


@pytest.mark.parametrize("damage", [break_outlines, lose_keys, lose_a_table])
def test_a_damaged_history_tells_nothing_and_is_left_as_it_is(
    made: MadeHistory, damage: Callable[[sqlite3.Connection], None]
) -> None:
    made.run(rows=took(1, 2, 3))
    damage(made.connection)
    assert recorded(made.connection, "etl", KEYS, GATE_SHUT) is None
    assert made.path.exists()
    assert database.SET_ASIDE == []
