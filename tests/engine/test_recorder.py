"""What is seen was committed before; what cannot be committed ends the run; what waits is bounded."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from fake_store import Store

from flowkit import Flow, task
from flowkit.engine import recorder
from flowkit.engine.engine import Engine
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.engine.outcome import Outcome
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Row
from flowkit.plan.status import FAILED, RUNNING, SUCCESS, TIMED_OUT


@task
def value(number: int) -> int:
    return number


@task
def plus(first: int, second: int) -> int:
    return first + second


@task
def text(number: int) -> str:
    return str(number)


class Seen:
    """An observer that notes what was committed when it was told."""

    def __init__(self, store: Store) -> None:
        self.rows: list[Row] = []
        self.were_committed = True
        self._store = store

    def begin(self, engine: Engine) -> None:
        """Nothing is committed yet."""

    def see(self, rows: Sequence[Row], lines: Any) -> None:
        self.rows += rows
        self.were_committed &= len(self._store.rows) >= len(self.rows)

    def end(self, outcome: Outcome) -> None:
        self.were_committed &= self._store.has_ended


def carried_out(flow: Flow, store: Store, executor: Any = None, **options: Any) -> tuple[Outcome, Seen]:
    used, seen = executor or LocalExecutor(), Seen(store)
    plan = compile_flow(flow, lane=used.name)
    engine = Engine(plan, [used], ledger=store, results=store, observers=[seen], timeout=60.0, **options)
    return engine.run(), seen


def wide(count: int, name: str = "wide") -> Flow:
    with Flow(name) as flow:
        for number in range(count):
            plus(value(number), 1)
    return flow


def test_what_is_told_was_committed_in_that_order_by_one_thread() -> None:
    store = Store()
    outcome, seen = carried_out(wide(200), store, ThreadExecutor(4))
    assert outcome.exit_code == 0
    assert seen.were_committed
    assert seen.rows == store.rows
    assert store.threads == {"flowkit-recorder"}


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(fails_at=st.integers(0, 6), threads=st.booleans())
def test_a_ledger_that_breaks_ends_the_run_and_nobody_is_told_what_was_not_written(
    fails_at: int, threads: bool
) -> None:
    batches: list[int] = []

    def breaks(rows: Sequence[Row]) -> None:
        batches.append(len(rows))
        if len(batches) > fails_at:
            raise OSError("the disk is full")

    store = Store(breaks)
    with Flow("chain") as flow:
        last: Any = value(0)
        for _ in range(30):
            last = plus(last, 1, task_args={"durability": "task"})
    outcome, seen = carried_out(flow, store, ThreadExecutor(2) if threads else None)
    assert outcome.state.is_failed()
    assert outcome.state.message == "The run could not be recorded: the disk is full"
    assert (outcome.exit_code, outcome.left_behind) == (1, ())
    assert store.has_ended, "the ledger can let go of what it holds"
    assert {row[:4] for row in seen.rows} <= {row[:4] for row in store.rows}
    assert len(batches) == fails_at + 1, "it is not asked again"


def test_what_is_never_written_is_dropped() -> None:
    def breaks(rows: Sequence[Row]) -> None:
        raise OSError("the disk is full")

    store = Store(breaks)
    with Flow("texts") as flow:
        text(1)
    carried_out(flow, store)
    assert [each.dropped for each in store.kept] == [True]


def test_the_value_of_an_attempt_that_was_given_up_is_dropped() -> None:
    go_on = threading.Event()
    store = Store()

    @task(timeout=0.1)
    def slow() -> str:
        go_on.wait(20)
        return "too late"

    @task(trigger="all_failed")
    def after() -> None:
        go_on.set()

    with Flow("late") as flow:
        after(upstream_tasks=[slow()])
    dropped = threading.Event()
    keep = store.keep

    def noted(node: int, index: int, value: Any) -> Any:
        found = keep(node, index, value)
        found.drop = dropped.set  # type: ignore[method-assign]
        return found

    store.keep = noted  # type: ignore[method-assign]
    outcome, _ = carried_out(flow, store, ThreadExecutor(2))
    assert outcome.state.is_successful()
    assert dropped.wait(20)


# -- an end that is committed before anything follows -------------------------------------------


def follows(store: Store, node: int, status: int) -> bool:
    """Whether a row is in the store."""
    return any(row[0] == node and row[3] == status for row in store.rows)


@pytest.mark.parametrize("executor", [None, ThreadExecutor(3)], ids=str)
@pytest.mark.parametrize(("fails", "status"), [("", SUCCESS), ("raises", FAILED), ("hangs", TIMED_OUT)])
def test_an_end_is_committed_before_anything_follows_from_it(executor: Any, fails: str, status: int) -> None:
    store = Store()
    go_on = threading.Event()

    @task(durability="task", timeout=0.1 if fails == "hangs" else None)
    def first() -> list[int]:
        if fails == "raises":
            raise ValueError("broken")
        if fails == "hangs":
            go_on.wait(5)
        return [1]

    @task(trigger="all_finished")
    def then() -> bool:
        return follows(store, 0, status)

    with Flow("durable") as flow:
        then(upstream_tasks=[first()])
    outcome, _ = carried_out(flow, store, executor)
    go_on.set()
    assert outcome.states.of(1).result is True
    assert status != SUCCESS or (0, -1) in store.committed


def test_nothing_follows_from_an_end_that_cannot_be_committed() -> None:
    ran: list[str] = []

    def breaks(rows: Sequence[Row]) -> None:
        if any(row[3] != RUNNING for row in rows):
            raise OSError("the disk is full")

    @task(durability="task")
    def first() -> str:
        return "done"

    @task
    def then(value: str) -> None:
        ran.append(value)

    with Flow("durable") as flow:
        then(first())
    outcome, _ = carried_out(flow, Store(breaks), ThreadExecutor(2))
    assert outcome.broken is not None
    assert ran == []


def test_an_attempt_that_is_followed_by_another_is_not_committed_as_an_end() -> None:
    store = Store()

    @task(durability="task", max_retries=2, retry_delay=0)
    def flaky() -> None:
        raise ValueError("broken")

    with Flow("durable") as flow:
        flaky()
    carried_out(flow, store)
    ends = [(row[2], row[3]) for row in store.rows if row[3] != RUNNING]
    assert ends == [(1, 3), (2, 3), (3, FAILED), (3, FAILED)]


# -- bounds -------------------------------------------------------------------------------------


def test_a_slow_ledger_bounds_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MOST_BYTES", 1_000_000)
    most, waits = [0], random.Random(7)
    engines: list[Engine] = []

    def slow(rows: Sequence[Row]) -> None:
        threading.Event().wait(waits.random() / 50)
        if engines:
            most[0] = max(most[0], sum(each.size for each in list(engines[0].kept.values())))

    @task
    def large(number: int) -> bytes:
        return bytes(100_000)

    with Flow("large") as flow:
        large.map(list(range(100)))
    store, used = Store(slow), ThreadExecutor(4)
    engine = Engine(compile_flow(flow), [used], ledger=store, results=store, timeout=60.0)
    engines.append(engine)
    assert engine.run().exit_code == 0
    assert most[0] <= 1_000_000 + 5 * 101_000
    assert len(store.committed) == 100
