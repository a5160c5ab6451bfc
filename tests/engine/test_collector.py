"""Full passes of the garbage collector wait during runs, a bounded time, and it is as it was after them."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from flowkit import Flow, task
from flowkit.engine import collector

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*before)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(collector, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def is_put_off() -> bool:
    return gc.get_threshold()[2] > USUAL[2]


def test_the_collector_is_after_a_run_as_it_was_before(carry_out: Any) -> None:
    callbacks = list(gc.callbacks)
    with Flow("f") as flow:
        made = task(is_put_off, name="made")()
    assert carry_out(flow).state.result[made].result is True
    assert gc.get_threshold() == USUAL
    assert gc.callbacks == callbacks


def test_passes_wait_until_the_last_of_several_runs_has_ended() -> None:
    collector.put_off(1000)
    collector.put_off(1000)
    collector.restore()
    assert is_put_off()
    collector.restore()
    assert gc.get_threshold() == USUAL


def test_passes_come_again_when_the_time_for_a_plan_of_this_size_is_over(clock: SimpleNamespace) -> None:
    collector.put_off(10_000)
    gc.collect(1)
    assert is_put_off()
    clock.now += 1.0
    gc.collect(0)
    assert gc.get_threshold() == USUAL
    collector.restore()
    assert gc.get_threshold() == USUAL


def test_a_pass_is_followed_by_twenty_times_what_it_took(clock: SimpleNamespace) -> None:
    collector.put_off(1)
    clock.now += 1.0
    gc.collect(0)
    assert not is_put_off()
    collector._look("start", {"generation": 2})
    clock.now += 0.1
    collector._look("stop", {"generation": 2})
    assert is_put_off()
    clock.now += 1.9
    gc.collect(0)
    assert is_put_off()
    clock.now += 0.2
    gc.collect(0)
    assert gc.get_threshold() == USUAL
    collector.restore()


def test_no_plan_is_so_large_that_passes_wait_for_longer_than_a_few_seconds(clock: SimpleNamespace) -> None:
    collector.put_off(100_000_000)
    clock.now += collector.LONGEST
    gc.collect(0)
    assert gc.get_threshold() == USUAL
    collector.restore()


def test_who_sets_the_collector_during_a_run_is_left_alone() -> None:
    collector.put_off(1000)
    gc.set_threshold(5000, 20, 30)
    collector.restore()
    assert gc.get_threshold() == (5000, 20, 30)


def test_a_collector_that_is_off_stays_as_it_is() -> None:
    gc.set_threshold(0, 10, 10)
    collector.put_off(1000)
    assert gc.get_threshold() == (0, 10, 10)
    collector.restore()
    assert gc.get_threshold() == (0, 10, 10)


def test_a_pass_that_ends_after_the_last_run_puts_nothing_off() -> None:
    collector.put_off(1000)
    collector._look("start", {"generation": 2})
    collector.restore()
    collector._look("stop", {"generation": 2})
    assert gc.get_threshold() == USUAL


def test_a_pass_that_ends_while_a_run_begins_waits_for_nobody(clock: SimpleNamespace) -> None:
    collector.put_off(1)
    clock.now += 1.0
    with collector._lock:
        gc.collect(0)
    assert is_put_off()
    gc.collect(0)
    assert not is_put_off()
    collector.restore()


def test_a_child_that_was_forked_meanwhile_can_run_a_flow() -> None:
    with collector._lock:
        child = os.fork()
        if not child:
            collector.put_off(1)
            collector.restore()
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
