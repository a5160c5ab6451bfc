"""A run from its beginning to its end: limits, bugs, observers, and what is left as it was."""

from __future__ import annotations

import logging
import sys
import threading
from collections import Counter
from typing import Any, cast

import pytest

from flowkit import Flow, flatten, task, unmapped
from flowkit.engine.engine import Engine
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.engine.lane import Bell
from flowkit.errors import BugError
from flowkit.plan.compiler import compile_flow
from flowkit.plan.status import CANCELLED, EXPANDED, MAPPED, RETRYING, RUNNING, SUCCESS
from flowkit.signals import RETRY, SKIP, TRIGGERFAIL


@task
def one() -> int:
    return 1


@task
def inc(value: int) -> int:
    return value + 1


@task
def total(values: list[int]) -> int:
    return sum(values)


@task
def fails() -> None:
    raise ValueError("no")


@task
def waits(event: threading.Event) -> int:
    event.wait()
    return 1


@task
def sets(event: threading.Event) -> int:
    event.set()
    return 2


@pytest.fixture
def never() -> Any:
    """An event that tasks wait for in vain; set at the end, so that their threads go."""
    event = threading.Event()
    yield event
    event.set()


def kind(state: Any) -> str:
    return type(state).__name__


# -- how a run ends ---------------------------------------------------------------------------


def test_a_run_of_nothing_is_a_success(carry_out: Any) -> None:
    outcome = carry_out(Flow("empty"))
    assert outcome.state.is_successful()
    assert outcome.exit_code == 0


def test_a_failed_run_exits_with_1(carry_out: Any) -> None:
    with Flow("fails") as flow:
        fails()
    outcome = carry_out(flow)
    assert (outcome.exit_code, kind(outcome.state)) == (1, "Failed")
    assert outcome.state.message == "Some reference tasks failed."


def test_a_run_beyond_its_limit_fails_with_124_and_names_who_is_left_behind(
    carry_out: Any, never: Any
) -> None:
    with Flow("slow") as flow:
        done = one()
        hanging = waits(never, upstream_tasks=[done])
        after = inc(hanging)
    outcome = carry_out(flow, ThreadExecutor(1), timeout=0.05)
    states = outcome.state.result
    assert [kind(states[made]) for made in (done, hanging, after)] == ["Success", "Cancelled", "Cancelled"]
    assert states[after].message == "The run was stopped before it started."
    assert (outcome.exit_code, outcome.state.message) == (124, "The run took longer than its time limit.")
    assert outcome.left_behind == ("threads-1",)


def test_what_is_given_up_says_so(carry_out: Any, never: Any) -> None:
    with Flow("slow") as flow:
        hanging = waits(never)
    state = carry_out(flow, ThreadExecutor(1), timeout=0.01).state
    assert state.result[hanging].message == "The run was stopped while it ran."


def test_the_grace_time_is_waited_for_asleep(carry_out: Any, never: Any) -> None:
    """Not in rounds that look whether it is over, as its time limit is past."""
    waits_made: list[float | None] = []

    def rest(bell: Bell, seconds: float | None) -> None:
        waits_made.append(seconds)
        bell.wait(seconds)

    with Flow("slow") as flow:
        waits(never)
    carry_out(flow, ThreadExecutor(1), timeout=0.01, rest=rest)
    assert len(waits_made) < 10


def test_what_ends_within_the_grace_time_is_kept(carry_out: Any) -> None:
    """The task ends itself once the run has been asked to stop."""
    stopping = threading.Event()

    class Clock:
        """Is beyond the limit once the task runs."""

        def __call__(self) -> float:
            return 10.0 if stopping.is_set() else 0.0

    @task
    def ends_late() -> str:
        stopping.set()
        return "kept"

    with Flow("late") as flow:
        made = ends_late()
        after = inc(made)
    outcome = carry_out(flow, LocalExecutor(), timeout=5.0, clock=Clock())
    assert outcome.state.result[made].result == "kept"
    assert kind(outcome.state.result[after]) == "Cancelled"
    assert outcome.duration == 10.0


def test_fail_fast_starts_nothing_after_the_first_failure(carry_out: Any, kept: Any) -> None:
    anyway = inc.copy(trigger="always_run")
    with Flow("fails") as flow:
        bad = fails()
        later = [anyway(value, upstream_tasks=[bad]) for value in range(5)]
        later.append(inc(later[0]))
    outcome = carry_out(flow, ThreadExecutor(3), fail_fast=True, observers=[kept])
    assert {kind(outcome.state.result[made]) for made in later} == {"Cancelled"}
    assert outcome.exit_code == 1


def test_without_fail_fast_what_does_not_depend_on_a_failure_goes_on(carry_out: Any) -> None:
    with Flow("fails") as flow:
        after_bad = inc(fails())
        others = [inc(one()) for _ in range(5)]
    states = carry_out(flow, ThreadExecutor(3)).state.result
    assert kind(states[after_bad]) == "TriggerFailed"
    assert [states[made].result for made in others] == [2] * 5


def test_a_timed_out_attempt_may_be_tried_again(carry_out: Any, never: Any) -> None:
    waited: list[int] = []

    @task(timeout=0.03, max_retries=1, retry_delay=0)
    def second_is_quick() -> int:
        waited.append(1)
        if len(waited) == 1:
            never.wait()
        return len(waited)

    with Flow("again") as flow:
        made = second_is_quick()
    assert carry_out(flow, ThreadExecutor(1)).state.result[made].result == 2


def test_a_retry_comes_no_earlier_than_its_delay(carry_out: Any, kept: Any) -> None:
    @task(max_retries=1, retry_delay=0.05)
    def again() -> None:
        raise ValueError("no")

    with Flow("delay") as flow:
        again()
    carry_out(flow, ThreadExecutor(2), observers=[kept])
    first_end = next(row[5] for row in kept.rows if row[3] == RETRYING)
    second_start = [row[4] for row in kept.rows if row[3] == RUNNING][1]
    assert second_start - first_end >= 0.05


# -- bugs of flowkit --------------------------------------------------------------------------


def test_a_worker_that_breaks_ends_the_run_as_a_bug() -> None:
    class Breaking(ThreadExecutor):
        def start(self, lane: Any) -> Any:
            lane.engine.broke(RuntimeError("a wheel came off"))
            return super().start(lane)

    with Flow("breaks") as flow:
        inc(one())
    engine = Engine(compile_flow(flow, lane="threads"), [Breaking(2)])
    before = threading.active_count()
    with pytest.raises(BugError, match="a worker broke: RuntimeError: a wheel came off"):
        engine.run()
    assert threading.active_count() - before <= 2


def test_a_run_that_cannot_go_on_says_that_it_is_stuck() -> None:
    with Flow("stuck") as flow:
        inc(one())
    plan = compile_flow(flow, lane="inline")
    plan.waits[-1] += 1
    with pytest.raises(BugError, match="the run is stuck"):
        Engine(plan, [LocalExecutor()]).run()


def test_a_retry_delay_that_raises_fails_the_task_and_says_so(carry_out: Any) -> None:
    def broken(attempt: int) -> float:
        raise ZeroDivisionError("no delay")

    @task(max_retries=2, retry_delay=broken)
    def again() -> None:
        raise ValueError("no")

    with Flow("delay") as flow:
        made = again()
    outcome = carry_out(flow)
    assert kind(outcome.state.result[made]) == "Failed"
    assert "ZeroDivisionError" in outcome.engine.details[0, -1].failure.hint


class Bare(SKIP):
    """A signal of the user's whose `__init__` forgets that of its base."""

    def __init__(self) -> None:
        pass


def no_delay(attempt: int) -> float:
    raise ZeroDivisionError("no delay")


@pytest.mark.parametrize(
    ("make", "options"),
    [
        pytest.param(lambda: RETRY("again"), {"max_retries": 1, "retry_delay": no_delay}, id="delay raises"),
        pytest.param(lambda: RETRY("again", after=cast("Any", "soon")), {}, id="after a text"),
        pytest.param(lambda: RETRY("again", start_time=cast("Any", "noon")), {}, id="at a text"),
        pytest.param(Bare, {}, id="signal without its base"),
    ],
)
def test_a_signal_that_cannot_be_followed_is_a_failure_of_the_task(
    make: Any, options: dict[str, Any], carry_out: Any
) -> None:
    @task(**options)
    def signals() -> None:
        raise make()

    with Flow("signals") as flow:
        signals()
        other = one()
    assert carry_out(flow).state.result[other].is_successful()


# -- observers --------------------------------------------------------------------------------


def test_observers_see_each_row_once_and_in_order(carry_out: Any, kept: Any) -> None:
    with Flow("wide") as flow:
        source = one()
        middle = [inc(source) for _ in range(300)]
        total(middle)
        inc.map(inc.map([1, 2, 3]))
    outcome = carry_out(flow, ThreadExecutor(3), observers=[kept])
    assert outcome.state.is_successful()
    assert max(Counter(row[:4] for row in kept.rows).values()) == 1
    at = {(row[0], row[1], row[3]): place for place, row in enumerate(kept.rows)}
    for node, successors in enumerate(outcome.plan.successors):
        for after in successors:
            if (node, -1, SUCCESS) in at and (after, -1, RUNNING) in at:
                assert at[node, -1, RUNNING] < at[node, -1, SUCCESS] < at[after, -1, RUNNING]
    assert sum(row[3] == EXPANDED for row in kept.rows) == sum(row[3] == MAPPED for row in kept.rows) == 2


def test_observers_are_told_begin_first_and_end_last_from_one_thread(carry_out: Any, kept: Any) -> None:
    with Flow("two") as flow:
        inc(one())
    carry_out(flow, ThreadExecutor(2), observers=[kept])
    assert kept.calls[0] == "begin"
    assert kept.calls[-1] == "end"
    assert set(kept.calls[1:-1]) == {"see"}
    assert len(kept.threads) == 1


def test_observers_see_what_was_never_started(carry_out: Any, kept: Any) -> None:
    with Flow("fails") as flow:
        inc.copy(trigger="always_run")(fails())
    carry_out(flow, fail_fast=True, observers=[kept])
    assert [row[3] for row in kept.rows if row[2] == 0] == [CANCELLED]


@pytest.mark.parametrize("when", ["begin", "see", "end"])
def test_an_observer_that_raises_is_removed_and_the_run_goes_on(
    when: str, carry_out: Any, kept: Any, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    class Broken:
        def _tell(self, what: str) -> None:
            told.append(what)
            if what == when:
                raise RuntimeError("cannot look")

        def begin(self, engine: Any) -> None:
            self._tell("begin")

        def see(self, rows: Any, lines: Any) -> None:
            self._tell("see")

        def end(self, outcome: Any) -> None:
            self._tell("end")

    with Flow("chain") as flow:
        inc(inc(one()))
    with caplog.at_level(logging.ERROR, "flowkit"):
        outcome = carry_out(flow, ThreadExecutor(2), observers=[Broken(), kept])
    assert outcome.state.is_successful()
    assert told.count(when) == 1
    assert told[-1] == when
    assert kept.calls[-1] == "end"
    assert sum(row[3] == SUCCESS for row in kept.rows) == 3
    assert "Broken failed and is told nothing more" in caplog.text


def test_an_observer_that_exits_is_removed_too(carry_out: Any, kept: Any) -> None:
    class Exits(type(kept)):  # type: ignore[misc]
        def see(self, rows: Any, lines: Any) -> None:
            raise SystemExit(1)

    with Flow("chain") as flow:
        inc(one())
    outcome = carry_out(flow, observers=[Exits(), kept])
    assert outcome.state.is_successful()
    assert sum(row[3] == SUCCESS for row in kept.rows) == 2


# -- values -----------------------------------------------------------------------------------


def test_a_state_keeps_the_value_of_each_task(carry_out: Any) -> None:
    with Flow("values") as flow:
        first = one()
        children = inc.map([first, first, 5])
        last = total(children)
        gone = inc(fails())
    states = carry_out(flow, ThreadExecutor(2)).state.result
    assert states[first].result == 1
    assert states[children].result == [2, 2, 6]
    assert [child.result for child in states[children].map_states] == [2, 2, 6]
    assert states[last].result == 10
    assert isinstance(states[gone].result, TRIGGERFAIL)


def test_flattened_children_get_the_elements_of_the_elements(carry_out: Any) -> None:
    @task
    def pair(value: int, more: list[int]) -> list[int]:
        return [value, len(more)]

    with Flow("flat") as flow:
        children = inc.map(flatten(pair.map([1, 2], unmapped([7, 8, 9]))))
    assert carry_out(flow, ThreadExecutor(2)).state.result[children].result == [2, 4, 3, 4]


def test_the_values_of_tasks_are_not_compared_measured_or_judged(carry_out: Any) -> None:
    """Nothing of a result's own code runs where nobody asks for it."""

    class Touchy:
        def touched(self, *args: object) -> Any:
            raise AssertionError("touched")

        __eq__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = __hash__ = touched

    @task
    def make() -> Touchy:
        return Touchy()

    @task
    def see(value: Any) -> str:
        return type(value).__name__

    with Flow("touchy") as flow:
        value = make()
        seen = see(value)
    outcome = carry_out(flow, ThreadExecutor(2))
    assert outcome.state.result[seen].result == "Touchy"
    assert outcome.state.result[value].is_successful()


# -- what is left as it was -------------------------------------------------------------------


def test_the_switch_interval_is_set_for_the_run_and_restored(carry_out: Any) -> None:
    @task
    def look() -> float:
        return sys.getswitchinterval()

    before = sys.getswitchinterval()
    with Flow("look") as flow:
        made = look()
    assert carry_out(flow, switch_interval=0.0021).state.result[made].result == pytest.approx(0.0021)
    assert sys.getswitchinterval() == before


def test_the_switch_interval_is_restored_after_runs_that_overlap(carry_out: Any) -> None:
    before = sys.getswitchinterval()
    events = [threading.Event() for _ in range(4)]

    @task
    def hold(started: threading.Event, go_on: threading.Event) -> None:
        started.set()
        go_on.wait()

    runs = []
    for started, go_on in (events[:2], events[2:]):
        with Flow("hold") as flow:
            hold(started, go_on)
        runs.append(threading.Thread(target=carry_out, args=(flow,)))
        runs[-1].start()
        started.wait()
    for run, go_on in zip(runs, events[1::2], strict=True):
        go_on.set()
        run.join()
    after = sys.getswitchinterval()
    sys.setswitchinterval(before)
    assert after == before


@pytest.mark.parametrize("workers", [1, 4])
def test_a_run_leaves_no_threads(workers: int, carry_out: Any) -> None:
    with Flow("threads") as flow:
        total([inc(one()) for _ in range(20)])
    before = threading.active_count()
    carry_out(flow, ThreadExecutor(workers))
    assert threading.active_count() == before


def test_a_run_starts_no_more_threads_than_it_has_tasks(carry_out: Any) -> None:
    @task
    def count() -> int:
        return sum(thread.name.startswith("flowkit-threads") for thread in threading.enumerate())

    with Flow("one") as flow:
        made = count()
    assert carry_out(flow, ThreadExecutor(64)).state.result[made].result <= 1


def test_a_chain_of_many_tasks_does_not_recurse(carry_out: Any) -> None:
    with Flow("long") as flow:
        made = one()
        for _ in range(5000):
            made = inc(made)
    outcome = carry_out(flow, ThreadExecutor(2))
    assert outcome.state.result[made].result == 5001


def test_a_long_chain_behind_a_failure_does_not_recurse(carry_out: Any) -> None:
    with Flow("long") as flow:
        made = fails()
        for _ in range(5000):
            made = inc(made)
    assert kind(carry_out(flow, ThreadExecutor(2)).state.result[made]) == "TriggerFailed"


def test_the_first_hundred_failures_of_a_task_are_kept_in_full_and_the_rest_in_short() -> None:
    @task
    def fails(item: int) -> None:
        raise ValueError(item)

    with Flow("f") as flow:
        fails.map(list(range(150)))
    engine = Engine(compile_flow(flow, lane="inline"), [LocalExecutor()])
    engine.run()
    failures = [detail.failure for detail in engine.details.values() if detail.failure is not None]
    full = [each for each in failures if each.inputs and each.frames[-1].source]
    short = [each for each in failures if not each.inputs and not each.frames[-1].source]
    assert (len(full), len(short)) == (100, 50)
    assert all(each.place.endswith("in fails") and each.most == 1 for each in failures)
