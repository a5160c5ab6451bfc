"""What engine/executors/base.py promises, held against every executor.

A new executor is one more entry of `LANES`. The tasks stand at the level of the module and meet through
named pipes, so that they can be sent to other processes; what happened is read from the rows.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from dask_cluster import DaskCluster

from flowkit import Flow, context, task
from flowkit.engine.executors import (
    CoroutineExecutor,
    DaskExecutor,
    LocalExecutor,
    ProcessExecutor,
    RayExecutor,
    ThreadExecutor,
)
from flowkit.engine.executors.base import Executor
from flowkit.engine.executors.ray import is_installed
from flowkit.plan.events import Row
from flowkit.plan.status import FAILED, RETRYING, RUNNING, SKIPPED, SUCCESS, TIMED_OUT, TRIGGER_FAILED
from flowkit.signals import FAIL, RETRY, SKIP, TRIGGERFAIL
from flowkit.signals import SUCCESS as SUCCEED


@dataclass(frozen=True)
class Lane:
    """An executor, and what may be expected of its kind.

    Attributes:
        make: gives one.
        shares_memory: whether values are passed by reference.
        leaves_behind: whether a task that is given up goes on, as nothing can stop it.
    """

    make: Callable[[], Executor]
    shares_memory: bool = True
    leaves_behind: bool = True


@functools.cache
def cluster() -> DaskCluster:
    """One for all tests of this process."""
    folder = tempfile.TemporaryDirectory()
    made = DaskCluster(Path(folder.name))
    atexit.register(folder.cleanup)
    atexit.register(made.close)
    return made


def ray_lanes() -> dict[str, Lane]:
    """Where Ray is installed; `make test-ray` installs it."""
    if not is_installed():
        return {}
    return {"ray-2": Lane(lambda: RayExecutor(workers=2), shares_memory=False, leaves_behind=False)}


LANES = {
    "inline": Lane(LocalExecutor, leaves_behind=False),
    "threads-1": Lane(lambda: ThreadExecutor(1)),
    "threads-3": Lane(lambda: ThreadExecutor(3)),
    "coroutines-1": Lane(lambda: CoroutineExecutor(1)),
    "coroutines-3": Lane(lambda: CoroutineExecutor(3)),
    "processes-1": Lane(lambda: ProcessExecutor(1), shares_memory=False, leaves_behind=False),
    "processes-3": Lane(lambda: ProcessExecutor(3), shares_memory=False, leaves_behind=False),
    "dask": Lane(lambda: DaskExecutor(cluster().address), shares_memory=False),
    **ray_lanes(),
}


@pytest.fixture(params=list(LANES.values()), ids=list(LANES))
def lane(request: pytest.FixtureRequest) -> Lane:
    found: Lane = request.param
    if isinstance(found.make(), RayExecutor):
        request.getfixturevalue("ray_cluster")
    return found


@pytest.fixture
def executor(lane: Lane) -> Executor:
    return lane.make()


@pytest.fixture(
    params=[lane for lane in LANES.values() if lane.leaves_behind],
    ids=[name for name, lane in LANES.items() if lane.leaves_behind],
)
def unstoppable(request: pytest.FixtureRequest) -> Executor:
    """The executors whose tasks go on after they were given up."""
    found: Executor = request.param.make()
    return found


# -- tasks ------------------------------------------------------------------------------------


class MuteError(Exception):
    """Has no text, whoever asks."""

    def __str__(self) -> str:
        raise SystemExit("no text")

    __repr__ = __str__


class Bottom(BaseException):
    """Derives from nothing that `except Exception` sees."""


class PickyError(Exception):
    """Cannot be made again from its arguments."""

    def __init__(self, first: int, *, second: int) -> None:
        super().__init__()


def deep(depth: int) -> int:
    return deep(depth - 1) + 1


RAISED: dict[str, tuple[Callable[[], Any], int]] = {
    "exception": (lambda: ValueError("no"), FAILED),
    "base exception": (lambda: Bottom("no"), FAILED),
    "exit": (lambda: SystemExit(0), FAILED),
    "keyboard interrupt": (KeyboardInterrupt, FAILED),
    "generator exit": (GeneratorExit, FAILED),
    "stop iteration": (lambda: StopIteration(1), FAILED),
    "cancelled coroutine": (asyncio.CancelledError, FAILED),
    "without a text": (MuteError, FAILED),
    "picky": (lambda: PickyError(1, second=2), FAILED),
    "ten megabytes": (lambda: ValueError("x" * 10_000_000), FAILED),
    "a group": (lambda: BaseExceptionGroup("both", [ValueError("a"), MuteError()]), FAILED),
    "a signal of failure": (lambda: FAIL("no"), FAILED),
    "a signal of success": (lambda: SUCCEED("yes", result=7), SUCCESS),
    "a signal to skip": (lambda: SKIP("not today"), SKIPPED),
    "a signal of the trigger": (lambda: TRIGGERFAIL("no"), TRIGGER_FAILED),
}


@task
def raise_it(what: str) -> None:
    raise RAISED[what][0]()


@task
def overflow() -> int:
    return deep(10**6)


@task
def number(value: int) -> int:
    return value


@task
def add(left: int, right: int) -> int:
    return left + right


@task
def same(value: Any) -> Any:
    return value


@task
def wait_at(path: str, value: int) -> int:
    """Wait until the gate is opened."""
    end = os.open(path, os.O_RDWR)
    try:
        os.read(end, 1)
    finally:
        os.close(end)
    return value


@task
def meet(index: int, others: int, arrived: str, go: str) -> int:
    """Return once all have come: the first counts the others in, and then lets them go."""
    ends = os.open(arrived, os.O_RDWR), os.open(go, os.O_RDWR)
    try:
        if index:
            os.write(ends[0], b".")
            os.read(ends[1], 1)
        else:
            for _ in range(others):
                os.read(ends[0], 1)
            os.write(ends[1], b"." * others)
    finally:
        for end in ends:
            os.close(end)
    return index


@task(timeout=0.05, max_retries=1, retry_delay=0)
def hang_once(go: str, gone: str) -> str:
    """The first attempt waits for the second, and says when it has gone on."""
    first = context.task_run_count == 1
    ends = os.open(go, os.O_RDWR), os.open(gone, os.O_RDWR)
    try:
        if first:
            os.read(ends[0], 1)
            os.write(ends[1], b".")
        else:
            os.write(ends[0], b".")
    finally:
        for end in ends:
            os.close(end)
    return "first" if first else "second"


@task(max_retries=2, retry_delay=0)
def third_time() -> int:
    if context.task_run_count < 3:
        raise ValueError("not yet")
    return int(context.task_run_count)


@task(max_retries=2, retry_delay=0)
def never() -> None:
    raise ValueError("never")


@task
def asked_again() -> int:
    if context.task_run_count < 4:
        raise RETRY("again", after=0)
    return int(context.task_run_count)


@task
async def coroutine(value: int) -> int:
    await asyncio.sleep(0)
    return value + 1


# -- the contract -----------------------------------------------------------------------------


def ends(rows: list[Row]) -> dict[tuple[int, int, int], int]:
    """How each attempt ended; every one that started has one end, and none ends that did not start."""
    started = Counter(row[:3] for row in rows if row[3] == RUNNING)
    ended = Counter(row[:3] for row in rows if row[2] > 0 and row[3] in (RETRYING, SUCCESS, *BAD))
    assert started == ended
    assert set(started.values()) <= {1}
    return {row[:3]: row[3] for row in rows if row[3] != RUNNING}


BAD = (SKIPPED, FAILED, TIMED_OUT, TRIGGER_FAILED)


def test_a_call_is_answered_once_whatever_the_task_raises(
    executor: Executor, carry_out: Any, kept: Any
) -> None:
    with Flow("raises") as flow:
        raising = {what: raise_it(what) for what in RAISED}
        sound = [number(value) for value in range(5)]
    outcome = carry_out(flow, executor, observers=[kept])
    answers = ends(kept.rows)
    assert len(answers) == len(RAISED) + len(sound)
    nodes = {made: node for node, made in enumerate(outcome.plan.tasks)}
    assert {what: answers[nodes[made], -1, 1] for what, made in raising.items()} == {
        what: status for what, (_, status) in RAISED.items()
    }
    assert [outcome.state.result[made].result for made in sound] == [0, 1, 2, 3, 4]
    assert outcome.left_behind == ()


def test_a_recursion_without_end_is_a_failure(executor: Executor, carry_out: Any) -> None:
    with Flow("deep") as flow:
        made, other = overflow(), number(1)
    state = carry_out(flow, executor).state
    assert isinstance(state.result[made].result, RecursionError)
    assert state.result[other].is_successful()


def test_a_failure_says_what_was_raised(executor: Executor, carry_out: Any) -> None:
    with Flow("says") as flow:
        mute, plain = raise_it("without a text"), raise_it("exception")
    state = carry_out(flow, executor).state
    assert state.result[plain].message == "Error during execution of task: ValueError('no')"
    assert "cannot be had" in state.result[mute].message


def overlap(rows: list[Row]) -> int:
    """How many attempts ran at once, at most."""
    moments = [(row[4], 1) for row in rows if row[3] == SUCCESS] + [
        (row[5], -1) for row in rows if row[3] == SUCCESS
    ]
    most = now = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


def test_never_more_than_its_workers_at_once(executor: Executor, carry_out: Any, kept: Any) -> None:
    with Flow("wide") as flow:
        for value in range(60):
            add(number(value), number(value))
    assert carry_out(flow, executor, observers=[kept]).state.is_successful()
    assert 1 <= overlap(kept.rows) <= executor.workers
    assert len({row[6] for row in kept.rows if row[3] == SUCCESS}) <= executor.workers


def test_as_many_as_its_workers_at_once(executor: Executor, carry_out: Any, tmp_path: Path) -> None:
    pipes = [str(tmp_path / "arrived"), str(tmp_path / "go")]
    for pipe in pipes:
        os.mkfifo(pipe)
    with Flow("meeting") as flow:
        for index in range(executor.workers):
            meet(index, executor.workers - 1, *pipes)
    assert carry_out(flow, executor).state.is_successful()


def test_a_chain_passes_its_values_on(executor: Executor, carry_out: Any) -> None:
    with Flow("chain") as flow:
        made = number(0)
        for _ in range(300):
            made = add(made, 1)
    assert carry_out(flow, executor).state.result[made].result == 300


def test_large_values_go_there_and_back(executor: Executor, carry_out: Any) -> None:
    """One that is all pickle, without buffers."""
    value = "x" * 1_000_000
    with Flow("large") as flow:
        first = same(value)
        second = same(first)
    states = carry_out(flow, executor, timeout=60.0).state.result
    assert states[first].result == value
    assert states[second].result == value


def test_values_are_passed_by_reference(lane: Lane, carry_out: Any) -> None:
    if not lane.shares_memory:
        pytest.skip("its workers do not share memory")
    value = object()
    with Flow("identity") as flow:
        first = same(value)
        second = same(first)
    state = carry_out(flow, lane.make()).state
    assert state.result[first].result is value
    assert state.result[second].result is value


def test_a_failed_attempt_is_tried_again(executor: Executor, carry_out: Any, kept: Any) -> None:
    with Flow("retries") as flow:
        better, worse, asked = third_time(), never(), asked_again()
    outcome = carry_out(flow, executor, observers=[kept])
    assert outcome.state.result[better].result == 3
    assert outcome.state.result[worse].is_failed()
    assert outcome.state.result[asked].result == 4
    nodes = {made: node for node, made in enumerate(outcome.plan.tasks)}
    answers = ends(kept.rows)
    assert [answers[nodes[worse], -1, attempt] for attempt in (1, 2, 3)] == [RETRYING, RETRYING, FAILED]


def test_a_coroutine_is_awaited(executor: Executor, carry_out: Any) -> None:
    with Flow("async") as flow:
        made = coroutine(1)
    assert carry_out(flow, executor).state.result[made].result == 2


def test_a_task_beyond_its_limit_is_timed_out_and_the_rest_goes_on(
    executor: Executor, carry_out: Any, kept: Any, gate: Any
) -> None:
    slow = wait_at.copy(timeout=0.05)
    with Flow("slow") as flow:
        hanging = slow(gate.path, 1)
        after = add(hanging, 1)
        others = [number(value) for value in range(20)]
    outcome = carry_out(flow, executor, observers=[kept])
    states = outcome.state.result
    assert type(states[hanging]).__name__ == "TimedOut"
    assert isinstance(states[hanging].result, TimeoutError)
    assert "took longer than its 0.05 s" in states[hanging].message
    assert type(states[after]).__name__ == "TriggerFailed"
    assert all(states[made].is_successful() for made in others)
    assert set(ends(kept.rows).values()) <= {SUCCESS, TIMED_OUT, TRIGGER_FAILED}


def test_every_worker_may_hang_and_the_rest_still_goes_on(
    executor: Executor, carry_out: Any, gate: Any
) -> None:
    slow = wait_at.copy(timeout=0.02)
    with Flow("all slow") as flow:
        hanging = [slow(gate.path, value) for value in range(2 * executor.workers)]
        other = number(1)
    states = carry_out(flow, executor).state.result
    assert {type(states[made]).__name__ for made in hanging} == {"TimedOut"}
    assert states[other].result == 1


def test_a_late_answer_changes_nothing(
    unstoppable: Executor, carry_out: Any, kept: Any, tmp_path: Path
) -> None:
    """The second attempt lets the first go on, whose answer has come before the last task ends."""
    pipes = [str(tmp_path / "go"), str(tmp_path / "gone")]
    for pipe in pipes:
        os.mkfifo(pipe)
    ends_kept_open = [os.open(pipe, os.O_RDWR) for pipe in pipes]
    with Flow("late") as flow:
        made = hang_once(*pipes)
        wait_at(pipes[1], 1, upstream_tasks=[made])
    states = carry_out(flow, unstoppable, observers=[kept]).state.result
    for end in ends_kept_open:
        os.close(end)
    assert states[made].result == "second"
    assert sorted(ends(kept.rows).values()) == [RETRYING, SUCCESS, SUCCESS]


@task
def say_and_wait(said: str, path: str) -> int:
    """Say that it has begun, and wait until the gate is opened."""
    os.close(os.open(said, os.O_WRONLY))
    return int(wait_at.run(path, 1))


class StopsOnce:
    """An observer that asks its run to stop when somebody has opened a pipe."""

    def __init__(self, pipe: str) -> None:
        self._pipe = pipe

    def begin(self, engine: Any) -> None:
        def ask() -> None:
            os.close(os.open(self._pipe, os.O_RDONLY))
            engine.interrupts.ask(signal.SIGINT)

        threading.Thread(target=ask, daemon=True).start()

    def see(self, rows: Any, lines: Any) -> None:
        pass

    def end(self, outcome: Any) -> None:
        pass


def test_a_run_that_is_stopped_leaves_behind_what_cannot_be_stopped(
    unstoppable: Executor, carry_out: Any, gate: Any, tmp_path: Path
) -> None:
    said = str(tmp_path / "said")
    os.mkfifo(said)
    with Flow("stopped") as flow:
        hanging = say_and_wait(said, gate.path)
        after = add(hanging, 1)
    outcome = carry_out(flow, unstoppable, observers=[StopsOnce(said)])
    assert outcome.interrupted
    states = [type(outcome.state.result[made]).__name__ for made in (hanging, after)]
    assert states == ["Cancelled", "Cancelled"]
    assert len(outcome.left_behind) == 1
    assert outcome.engine.left_calls in ({}, {outcome.left_behind[0]: (0, -1, 1)})


def test_nothing_starts_once_a_run_is_stopped(executor: Executor, carry_out: Any, kept: Any) -> None:
    with Flow("stops") as flow:
        first = raise_it("exception")
        later = [same(value, upstream_tasks=[first]) for value in range(50)]
    for made in later:
        made.trigger = "always_run"
    states = carry_out(flow, executor, observers=[kept], fail_fast=True).state.result
    assert {type(states[made]).__name__ for made in later} == {"Cancelled"}
    assert sum(row[3] == RUNNING for row in kept.rows) == 1


def test_an_executor_serves_run_after_run(executor: Executor, carry_out: Any) -> None:
    with Flow("again") as flow:
        made = add(number(1), number(2))
    assert [carry_out(flow, executor).state.result[made].result for _ in range(3)] == [3, 3, 3]


def test_an_executor_serves_several_runs_at_once(executor: Executor, carry_out: Any) -> None:
    with Flow("both") as flow:
        made = add(number(1), number(2))
    results: list[int] = []
    runs = [
        threading.Thread(target=lambda: results.append(carry_out(flow, executor).state.result[made].result))
        for _ in range(4)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert results == [3, 3, 3, 3]


@task
def run_another(executor: Executor, depth: int) -> int:
    """A flow that runs a flow, in the same lane."""
    with Flow("inner") as flow:
        made = run_another(executor, depth - 1) if depth else number(1)
        above = add(made, 1)
    return int(flow.run(executor=executor).result[above].result)


def test_a_task_may_run_a_flow_in_the_same_lane(executor: Executor, carry_out: Any) -> None:
    """Every worker is busy with a task that waits for the lane itself."""
    with Flow("outer") as flow:
        made = [run_another(executor, 2) for _ in range(executor.workers + 1)]
    states = carry_out(flow, executor, timeout=60.0).state.result
    assert [states[each].result for each in made] == [4] * (executor.workers + 1)


@pytest.mark.parametrize("other", ["inline", "threads"])
def test_a_task_may_choose_another_lane(executor: Executor, other: str, carry_out: Any, kept: Any) -> None:
    chosen = add.copy(executor=other)
    with Flow("mixed") as flow:
        made = number(0)
        for _ in range(10):
            made = add(chosen(made, 1), 1)
    outcome = carry_out(flow, executor, observers=[kept])
    assert outcome.state.result[made].result == 20
    tasks = outcome.plan.tasks
    workers = {row[6] for row in kept.rows if row[3] == SUCCESS and tasks[row[0]].executor == other}
    assert workers
    assert all(
        str(name) == "main" if other == "inline" else str(name).startswith("threads") for name in workers
    )
