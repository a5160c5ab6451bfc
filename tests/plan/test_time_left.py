"""The time that is left: what it comes to in runs that go as expected, and in those that do not."""

from __future__ import annotations

import random
from typing import Any

import pytest
from graphs import Graph, graphs
from hypothesis import given
from hypothesis import strategies as st
from play import Play
from reference import Scenario
from scenarios import scenarios

from flowkit import Flow, case, task, unmapped
from flowkit.plan import foreseen
from flowkit.plan.compiler import compile_flow
from flowkit.plan.durations import Children, Durations
from flowkit.plan.events import Row
from flowkit.plan.machine import Machine
from flowkit.plan.plan import Plan
from flowkit.plan.simulation import simulate
from flowkit.plan.status import EXPANDED, MAPPED, RETRYING, RUNNING, SKIPPED, SUCCESS
from flowkit.plan.time_left import TimeLeft


@task
def load() -> list[int]:
    return [1]


@task
def clean(number: Any, config: Any = None) -> Any:
    return number


@task
def report(found: Any) -> Any:
    return found


def chain() -> Plan:
    with Flow("chain") as flow:
        report(clean(load()))
    return compile_flow(flow)


def mapped() -> Plan:
    with Flow("mapped") as flow:
        report(clean.map(load(), config=unmapped(3)))
    return compile_flow(flow)


KNOWN = Durations({"load": 4.0, "clean": 10.0, "report": 6.0}, {})
KNOWN_MAPPED = Durations({"load": 4.0, "report": 6.0}, {"clean": Children(1.0, 3.0, (), 100)})


def row(plan: Plan, key: str, status: int, began: float, ended: float = 0.0, child: int = -1) -> Row:
    return (plan.keys.index(key), child, 1, status, began, ended, None, None)


def expanded(plan: Plan, width: int) -> Row:
    return (plan.keys.index("clean"), -1, width, EXPANDED, 0.0, 0.0, None, None)


def children(plan: Plan, *seconds: float, first: int = 0) -> list[Row]:
    """Children that have begun at 0 and ended."""
    starts = [row(plan, "clean", RUNNING, 0.0, child=first + child) for child in range(len(seconds))]
    ends = [row(plan, "clean", SUCCESS, 0.0, each, child=first + child) for child, each in enumerate(seconds)]
    return [*starts, *ends]


def test_before_anything_ran_it_is_the_critical_path_where_that_is_longer_than_the_work() -> None:
    assert TimeLeft(chain(), KNOWN, [2]).seconds(0.0) == pytest.approx(20)


def test_what_runs_counts_down_and_what_ended_is_gone() -> None:
    plan = chain()
    left = TimeLeft(plan, KNOWN, [2])
    left.see([row(plan, "load", RUNNING, 0.0)])
    assert left.seconds(3.0) == pytest.approx(17)
    left.see([row(plan, "load", SUCCESS, 0.0, 4.0), row(plan, "clean", RUNNING, 4.0)])
    assert left.seconds(5.0) == pytest.approx(15)


def test_what_a_task_says_of_itself_counts_instead_of_what_earlier_runs_say_with_the_way_after_it() -> None:
    plan = chain()
    left = TimeLeft(plan, KNOWN, [2])
    left.see([row(plan, "load", RUNNING, 0.0)])
    told = {(plan.keys.index("load"), -1): 9.0}
    assert left.seconds(3.0, told) == pytest.approx(9 + 10 + 6)


def test_a_task_that_says_how_far_it_is_is_known() -> None:
    with Flow("two") as flow:
        clean(load())
    plan = compile_flow(flow)
    left = TimeLeft(plan, None, [2])
    left.see([row(plan, "load", RUNNING, 0.0)])
    assert left.seconds(3.0) is None
    left = TimeLeft(plan, None, [2])
    left.see([row(plan, "load", RUNNING, 0.0)])
    assert left.seconds(3.0, {(plan.keys.index("load"), -1): 9.0}) == pytest.approx(9)


def test_the_children_that_have_not_begun_are_expected_to_be_like_those_that_say_how_far_they_are() -> None:
    plan = mapped()
    left = TimeLeft(plan, None, [2])
    left.see([row(plan, "load", RUNNING, 0.0), row(plan, "load", SUCCESS, 0.0, 1.0), expanded(plan, 10)])
    left.see([row(plan, "clean", RUNNING, 1.0, child=child) for child in (0, 1)])
    node = plan.keys.index("clean")
    assert left.seconds(4.0, {(node, 0): 3.0, (node, 1): 3.0}) == pytest.approx((6.0 * 8 + 3.0 * 2) / 2)


def test_between_two_looks_it_counts_down() -> None:
    left = TimeLeft(chain(), KNOWN, [2])
    assert left.seconds(0.0) == pytest.approx(20)
    assert left.seconds(0.05) == pytest.approx(19.95)


def test_what_is_late_is_expected_to_take_half_as_long_again_as_it_is_late() -> None:
    plan = chain()
    left = TimeLeft(plan, KNOWN, [2])
    left.see([row(plan, "load", RUNNING, 0.0)])
    assert left.seconds(20.0) == pytest.approx((20 - 4) / 2 + 10 + 6)


def test_a_run_that_is_slower_than_before_is_expected_to_stay_slow() -> None:
    plan = chain()
    slow, usual = TimeLeft(plan, KNOWN, [2]), TimeLeft(plan, KNOWN, [2])
    slow.see([row(plan, "load", RUNNING, 0.0), row(plan, "load", SUCCESS, 0.0, 12.0)])
    usual.see([row(plan, "load", RUNNING, 0.0), row(plan, "load", SUCCESS, 0.0, 4.0)])
    slower, as_before = slow.seconds(12.0), usual.seconds(4.0)
    assert as_before == pytest.approx(16)
    assert slower is not None and 2 * 16 < slower < 3 * 16


def test_the_work_of_a_mapped_task_is_shared_by_the_workers() -> None:
    plan = mapped()
    assert TimeLeft(plan, KNOWN_MAPPED, [4]).seconds(0.0) == pytest.approx(4 + 100 / 4 + 6, abs=1.0)
    assert TimeLeft(plan, KNOWN_MAPPED, [100]).seconds(0.0) == pytest.approx(4 + 3 + 6)


def test_a_mapped_task_has_the_width_that_it_turns_out_to_have() -> None:
    plan = mapped()
    left = TimeLeft(plan, KNOWN_MAPPED, [4])
    left.see([row(plan, "load", SUCCESS, 0.0, 4.0), expanded(plan, 1000)])
    assert left.seconds(4.0) == pytest.approx(1000 / 4 + 6)


def test_children_teach_how_long_the_others_take() -> None:
    plan = mapped()
    left = TimeLeft(plan, None, [2])
    assert left.seconds(0.0) is None
    left.see([row(plan, "load", SUCCESS, 0.0, 4.0), expanded(plan, 100)])
    assert left.seconds(4.0) is None
    left.see(children(plan, *[2.0] * 10))
    assert left.seconds(14.0) == pytest.approx(90 * 2 / 2)


def test_where_most_of_what_is_left_is_unknown_nothing_is_said() -> None:
    assert TimeLeft(chain(), Durations({"load": 1.0}, {}), [2]).seconds(0.0) is None


def test_what_is_not_known_is_taken_for_the_median() -> None:
    known = Durations({"load": 4.0, "clean": 10.0}, {})
    assert TimeLeft(chain(), known, [2]).seconds(0.0) == pytest.approx(4 + 10 + 10)


def test_what_is_skipped_takes_no_time() -> None:
    plan = chain()
    left = TimeLeft(plan, KNOWN, [2])
    left.see([row(plan, "load", SUCCESS, 0.0, 4.0), row(plan, "clean", SKIPPED, 4.0, 4.0)])
    assert left.seconds(4.0) == pytest.approx(6)


def test_what_is_tried_again_is_all_to_do_again() -> None:
    plan = chain()
    left = TimeLeft(plan, KNOWN, [2])
    left.see([row(plan, "load", RUNNING, 0.0), row(plan, "load", RETRYING, 0.0, 3.0)])
    assert left.seconds(3.0) == pytest.approx(20)


def test_what_was_done_before_is_left_out() -> None:
    plan = mapped()
    left = TimeLeft(plan, KNOWN_MAPPED, [1])
    done = [row(plan, "clean", SUCCESS, 0.0, child=child) for child in range(40)]
    left.take_over([row(plan, "load", SUCCESS, 0.0), *done])
    left.see([expanded(plan, 100)])
    assert left.seconds(0.0) == pytest.approx(60 + 6)


def test_at_the_end_nothing_is_left() -> None:
    plan = mapped()
    left = TimeLeft(plan, KNOWN_MAPPED, [1])
    left.see([row(plan, "load", SUCCESS, 0.0, 4.0), expanded(plan, 2), *children(plan, 1.0, 1.0)])
    left.see([row(plan, "clean", MAPPED, 6.0, 6.0), row(plan, "report", SUCCESS, 6.0, 12.0)])
    assert left.seconds(12.0) == 0


def test_of_children_of_which_the_longest_go_first_the_others_are_expected_to_be_shorter() -> None:
    plan = mapped()
    known = Durations({"load": 4.0, "report": 6.0}, {"clean": Children(2.0, 11.0, (0, 1), 10)})
    left = TimeLeft(plan, known, [1])
    left.see([row(plan, "load", SUCCESS, 0.0, 4.0), expanded(plan, 10), *children(plan, 11.0, 2.0)])
    # Eight are left of the twenty seconds that the ten took, thirteen of which are over.
    assert left.seconds(17.0) == pytest.approx(8 + 6)


def looks(graph: Graph, workers: int, most: int) -> list[tuple[float, float]]:
    """When somebody looked at a run that went as expected, and what was said to be left.

    Args:
        most: calls of a run that is played through before it begins.
    """
    plan = graph.plan()
    script, machine = graph.script(plan), Machine(plan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreseen, "_MOST", most)
        left = TimeLeft(plan, graph.known, [workers])
    machine.start(0.0)
    now, out, found, taken = 0.0, [], [], 0
    while not machine.over:
        while len(out) < workers and (call := machine.take(0, now)) is not None:
            taken += 1  # of ends at one time, the one that began first comes first, as in a play
            out.append((now + script.seconds[call[0]], taken, call, now))
        left.see(machine.events)
        machine.events.clear()
        if not found or now > found[-1][0]:  # what was said is not found out anew at once
            found.append((now, left.seconds(now) or 0.0))
        out.sort()
        now, _, call, began = out.pop(0)
        machine.done((*call, SUCCESS, began, now, "worker", None))
    left.see(machine.events)
    assert left.seconds(now + 1.0) == 0
    return found


@given(graphs(), st.integers(1, 5))
def test_in_a_large_run_that_goes_as_expected_it_never_says_more_than_is_left(
    graph: Graph, workers: int
) -> None:
    plan = graph.plan()
    makespan = simulate(plan, graph.script(plan), [workers]).makespan
    seen = looks(graph, workers, most=0)
    assert seen[0][1] == pytest.approx(max(graph.longest, sum(graph.seconds) / workers))
    for now, left in seen:
        assert left <= makespan - now + 1e-9


@given(graphs(), st.integers(1, 5))
def test_of_a_small_run_that_goes_as_expected_it_knows_what_is_left(graph: Graph, workers: int) -> None:
    plan = graph.plan()
    makespan = simulate(plan, graph.script(plan), [workers]).makespan
    for now, left in looks(graph, workers, most=1000):
        assert left == pytest.approx(makespan - now)


@given(graphs())
def test_of_one_worker_it_knows_what_is_left_of_a_large_run_too(graph: Graph) -> None:
    work = sum(graph.seconds)
    for now, left in looks(graph, 1, most=0):
        assert left == pytest.approx(work - now)


@given(scenarios(), st.integers(0, 10_000), st.integers(1, 4))
def test_of_any_flow_it_knows_something_at_any_time_and_at_the_end_that_nothing_is_left(
    scenario: Scenario, seed: int, workers: int
) -> None:
    chance = random.Random(seed)
    play = Watched(Machine, scenario, chance, workers)
    play.known(chance)
    play.start()
    play.finish()
    assert play.left.seconds(play.now + 1.0) == 0.0


class Watched(Play):
    """A run that is played by hand, and somebody who is told of it as observers are."""

    def known(self, chance: random.Random) -> None:
        """Let each task have taken a second, or more where it is mapped."""
        mapped = {
            self.plan.keys[node]: Children(1.0, chance.choice([1.0, 3.0]), (), chance.randrange(4))
            for node in self.plan.groups
        }
        tasks = {key: 1.0 for key in self.plan.keys if key not in mapped}
        self.left = TimeLeft(self.plan, Durations(tasks, mapped), [self.workers] * len(self.plan.lanes))

    def look(self) -> None:
        self.left.see(list(self.machine.events))
        super().look()
        found = self.left.seconds(self.now)
        assert found is not None
        assert found >= 0


def test_what_lies_behind_a_gate_and_was_never_made_is_expected_to_be_skipped_again() -> None:
    with Flow("gated") as flow:
        asked = load()
        with case(asked, 1):
            clean(1)
        with case(asked, 2):
            report(2)
    plan = compile_flow(flow)
    left = TimeLeft(plan, Durations({"load": 4.0, "clean": 10.0}, {}), [2])
    assert left.seconds(0.0) == pytest.approx(14)
