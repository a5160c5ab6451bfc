"""A selection of tasks takes the results of the others from the latest run that has them."""

from __future__ import annotations

import os
from typing import Any

import pytest
from run_place import Place

from flowkit import Flow, Parameter, task
from flowkit.errors import UsageError
from flowkit.plan.outline import named_digest
from flowkit.runs.memory import Asked


@task
def load(day: int) -> list[int]:
    return [day, day + 1]


@task
def clean(number: int) -> int:
    return 10 * number


@task
def report(numbers: Any) -> Any:
    if "BROKEN" in os.environ:
        raise ValueError("broken")
    return numbers


@pytest.fixture
def flow() -> Flow:
    """load → clean[…] → report."""
    with Flow("daily") as made:
        report(clean.map(load(Parameter("day", default=1))))
    return made


def test_what_is_not_selected_comes_from_the_latest_run_that_has_it(place: Place, flow: Flow) -> None:
    place.run(flow, day=1)
    place.run(flow, day=2)
    session = place.run(flow, select="report")
    assert (session.ran, session.value("report")) == (["report"], [20, 30])


def test_a_run_in_which_it_failed_or_was_not_kept_is_passed_over(
    place: Place, flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run(flow, day=1)
    place.run(flow, day=2, asked=Asked(persists=False))
    place.run(flow, day=3, dies_after=2)
    assert place.run(flow, select="report").value("report") == [10, 20]


def test_a_task_may_be_mapped_over_what_is_taken(place: Place, flow: Flow) -> None:
    place.run(flow, day=4)
    session = place.run(flow, select="clean+")
    assert session.ran == ["clean[0]", "clean[1]", "report"]
    assert session.value("report") == [40, 50]


def test_what_nobody_has_kept_is_named(place: Place, flow: Flow) -> None:
    with pytest.raises(UsageError, match="`report` needs the result of `clean`, which is not selected"):
        place.run(flow, select="report")
    place.run(flow, asked=Asked(persists=False))
    with pytest.raises(UsageError, match="and no earlier run has kept it"):
        place.run(flow, select="report")
    assert len(place.rows("SELECT 1 FROM runs")) == 1


def test_children_of_an_earlier_and_wider_expansion_are_not_taken(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sized(count: int) -> Flow:
        @task
        def load() -> list[int]:
            return list(range(count))

        with Flow("sized") as made:
            report(clean.map(load()))
        return made

    monkeypatch.setenv("BROKEN", "yes")
    place.run(sized(4))
    monkeypatch.delenv("BROKEN")
    place.resume(sized(2))
    assert place.run(sized(2), select="report").value("report") == [0, 10]


def test_a_selection_goes_on_as_it_was(place: Place, flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    place.run(flow, day=1)
    monkeypatch.setenv("BROKEN", "yes")
    selected = place.run(flow, select="report")
    monkeypatch.delenv("BROKEN")
    session = place.resume(flow, selected.number)
    assert (session.ran, session.value("report")) == (["report"], [10, 20])


def test_what_failed_or_is_new_or_changed_is_selected_by_the_latest_run(
    place: Place, flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKEN", "yes")
    place.run(flow, day=3)
    assert place.run(flow, select="result:failed").ran == ["report"]
    monkeypatch.delenv("BROKEN")
    assert place.run(flow, day=3, select="result:failed+").value("report") == [30, 40]
    with pytest.raises(UsageError, match="nothing is selected by"):
        place.run(flow, select="result:failed")
    with pytest.raises(UsageError, match="nothing is selected by"):
        place.run(flow, select="state:modified")

    @task(name="clean")
    def other_clean(number: int) -> int:
        return 100 * number

    with Flow("daily") as changed:
        tidy = other_clean.map(load(Parameter("day", default=1)))
        report(tidy)
        load(2, task_args={"name": "another"})
    place.run(flow, day=3)
    assert set(place.run(changed, select="state:modified").ran) == {"clean[0]", "clean[1]", "another"}


def test_a_word_that_does_not_exist_is_refused_with_those_that_do(place: Place, flow: Flow) -> None:
    with pytest.raises(UsageError, match="`state:old` cannot be read") as raised:
        place.run(flow, select="state:old")
    assert "`state:modified`" in raised.value.hints[0]


def test_a_selection_that_goes_on_takes_from_where_it_took_before(
    place: Place, flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run(flow, day=1)
    monkeypatch.setenv("BROKEN", "yes")
    selected = place.run(flow, select="report")
    monkeypatch.delenv("BROKEN")
    place.run(flow, day=2)
    assert place.resume(flow, selected.number).value("report") == [10, 20]


def test_a_task_that_a_run_with_a_selection_did_not_have_is_not_new(place: Place, flow: Flow) -> None:
    place.run(flow)
    place.run(flow, select="report")
    for word in ("state:new", "state:modified"):
        with pytest.raises(UsageError, match="nothing is selected by"):
            place.run(flow, select=word)


def test_of_a_secret_that_no_selected_task_takes_nothing_is_kept_either(place: Place) -> None:
    with Flow("closed") as closed:
        report(load(Parameter("day", secret=True)))
    place.run(closed, day=271828)
    place.run(closed, day=271828, select="report")
    (whole,), (part,) = place.rows("SELECT json_extract(asked, '$.digests') FROM runs")
    assert whole == part
    assert named_digest(271828) not in whole
    assert place.rows("SELECT DISTINCT parameters FROM runs") == [('{"day": "\\u2022\\u2022\\u2022"}',)]
    assert not any(b"271828" in data for (data,) in place.rows("SELECT data FROM results WHERE run=2"))
