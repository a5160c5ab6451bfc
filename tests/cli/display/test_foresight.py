"""When a run will have ended, as the display asks for it."""

from __future__ import annotations

import pytest

from flowkit.cli.foresight import Foresight, foreseeing
from flowkit.cli.tally import Tally
from flowkit.engine.engine import Engine
from flowkit.engine.executors.threads import ThreadExecutor
from flowkit.flow.flow import Flow
from flowkit.flow.task import task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.durations import Children, Durations
from flowkit.plan.events import Detail
from flowkit.plan.status import EXPANDED, RETRYING, RUNNING, SUCCESS


@task
def step(before=None):
    return before


@pytest.fixture
def engine():
    with Flow("f") as flow:
        step(step(step()))
    return Engine(compile_flow(flow, lane="threads"), [ThreadExecutor(1)])


def known(engine):
    return Durations(dict.fromkeys(engine.plan.keys, 10.0), {})


def watched(engine, make):
    """A foresight, and what tells it and the tally before it."""
    tally = Tally(engine.plan)
    foresight = Foresight(engine, tally, make)

    def see(*rows):
        foresight.see(rows)
        tally.take(rows)
        for node, index, _, status, *_ in rows:
            if index < 0:
                engine.machine.status[node] = status

    return foresight, see


def test_a_run_that_is_over_soon_pays_nothing(engine):
    made = []
    foresight, see = watched(engine, made.append)
    see((0, -1, 1, RUNNING, 0.0, 0.0, None, None))
    assert foresight.seconds(1.9, 1.9) is None
    assert made == []


def test_what_happened_before_anybody_asked_counts(engine):
    foresight, see = watched(engine, foreseeing(known(engine)))
    first, second = engine.plan.keys.index("step"), engine.plan.keys.index("step-2")
    see((first, -1, 1, RUNNING, 0.0, 0.0, None, None))
    see((first, -1, 1, SUCCESS, 0.0, 10.0, "w", None), (second, -1, 1, RUNNING, 10.0, 0.0, None, None))
    assert foresight.seconds(14.0, 14.0) == pytest.approx(16.0)
    see((second, -1, 1, SUCCESS, 10.0, 20.0, "w", None))
    assert foresight.seconds(20.0, 20.0) == pytest.approx(10.0)


def test_the_children_of_a_mapped_task_that_have_ended_are_not_counted_again():
    with Flow("f") as flow:
        step.map(list(range(100)))
    engine = Engine(compile_flow(flow, lane="threads"), [ThreadExecutor(1)])
    node = engine.plan.keys.index("step")
    foresight, see = watched(engine, foreseeing(Durations({}, {"step": Children(1.0, 1.0)})))
    see((node, -1, 100, EXPANDED, 0.0, 0.0, None, None))
    see(*((node, index, 1, SUCCESS, index, index + 1.0, "w", None) for index in range(40)))
    see((node, 40, 1, RUNNING, 40.0, 0.0, None, None))
    assert foresight.seconds(40.0, 40.0) == pytest.approx(60.0)
    see((node, 40, 1, SUCCESS, 40.0, 41.0, "w", None))
    assert foresight.seconds(41.0, 41.0) == pytest.approx(59.0)


def test_what_waits_for_another_attempt_is_still_to_be_done(engine):
    foresight, see = watched(engine, foreseeing(known(engine)))
    first = engine.plan.keys.index("step")
    see((first, -1, 1, RUNNING, 0.0, 0.0, None, None))
    see((first, -1, 1, RETRYING, 0.0, 3.0, "w", Detail(retry_in=5.0)))
    assert foresight.seconds(4.0, 4.0) == pytest.approx(30.0)


def test_where_nothing_is_known_nothing_is_said(engine):
    assert watched(engine, None)[0].seconds(10.0, 10.0) is None
    assert watched(engine, foreseeing(None))[0].seconds(10.0, 10.0) is None
