"""A run that is played through: what no run can be quicker than, and that the machine decides as it did."""

from __future__ import annotations

import random

import pytest
from graphs import Graph, graphs, step
from hypothesis import assume, given
from hypothesis import strategies as st
from play import Play
from reference import Scenario
from scenarios import build, scenarios

from flowkit import Flow, case, merge, task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.durations import Recording, TaskRecord
from flowkit.plan.events import Detail
from flowkit.plan.limits import Limit, limits_of
from flowkit.plan.machine import Machine
from flowkit.plan.plan import Plan
from flowkit.plan.prediction import predicted
from flowkit.plan.script import basis_of
from flowkit.plan.simulation import WITHOUT_END, Script, critical_path, simulate
from flowkit.plan.status import SKIPPED, SUCCESS
from flowkit.plan.verdicts import GATE_SHUT


@task
def numbers() -> list[int]:
    return [1, 2, 3]


@given(graphs(), st.integers(1, 6))
def test_no_run_is_quicker_than_its_critical_path_or_its_work_and_none_as_slow_as_both(
    graph: Graph, workers: int
) -> None:
    plan = graph.plan()
    found = simulate(plan, graph.script(plan), [workers]).makespan
    work = sum(graph.seconds)
    assert found >= max(graph.longest, work / workers) - 1e-9
    assert found <= work / workers + graph.longest * (1 - 1 / workers) + 1e-9  # Graham 1969


@given(graphs())
def test_with_one_worker_it_takes_all_the_work_and_with_many_the_critical_path(graph: Graph) -> None:
    plan = graph.plan()
    script = graph.script(plan)
    assert simulate(plan, script, [1]).makespan == pytest.approx(sum(graph.seconds))
    assert simulate(plan, script, [len(graph.seconds)]).makespan == pytest.approx(graph.longest)


@given(graphs())
def test_the_critical_path_is_a_chain_that_lasts_as_long_as_it_says(graph: Graph) -> None:
    plan = graph.plan()
    course = critical_path(plan, graph.script(plan))
    assert course.makespan == pytest.approx(graph.longest)
    assert sum(link.seconds for link in course.path) == pytest.approx(graph.longest)
    for first, second in zip(course.path, course.path[1:], strict=False):
        assert first.node in plan.upstreams[second.node]


@given(graphs(), st.integers(1, 6))
def test_handing_over_takes_its_time_once_a_call_however_many_workers_there_are(
    graph: Graph, workers: int
) -> None:
    plan = graph.plan()
    script = graph.script(plan, hand_over=0.5)
    calls = len(graph.seconds)
    assert simulate(plan, script, [1]).makespan == pytest.approx(sum(graph.seconds) + calls * 0.5)
    assert simulate(plan, script, [workers]).makespan >= calls * 0.5
    assert critical_path(plan, script).makespan == pytest.approx(graph.longest)


@given(graphs(), st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True))
def test_a_prediction_keeps_its_bounds_and_counts_what_lies_around(graph: Graph, numbers: list[int]) -> None:
    plan = graph.plan()
    found = predicted(plan, graph.script(plan), sorted(numbers), lambda number: [number], around=1.0)
    for each in found.forecasts:
        assert each.seconds >= each.bound + 1.0 - 1e-9
        assert each.bound == pytest.approx(max(graph.longest, found.work / each.workers))
        assert each.speed_up == pytest.approx((sum(graph.seconds) + 1.0) / each.seconds)
        assert 0 <= each.idle < 1
    assert found.least == pytest.approx(graph.longest + 1.0)
    if found.enough is not None:
        enough = simulate(plan, graph.script(plan), [found.enough]).makespan + 1.0
        assert enough <= 1.05 * found.least + 1e-9


# -- maps, gates, skips: as they were ----------------------------------------------------------


def recorded(play: Play) -> Recording:
    """What a run that was played leaves, as the store reads it."""
    machine, plan = play.machine, play.plan
    tasks = {}
    for node, key in enumerate(plan.keys):
        record = tasks[key] = TaskRecord(run=1, seconds=1.0, is_settled=True)
        marks = [(node, -1)]
        if node in machine.groups:
            record.width = machine.groups[node].width
            record.children.extend([1.0] * record.width)
            marks = [(node, child) for child in range(record.width)]
        for node_, child in marks:
            states = machine.groups[node_].states if child >= 0 else machine.status
            if states[child if child >= 0 else node_] == SKIPPED:
                mark = node_ if child < 0 else (node_, child)
                reason = machine.reasons.get(mark)
                if reason is None:
                    record.skipped.add(child)
                else:
                    record.idle.add(child)
                if reason == GATE_SHUT:
                    record.shut.add(child)
    return Recording(tasks=tasks, runs={1: "run"})


@given(scenarios(), st.integers(0, 10_000), st.integers(1, 5))
def test_what_ran_what_was_skipped_and_how_wide_it_was_come_out_as_they_were(
    scenario: Scenario, order: int, workers: int
) -> None:
    play = Play(Machine, scenario, random.Random(order), workers)
    play.start()
    before = play.finish()
    assume(not {state for state, _ in before.values()} & {"Failed", "TimedOut", "TriggerFailed"})
    plan = compile_flow(build(scenario))
    script = basis_of(plan, recorded(play), []).script
    course = simulate(plan, script, [workers] * len(plan.lanes))
    ran = sum(attempts > 0 for _, attempts in before.values())
    assert course.calls == ran


def test_what_is_tried_again_takes_the_waits_too_but_a_worker_for_its_attempts_alone() -> None:
    graph = Graph([[], [], [0]], [2.0, 4.0, 1.0])
    plan = graph.plan()
    script = graph.script(plan)
    first = plan.keys.index("step 0")
    script.again = {(first, -1): [(1.0, 10.0), (3.0, 0.5)]}
    assert critical_path(plan, script).makespan == pytest.approx(1 + 10 + 3 + 0.5 + 2 + 1)
    one = simulate(plan, script, [1])
    assert one.makespan <= 1 + 10 + 3 + 0.5 + 2 + 1 + 4
    assert one.work == pytest.approx(1 + 3 + 2 + 4 + 1)
    assert one.calls == 5


def test_of_calls_that_wait_for_another_attempt_at_once_each_has_its_own() -> None:
    graph = Graph([[]] * 3, [1.0] * 3)
    plan = graph.plan()
    script = graph.script(plan)
    script.again = {(node, -1): [(1.0, 5.0)] for node in range(3)}
    assert simulate(plan, script, [3]).makespan == pytest.approx(7)
    assert critical_path(plan, script).makespan == pytest.approx(7)


def branches(chosen: str) -> tuple[Plan, Recording]:
    with Flow("branches") as flow:
        asked = step()
        with case(asked, "a"):
            first = step(1)
        with case(asked, "b"):
            second = step(2)
        merge(first, second)
    plan = compile_flow(flow)
    tasks = {
        key: TaskRecord(run=1, seconds=seconds, is_settled=True)
        for key, seconds in {"step": 1.0, "step-2": 10.0, "step-3": 100.0, "Merge": 0.0}.items()
    }
    shut = "step-3" if chosen == "a" else "step-2"
    tasks[shut] = TaskRecord(shut={-1}, idle={-1}, is_settled=True)
    return plan, Recording(tasks=tasks, runs={1: "run"})


@pytest.mark.parametrize(("chosen", "seconds"), [("a", 11), ("b", 101)])
def test_the_case_that_was_chosen_is_chosen_again(chosen: str, seconds: float) -> None:
    plan, recording = branches(chosen)
    basis = basis_of(plan, recording, [])
    assert simulate(plan, basis.script, [4]).makespan == pytest.approx(seconds)
    assert basis.guessed == []


def mapped(width: int, *seconds: float) -> tuple[Plan, Recording]:
    with Flow("mapped") as flow:
        step(step.map(numbers()))
    plan = compile_flow(flow)
    children = TaskRecord(run=7, width=width, is_settled=True)
    children.children.extend(seconds)
    tasks = {
        "numbers": TaskRecord(run=7, seconds=1.0, is_settled=True),
        "step": children,
        "step-2": TaskRecord(run=6, seconds=2.0, is_settled=True),
    }
    return plan, Recording(tasks=tasks, runs={6: "old", 7: "new"})


def test_children_take_what_each_of_them_took_and_those_not_made_the_mean() -> None:
    plan, recording = mapped(4, 3.0, 5.0, float("nan"), 1.0)
    basis = basis_of(plan, recording, [])
    assert simulate(plan, basis.script, [1]).makespan == pytest.approx(1 + 3 + 5 + 3 + 1 + 2)
    assert simulate(plan, basis.script, [9]).makespan == pytest.approx(1 + 5 + 2)
    assert basis.runs == {7: 2, 6: 1}


def test_what_no_run_has_made_lasts_as_long_as_the_median_and_is_said() -> None:
    plan, recording = mapped(2, 3.0, 3.0)
    del recording.tasks["step-2"]  # type: ignore[attr-defined]
    basis = basis_of(plan, recording, [])
    assert [plan.keys[node] for node in basis.guessed] == ["step-2"]
    assert basis.guess == 3.0
    assert simulate(plan, basis.script, [2]).makespan == pytest.approx(1 + 3 + 3)


def test_a_mapped_task_without_a_record_has_one_child() -> None:
    plan, recording = mapped(2, 3.0, 3.0)
    del recording.tasks["step"]  # type: ignore[attr-defined]
    assert simulate(plan, basis_of(plan, recording, []).script, [2]).calls == 3


def test_what_asked_to_be_skipped_does_so_again_and_so_does_what_follows() -> None:
    plan, recording = mapped(2, 3.0, 3.0)
    recording.tasks["numbers"].skipped.add(-1)
    assert simulate(plan, basis_of(plan, recording, []).script, [2]).makespan == pytest.approx(1)


# -- limits, lanes ----------------------------------------------------------------------------


def limited(outside: bool) -> float:
    """Six calls of a second that share two places."""
    with Flow("limited") as flow:
        for _ in range(6):
            step(task_args={"tags": {"api"}})
    plan = compile_flow(flow)
    limits = limits_of(plan, {"api": Limit(2, outside)}, 8, 1 << 30)
    return simulate(plan, Script(seconds=[1.0] * 6), [6], limits).makespan


@pytest.mark.parametrize("outside", [False, True])
def test_limits_hold(outside: bool) -> None:
    assert limited(outside) == pytest.approx(3)


def test_each_lane_has_its_workers() -> None:
    with Flow("lanes") as flow:
        for _ in range(4):
            step()
            step(task_args={"executor": "processes"})
    plan = compile_flow(flow)
    course = simulate(plan, Script(seconds=[1.0] * 8), [4, 1])
    assert course.makespan == pytest.approx(4)
    assert course.busy == pytest.approx((4, 4))


def test_the_width_of_what_is_known_is_what_it_is() -> None:
    plan, recording = mapped(2, 3.0, 3.0)
    known = [(plan.keys.index("numbers"), -1, 1, SUCCESS, 0.0, 0.0, None, Detail(length=5))]
    assert simulate(plan, basis_of(plan, recording, known).script, [WITHOUT_END]).calls == 6  # type: ignore[arg-type]
