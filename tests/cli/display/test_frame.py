"""The live lines, from what is known alone."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.cli.bars import bar
from flowkit.cli.frame import frame
from flowkit.cli.styled import cropped, plain, width
from flowkit.cli.tally import Tally
from flowkit.engine.engine import Engine
from flowkit.engine.executors.threads import ThreadExecutor
from flowkit.flow.flow import Flow
from flowkit.flow.task import task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Detail
from flowkit.plan.facts import known_rows
from flowkit.plan.limits import limits_of
from flowkit.plan.status import EXPANDED, RETRYING, RUNNING, SUCCESS


@task
def numbers():
    return [1]


@task(max_retries=2, retry_delay=1)
def clean(number):
    return number


@task
def join(parts):
    return parts


@pytest.fixture(scope="module")
def engine():
    with Flow("f") as flow:
        join({"parts": clean.map(numbers())})
    return Engine(compile_flow(flow, lane="threads"), [ThreadExecutor(1)])


def drawn(engine, rows, *, now=10.0, columns=100, height=30):
    tally = Tally(engine.plan)
    tally.take(rows)
    lines = frame(engine, tally, now=now, started=0.0, columns=columns, rows=height)
    return [plain(line) for line in lines]


def node(engine, key):
    return engine.plan.keys.index(key)


def test_what_runs_has_its_time_and_attempt(engine):
    first = node(engine, "numbers")
    lines = drawn(engine, [(first, -1, 2, RUNNING, 7.5, 0.0, None, None)])
    assert lines[0].split() == ["⠋", "numbers", "2.5s", "attempt", "2"]


def test_what_waits_for_a_retry_says_when_it_comes(engine):
    first = node(engine, "numbers")
    rows = [(first, -1, 1, RETRYING, 1.0, 9.0, "w", Detail(retry_in=4.0))]
    assert drawn(engine, rows)[0].split() == ["↻", "numbers", "attempt", "2", "in", "3s"]


def test_what_waits_says_for_whom_through_what_only_carries_values(engine):
    lines = drawn(engine, [])
    assert "  · join      waiting for clean" in lines


def test_it_is_said_that_ctrl_c_was_heard_also_while_an_inline_task_keeps_the_main_thread():
    """The machine begins to stop when the task has returned, which may be never."""
    with Flow("f") as flow:
        numbers()
    engine = Engine(compile_flow(flow, lane="inline"), [])
    engine.interrupts.ask(signal.SIGINT)
    assert drawn(engine, [])[-1].endswith("stopping · ctrl-c again to quit now")


def test_a_mapped_task_is_one_row_with_a_guess_once_it_has_run_a_while(engine):
    group = node(engine, "clean")
    rows = [(group, -1, 40, EXPANDED, 0.0, 0.0, None, None)]
    rows += [(group, index, 1, SUCCESS, 0.0, 0.1, "w", None) for index in range(10)]
    rows += [(group, index, 1, RUNNING, 9.0, 0.0, None, None) for index in (10, 11)]
    rows += [(group, 12, 1, RETRYING, 1.0, 9.5, "w", Detail(retry_in=4.0))]
    lines = drawn(engine, rows)
    assert lines[0] == "  ⠋ clean     ━━━━━─────────────── 10/40         2 running · 1 retry in 4s · eta 0:30"
    assert lines[-1].endswith("  10/42 · 0:10   ctrl-c to stop")


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from([RUNNING, RETRYING])), max_size=60),
    st.integers(20, 120),
    st.integers(3, 40),
)
def test_it_never_takes_more_rows_or_columns_than_there_are(engine, activity, columns, height):
    group = node(engine, "clean")
    first = node(engine, "numbers")
    rows = [(first, -1, 1, RUNNING, 0.0, 0.0, None, None)] if activity else []
    rows += [(group, -1, 100, EXPANDED, 0.0, 0.0, None, None)]
    rows += [(group, index, 1, status, 0.0, 0.0, None, Detail(retry_in=1.0)) for index, status in activity]
    tally = Tally(engine.plan)
    tally.take(rows)
    lines = frame(engine, tally, now=5.0, started=0.0, columns=columns, rows=height)
    assert len(lines) <= max(2, min(11, height - 3))
    assert all(width(cropped(line, columns - 1)) < columns for line in lines)


@given(st.floats(-1, 2), st.integers(1, 50))
def test_the_bar_always_takes_its_columns(share, columns):
    assert width(bar(share, columns)) == columns


def test_what_lacks_what_there_is_a_limit_of_says_so():
    with Flow("f") as flow:
        for name in ("first", "second"):
            task(lambda: None, name=name, limits={"db": 1})()
    plan = compile_flow(flow, lane="threads")
    engine = Engine(plan, [ThreadExecutor(2)], limits=limits_of(plan, {}, 1, 1 << 30))
    engine.machine.start(0.0)
    engine.machine.take(0, 1.0)
    assert not engine.machine.ready(0)
    rows, engine.machine.events = engine.machine.events, []
    lines = drawn(engine, rows)
    assert lines[0].split()[:2] == ["⠋", "first"]
    assert lines[1].split(maxsplit=2) == ["·", "second", "waiting for `db`"]


def test_a_mapped_task_that_lacks_something_says_so_in_its_row():
    with Flow("f") as flow:
        task(lambda number: None, name="load", limits={"db": 1}).map([1, 2, 3])
    plan = compile_flow(flow, lane="threads")
    engine = Engine(plan, [ThreadExecutor(2)], limits=limits_of(plan, {}, 1, 1 << 30))
    for row, _ in known_rows(plan, {}):
        engine.machine.replay(row)
    engine.machine.start(0.0)
    engine.machine.take(0, 1.0)
    assert not engine.machine.ready(0)
    rows, engine.machine.events = engine.machine.events, []
    assert drawn(engine, rows)[0].split(maxsplit=4)[1:] == [
        "load",
        "─" * 20,
        "0/3",
        "1 running · waiting for `db`",
    ]
