"""When a run will have ended, as the display asks for it."""

from __future__ import annotations

import pytest

from flowkit.cli.foresight import Foresight, foreseeing
from flowkit.engine.engine import Engine
from flowkit.engine.executors.threads import ThreadExecutor
from flowkit.flow.flow import Flow
from flowkit.flow.task import task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.durations import Durations
from flowkit.plan.status import RUNNING, SUCCESS


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


def test_a_run_that_is_over_soon_pays_nothing(engine):
    made = []
    foresight = Foresight(engine, lambda engine: made.append(engine))
    foresight.see([(0, -1, 1, RUNNING, 0.0, 0.0, None, None)])
    assert foresight.seconds(1.9, 1.9) is None
    assert made == []


def test_what_happened_before_anybody_asked_counts(engine):
    foresight = Foresight(engine, foreseeing(known(engine)))
    first = engine.plan.keys.index("step")
    foresight.see([(first, -1, 1, RUNNING, 0.0, 0.0, None, None)])
    foresight.see([(first, -1, 1, SUCCESS, 0.0, 10.0, "w", None)])
    assert foresight.seconds(10.0, 10.0) == pytest.approx(20.0)


def test_a_run_of_very_much_is_followed_from_when_that_is_seen(engine):
    made = []

    def make(engine):
        made.append(engine)
        return foreseeing(known(engine))(engine)

    foresight = Foresight(engine, make)
    again = [(0, -1, 1, RUNNING, 0.0, 0.0, None, None)] * 100_000
    foresight.see(again)
    assert made == []
    foresight.see(again)
    foresight.see(again)
    assert len(made) == 1


def test_where_nothing_is_known_nothing_is_said(engine):
    assert Foresight(engine, None).seconds(10.0, 10.0) is None
    assert Foresight(engine, foreseeing(None)).seconds(10.0, 10.0) is None
