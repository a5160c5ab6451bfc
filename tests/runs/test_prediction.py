"""What the next run of a flow is predicted to take, gathered as the command gathers it, against real runs."""

from __future__ import annotations

import time
from typing import Any

import pytest
from run_place import Place

from flowkit import Flow, Parameter, task
from flowkit.engine.engine import Engine
from flowkit.errors import UsageError
from flowkit.plan.compiler import compile_flow
from flowkit.runs.prediction import Outlook, outlook, workers_of
from flowkit.store import database


class Clock:
    """Goes on only as it is told; the times of the history are those of the wall, so it begins there."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


def hours(engine: Engine) -> None:
    """Let a run go by that clock."""
    CLOCK.now = time.monotonic()
    engine.clock = engine.worker._clock = CLOCK
    engine.timeout = None


@task
def step(seconds: float, before: Any = None) -> float:
    CLOCK.now += seconds
    return seconds


@task
def listed(seconds: float, items: list[float]) -> list[float]:
    CLOCK.now += seconds
    return items


def diamond() -> Flow:
    """An hour, then one of two and one of three hours, then one."""
    with Flow("diamond") as flow:
        first = step(3600.0)
        step(3600.0, [step(7200.0, first), step(10800.0, first)])
    return flow


def fan() -> Flow:
    """Children of one to six hours."""
    with Flow("fan") as flow:
        step.map(listed(3600.0, [3600.0 * hour for hour in range(1, 7)]))
    return flow


def predict(place: Place, flow: Flow, *numbers: int, lane: str = "threads", **given: Any) -> Outlook:
    memory = place.memory()
    try:
        return outlook(memory, flow, lane, sorted(numbers), given)
    finally:
        memory.close()


def took(found: Outlook) -> list[float]:
    """Hours, for each number of workers."""
    return [round(each.seconds / 3600, 2) for each in found.prediction.forecasts]


@pytest.mark.parametrize("flow", [diamond(), fan()])
def test_one_worker_takes_what_the_run_took_on_one(place: Place, flow: Flow) -> None:
    real = place.run(flow, change=hours).outcome.duration
    found = predict(place, flow, 1)
    assert found.prediction.forecasts[0].seconds == pytest.approx(real, abs=5.0)
    assert found.prediction.work == pytest.approx(real, abs=5.0)


def test_more_workers_take_what_a_schedule_by_critical_path_takes(place: Place) -> None:
    place.run(diamond(), change=hours)
    found = predict(place, diamond(), 1, 2, 4)
    assert took(found) == [7, 5, 5]
    assert found.prediction.longest == pytest.approx(5 * 3600)
    path = [link.node for link in found.prediction.path if not found.plan.hidden(link.node)]
    assert [found.plan.keys[node] for node in path] == ["step", "step-3", "step-4"]
    assert found.prediction.enough == 2


def test_the_longest_children_go_first_as_in_the_next_run(place: Place) -> None:
    place.run(fan(), change=hours)
    found = predict(place, fan(), 1, 2, 3, 6)
    assert took(found) == [22, 12, 8, 7]
    assert [found.plan.key(link.node, link.index) for link in found.prediction.path] == ["listed", "step[5]"]


def test_what_is_given_has_the_width_that_it_is_given(place: Place) -> None:
    with Flow("given") as flow:
        step.map(Parameter("items", default=[3600.0, 3600.0]))
    place.run(flow, change=hours, items=[3600.0, 7200.0])
    assert took(predict(place, flow, 1)) == [3]
    assert took(predict(place, flow, 1, items=[3600.0] * 4)) == [6]  # two more, of the mean


def test_limits_of_tasks_hold(place: Place) -> None:
    with Flow("limited") as flow:
        for _ in range(4):
            step(3600.0, task_args={"limits": {"shop": 2}})
    place.run(flow, change=hours)
    assert took(predict(place, flow, 1, 2, 4, 8)) == [4, 2, 2, 2]


def test_a_lane_that_is_inline_carries_out_one_at_a_time(place: Place) -> None:
    place.run(diamond(), change=hours)
    assert took(predict(place, diamond(), 1, 4, lane="inline")) == [7, 7]


def test_lanes_have_the_workers_that_a_run_gives_them() -> None:
    with Flow("lanes") as flow:
        for lane in ("processes", "inline", "coroutines", "dask"):
            step(1.0, task_args={"executor": lane})
    plan = compile_flow(flow)
    lanes = dict(zip(plan.lanes, workers_of(plan, 3), strict=True))
    assert lanes == {"threads": 3, "processes": 3, "inline": 1, "coroutines-threads": 32, "dask": 3}


def test_what_was_never_run_is_guessed_and_said(place: Place) -> None:
    with Flow("diamond") as before:
        step(3600.0)
    place.run(before, change=hours)
    found = predict(place, diamond(), 1)
    assert [found.plan.keys[node] for node in found.basis.guessed] == ["step-2", "step-3", "step-4"]
    assert took(found) == [4]


def test_without_a_run_it_is_said_that_one_is_needed(place: Place) -> None:
    with pytest.raises(UsageError, match="is not known") as caught:
        predict(place, diamond(), 1)
    assert "flowkit run diamond" in caught.value.hints[0]
    with pytest.raises(UsageError):
        outlook(None, diamond(), "threads", [1], {})


def test_a_prediction_leaves_the_history_as_it_is(place: Place) -> None:
    place.run(fan(), change=hours)
    before = list(place.rows("SELECT * FROM runs")), list(place.rows("SELECT * FROM attempts"))
    predict(place, fan(), 1, 2)
    assert (list(place.rows("SELECT * FROM runs")), list(place.rows("SELECT * FROM attempts"))) == before


def test_what_lies_between_tasks_is_not_shared_by_the_workers(place: Place) -> None:
    with Flow("between") as flow:
        step.map(Parameter("items", default=[0.0] * 500))
    place.run(flow, change=hours)
    connection = database.open_to_write(place.folder / database.FILE)
    # As if its one worker had needed a minute from each call, which takes no time, to the next.
    connection.execute(
        "UPDATE attempts SET started=first+60*child, ended=first+60*child, worker='w'"
        " FROM (SELECT MIN(started) AS first FROM attempts) WHERE attempt>0 AND child>=0"
    )
    connection.close()
    one, eight = predict(place, flow, 1, 8).prediction.forecasts
    assert one.seconds == pytest.approx(500 * 60, rel=0.01)
    assert eight.seconds == pytest.approx(one.seconds)


def test_a_flow_of_many_children_is_predicted_in_seconds(place: Place) -> None:
    with Flow("many") as flow:
        step.map(Parameter("items", default=[0.0]))
    place.run(flow, change=hours)
    began = time.process_time()
    found = predict(place, flow, 1, 2, 4, 8, items=[0.0] * 100_000)
    assert found.prediction.calls == 100_000
    assert time.process_time() - began < 10
