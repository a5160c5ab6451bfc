"""How long tasks took in earlier runs: what counts, what does not, and that asking harms nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from made_history import KEYS, MadeHistory, failed, row

from flowkit.plan.durations import Children, Durations
from flowkit.plan.events import Row
from flowkit.plan.status import CACHED, MAPPED, SUCCESS
from flowkit.store import database
from flowkit.store.durations import known_durations
from flowkit.store.run_status import RunStatus


def known(made: MadeHistory, flow: str = "etl") -> Durations | None:
    return known_durations(made.connection, flow, len(KEYS))


def tasks(made: MadeHistory) -> dict[str, float]:
    found = known(made)
    return {} if found is None else {key: round(value, 3) for key, value in found.tasks.items()}


def took(*seconds: float) -> list[Row]:
    """The first tasks, one after the other."""
    return [row(node, SUCCESS, took=each) for node, each in enumerate(seconds)]


def children(*seconds: float) -> list[Row]:
    """Of the task `clean`, mapped."""
    made = [row(1, SUCCESS, child=child, took=each) for child, each in enumerate(seconds)]
    return [row(1, 4, attempt=len(seconds)), *made, row(1, MAPPED, attempt=0, took=max(seconds))]


def test_without_a_run_nothing_is_known(made: MadeHistory) -> None:
    assert known(made) is None
    made.run(rows=took(1, 2, 3), flow="another")
    assert known(made) is None


def test_each_task_has_the_duration_that_it_had_by_its_key(made: MadeHistory) -> None:
    made.run(rows=took(1, 2, 3))
    assert tasks(made) == {"load": 1, "clean": 2, "report": 3}


def test_of_the_latest_three_runs_the_middle_one_counts(made: MadeHistory) -> None:
    for seconds in (500, 1, 90, 2):
        made.run(rows=took(seconds, 2, 3))
    assert tasks(made)["load"] == 2


def test_of_two_runs_the_longer_one_counts(made: MadeHistory) -> None:
    for seconds in (3, 1):
        made.run(rows=took(seconds))
    assert tasks(made) == {"load": 3}


def test_what_was_found_and_what_failed_say_nothing(made: MadeHistory) -> None:
    made.run(rows=took(1, 2, 3))
    made.run(RunStatus.FAILED, [row(0, CACHED, took=0.0), failed(1), row(2, SUCCESS, attempt=0, took=0.0)])
    assert tasks(made) == {"load": 1, "clean": 2, "report": 3}


def test_an_attempt_that_succeeded_after_others_counts_alone(made: MadeHistory) -> None:
    made.run(rows=[failed(0), row(0, SUCCESS, attempt=2, took=7.0)])
    assert tasks(made) == {"load": 7}


def test_runs_of_a_few_tasks_hide_nothing_of_those_before(made: MadeHistory) -> None:
    made.run(rows=took(1, 2, 3))
    for _ in range(5):
        made.run(rows=took(1))
    found = known(made)
    assert found is not None
    assert found.tasks.keys() == set(KEYS)


def test_a_key_is_that_of_its_own_run_whatever_its_number_there(made: MadeHistory) -> None:
    made.run(rows=took(1, 2, 3))
    made.run(rows=took(3, 1, 2), keys=("report", "load", "clean"))
    found = known(made)
    assert found is not None
    assert {key: round(value) for key, value in found.tasks.items()} == {"load": 1, "clean": 2, "report": 3}
    assert found.order == ["report", "load", "clean"]


def test_the_order_is_that_of_the_latest_run_with_most_tasks(made: MadeHistory) -> None:
    made.run(rows=took(1, 2, 3))
    made.run(rows=took(1), keys=("load",))
    found = known(made)
    assert found is not None
    assert found.order == list(KEYS)


def test_children_have_a_mean_a_longest_and_an_order(made: MadeHistory) -> None:
    made.run(rows=[row(0, SUCCESS), *children(1, 6, 2)])
    found = known(made)
    assert found is not None
    assert found.tasks.keys() == {"load"}
    assert found.mapped == {"clean": Children(pytest.approx(3), pytest.approx(6), (1, 2, 0), 3)}


@pytest.mark.parametrize("seconds", [(5.0, 5.1, 4.9), (0.001, 0.009, 0.002), (3.0,)])
def test_children_that_are_alike_or_short_go_in_the_order_of_their_numbers(
    made: MadeHistory, seconds: tuple[float, ...]
) -> None:
    made.run(rows=children(*seconds))
    found = known(made)
    assert found is not None
    assert found.mapped["clean"].first == ()


def test_of_many_children_the_longest_are_known(made: MadeHistory) -> None:
    run = made.run(rows=children(1.0))
    made.connection.execute(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2499)"
        " INSERT INTO attempts SELECT run, node, n, 1, status, 0, n, worker, detail, batch, session"
        " FROM attempts, numbers WHERE run=? AND child=0",
        (run,),
    )
    found = known(made)
    assert found is not None
    assert found.mapped["clean"].first == tuple(range(2499, 1499, -1))


def test_only_the_latest_runs_are_asked(made: MadeHistory) -> None:
    made.run(rows=took(1, 2, 3))
    for _ in range(20):
        made.run(RunStatus.FAILED, [failed(0)])
    assert known(made) is None


def test_runs_of_many_tasks_are_asked_alone(made: MadeHistory) -> None:
    keys = [f"task-{number}" for number in range(10_000)]
    made.run(rows=took(1, 2, 3))
    made.run(rows=[row(node, SUCCESS) for node in range(10_000)], keys=keys)
    found = known(made)
    assert found is not None
    assert found.tasks.keys() == set(keys)


def break_outlines(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE outlines SET document=x'00112233'")


def lose_outlines(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM outlines")


def lose_keys(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE attempts SET node=node+100")


def lose_a_table(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE attempts")


@pytest.mark.parametrize("damage", [break_outlines, lose_outlines, lose_keys, lose_a_table])
def test_a_damaged_history_tells_nothing_and_is_left_as_it_is(
    made: MadeHistory, damage: Callable[[sqlite3.Connection], None]
) -> None:
    made.run(rows=took(1, 2, 3))
    damage(made.connection)
    assert known(made) is None
    assert made.path.exists()
    assert database.SET_ASIDE == []


@pytest.mark.parametrize("ended", ["'soon'", "started - 5", "9e99", "-9e999"])
def test_times_that_cannot_be_are_not_believed(made: MadeHistory, ended: str) -> None:
    made.run(rows=took(1, 2, 3))
    made.connection.execute(f"UPDATE attempts SET ended={ended} WHERE node=1")
    assert tasks(made) == {"load": 1, "report": 3}
