"""The line of the summary that says what more workers would have done, of real runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from run_place import Place

from flowkit import Flow, task
from flowkit.cli.more_workers import more_workers_line
from flowkit.cli.styled import plain
from flowkit.engine.outcome import Outcome
from flowkit.executors import LocalExecutor, ThreadExecutor
from flowkit.plan.status import CACHED
from flowkit.store import database


@task
def wait(number: int) -> int:
    return number


@task
def late(numbers: Any) -> None:
    if len(numbers) > 12:
        raise ValueError("too many")


def waiting(children: int = 12) -> Flow:
    with Flow("waiting") as flow:
        late(wait.map(list(range(children))))
    return flow


def as_if(place: Place, outcome: Outcome, seconds: float, workers: int) -> Outcome:
    """As if its children had taken so long each, one after the other on each worker."""
    connection = database.open_to_write(place.folder / database.FILE)
    query = (
        "UPDATE attempts SET started=first+(child/?)*?, ended=first+(child/?+1)*?, worker='w'||(child%?)"
        " FROM (SELECT MIN(started) AS first FROM attempts) WHERE attempt>0 AND child>=0"
    )
    connection.execute(query, (workers, seconds, workers, seconds, workers))
    connection.execute("UPDATE sessions SET ended=(SELECT MAX(ended) FROM attempts)")
    connection.close()
    children = max(group.width for group in outcome.engine.machine.groups.values())
    return replace(outcome, duration=children / workers * seconds)


def line(place: Place, monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> str:
    monkeypatch.chdir(place.project.root)
    return plain(more_workers_line(outcome))


def test_a_run_that_waited_says_how_many_workers_would_have_been_worth_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = place.run(waiting(), executor=ThreadExecutor(2)).outcome
    outcome = as_if(place, outcome, seconds=600.0, workers=2)
    assert line(place, monkeypatch, outcome) == "  with 16 workers  about 10:00 (critical path 10:00)"


@task(cache=True)
def numbers() -> list[int]:
    return list(range(12))


@task(cache=True)
def double(number: int) -> int:
    return 2 * number


def kept() -> Flow:
    with Flow("kept") as flow:
        late(wait.map(double.map(numbers())))
    return flow


def test_what_was_found_in_the_cache_took_no_time_and_takes_none(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run(kept(), executor=ThreadExecutor(2))
    outcome = place.run(kept(), executor=ThreadExecutor(2)).outcome
    machine = outcome.engine.machine
    assert CACHED in machine.status and set(machine.groups[outcome.plan.keys.index("double")].states) == {
        CACHED
    }
    outcome = as_if(place, outcome, seconds=600.0, workers=2)
    assert line(place, monkeypatch, outcome) == "  with 16 workers  about 10:00 (critical path 10:00)"


def test_what_was_tried_again_is_so_with_more_workers_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[int] = []

    @task(max_retries=2, retry_delay=0)
    def flaky(number: int) -> int:
        if number == 3 and len(failed) < 2:
            failed.append(number)
            raise OSError("server away")
        return number

    with Flow("flaky") as flow:
        late(flaky.map(list(range(12))))
    outcome = place.run(flow, executor=ThreadExecutor(2)).outcome
    assert len(failed) == 2
    outcome = as_if(place, outcome, seconds=600.0, workers=2)
    outcome = replace(outcome, duration=outcome.duration + 600.0)
    assert line(place, monkeypatch, outcome) == "  with 8 workers  about 30:00 (critical path 30:00)"


def test_a_short_run_says_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = place.run(waiting(), executor=ThreadExecutor(2)).outcome
    assert line(place, monkeypatch, as_if(place, outcome, seconds=0.4, workers=2)) == ""


def test_a_run_that_failed_says_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = place.run(waiting(14), executor=ThreadExecutor(2)).outcome
    assert outcome.exit_code == 1
    assert line(place, monkeypatch, as_if(place, outcome, seconds=600.0, workers=2)) == ""


def test_an_inline_run_has_no_workers_to_have_more_of(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = place.run(waiting(), executor=LocalExecutor()).outcome
    assert line(place, monkeypatch, as_if(place, outcome, seconds=600.0, workers=1)) == ""


def test_it_is_not_asked_of_a_run_for_which_that_would_cost_much(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = place.run(waiting(), executor=ThreadExecutor(2)).outcome
    outcome.engine.machine.groups[max(outcome.engine.machine.groups)].width = 10_000_000
    assert line(place, monkeypatch, replace(outcome, duration=60.0)) == ""


def test_without_a_history_it_says_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = place.run(waiting(), executor=ThreadExecutor(2)).outcome
    outcome = as_if(place, outcome, seconds=600.0, workers=2)
    (place.folder / database.FILE).unlink()
    assert line(place, monkeypatch, outcome) == ""
