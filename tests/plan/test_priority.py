"""What goes first: the longest way to the end, in seconds where they are known, else in tasks."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit import Flow, task
from flowkit.fingerprint import Code
from flowkit.plan.compiler import compile_flow
from flowkit.plan.durations import Children, Durations
from flowkit.plan.facts import known_rows
from flowkit.plan.group import Group
from flowkit.plan.machine import Machine
from flowkit.plan.matching import match
from flowkit.plan.outline import outline_of
from flowkit.plan.priority import Weights, heights, ranks
from flowkit.plan.status import SUCCESS

Needs = list[tuple[int, ...]]
Times = dict[str, float]


@st.composite
def graphs(draw: st.DrawFn) -> Needs:
    """For each node the nodes before it that it waits for."""
    size = draw(st.integers(1, 12))
    return [
        tuple(sorted(draw(st.sets(st.integers(0, node - 1), max_size=3)))) if node else ()
        for node in range(size)
    ]


seconds = st.floats(0, 1000).map(lambda value: round(value, 3))


def named(size: int) -> list[str]:
    return [f"t{node}" for node in range(size)]


def times(some: Sequence[float]) -> Durations:
    return Durations(dict(zip(named(len(some)), some, strict=True)), {})


def longest(needs: Needs, own: Sequence[float], node: int) -> float:
    """The definition: over all paths that begin at the node."""
    after = [longest(needs, own, follower) for follower, some in enumerate(needs) if node in some]
    return own[node] + max(after, default=0.0)


def makespan(needs: Needs, own: Sequence[float], order: Sequence[int], workers: int) -> float:
    """Of the list schedule by an order."""
    rank = {node: place for place, node in enumerate(order)}
    waits = [len(some) for some in needs]
    ready = [rank[node] for node, count in enumerate(waits) if not count]
    heapify(ready)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            node = order[heappop(ready)]
            heappush(running, (now + own[node], node))
        now, ended = heappop(running)
        for node, some in enumerate(needs):
            if ended in some:
                waits[node] -= 1
                if not waits[node]:
                    heappush(ready, rank[node])
    return now


# -- heights and ranks ------------------------------------------------------------------------------


@given(graphs(), st.data())
def test_a_height_is_that_of_the_longest_path(needs: Needs, data: st.DataObject) -> None:
    own = data.draw(st.lists(seconds, min_size=len(needs), max_size=len(needs)))
    order = range(len(needs))
    found = heights(order, needs, Weights(own, own))
    assert found == pytest.approx([longest(needs, own, node) for node in order])
    assert heights(order, needs) == [longest(needs, [1] * len(needs), node) for node in order]


@given(graphs(), st.data())
def test_the_longer_way_goes_first_and_nothing_before_what_it_waits_for(
    needs: Needs, data: st.DataObject
) -> None:
    own = data.draw(st.lists(seconds, min_size=len(needs), max_size=len(needs)))
    ranked = ranks(range(len(needs)), needs, {}, named(len(needs)), times(own))
    assert sorted(ranked) == list(range(len(needs)))
    way = [round(longest(needs, own, node), 6) for node in ranked]
    assert way == sorted(way, reverse=True)
    place = {node: number for number, node in enumerate(ranked)}
    assert all(place[source] < place[node] for node, some in enumerate(needs) for source in some)


@given(graphs(), st.data())
def test_an_earlier_order_stays_only_where_that_costs_hardly_anything(
    needs: Needs, data: st.DataObject
) -> None:
    own = data.draw(st.lists(seconds, min_size=len(needs), max_size=len(needs)))
    keys = named(len(needs))
    before = data.draw(st.permutations(keys))
    ranked = ranks(range(len(needs)), needs, {}, keys, Durations(times(own).tasks, {}, before))
    way = [longest(needs, own, node) for node in ranked]
    slack = max(0.01, 0.01 * max(way))
    assert all(after <= one + slack * 1.001 for place, one in enumerate(way) for after in way[place + 1 :])


def test_an_order_stays_where_durations_differ_by_chance_only() -> None:
    keys, needs = ["a", "b", "c"], [(), (), ()]
    order = Durations({"a": 10.0, "b": 10.05, "c": 5.0}, {}, ["a", "b", "c"])
    assert ranks(range(3), needs, {}, keys, order) == [0, 1, 2]
    assert ranks(range(3), needs, {}, keys, Durations({**order.tasks, "b": 10.2}, {}, order.order)) == [
        1,
        0,
        2,
    ]


@pytest.mark.parametrize("before", [["b", "a"], ["b", "a", "other"], ["b", "a", "a"], ["b", "a", "c", "d"]])
def test_the_order_of_a_run_of_other_tasks_is_not_taken(before: list[str]) -> None:
    known = Durations({"a": 0.001, "b": 0.001, "c": 0.001}, {}, before)
    assert ranks(range(3), [(), (), ()], {}, ["a", "b", "c"], known) == [0, 1, 2]


def test_what_was_never_seen_is_taken_to_last_as_long_as_the_middle_one() -> None:
    known = Durations({"short": 1.0, "middle": 5.0, "long": 9.0}, {})
    keys = ["short", "new", "long", "middle"]
    assert [keys[node] for node in ranks(range(4), [()] * 4, {}, keys, known)] == [
        "long",
        "new",
        "middle",
        "short",
    ]


def test_where_nothing_is_known_depth_decides() -> None:
    needs: Needs = [(), (), (1,)]
    assert ranks(range(3), needs, {}, ["a", "b", "c"], Durations({}, {})) == [1, 0, 2]


@given(graphs(), st.integers(1, 4), st.data())
def test_with_known_durations_a_schedule_is_as_good_as_graham_promises(
    needs: Needs, workers: int, data: st.DataObject
) -> None:
    own = data.draw(st.lists(seconds, min_size=len(needs), max_size=len(needs)))
    order = ranks(range(len(needs)), needs, {}, named(len(needs)), times(own))
    least = max([sum(own) / workers, *(longest(needs, own, node) for node in range(len(needs)))])
    assert makespan(needs, own, order, workers) <= (2 - 1 / workers) * least + 1e-6


def test_a_mapped_task_stands_as_long_as_its_mean_child_and_what_is_before_it_as_its_longest() -> None:
    # `before` leads to children of which one takes 20 s; `lone` takes longer than their mean.
    keys, needs = ["before", "children", "lone"], [(), (0,), ()]
    known = Durations({"before": 1.0, "lone": 19.0}, {"children": Children(2.0, 20.0)})
    assert ranks(range(3), needs, {}, keys, known) == [0, 2, 1]


# -- in a plan ----------------------------------------------------------------------------------


@task
def step(value: Any = None) -> Any:
    return value


def mapped() -> Flow:
    with Flow("mapped") as flow:
        step.map(step.map([0, 1, 2, 3, 4], task_args={"slug": "first"}), task_args={"slug": "second"})
    return flow


def taken(known: Durations | None) -> list[str]:
    """What one worker takes, in order; each ends before the next is taken."""
    plan = compile_flow(mapped(), durations=known)
    machine = Machine(plan)
    for row, _ in known_rows(plan, {}):
        machine.replay(row)
    machine.start(0.0)
    found = []
    while (call := machine.take(0, 0.0)) is not None:
        found.append(plan.key(*call[:2]))
        machine.done((*call, SUCCESS, 0.0, 0.0, "worker", None))
        machine.check()
    assert machine.over
    return found


def test_the_children_that_took_longest_go_first_and_each_is_followed_to_its_end() -> None:
    known = Durations({}, {"first": Children(1.0, 3.0, (3, 1)), "second": Children(1.0, 1.0)})
    order = [3, 1, 0, 2, 4]
    assert taken(known) == [key for child in order for key in (f"first[{child}]", f"second[{child}]")]
    assert taken(None) == [key for child in range(5) for key in (f"first[{child}]", f"second[{child}]")]


def test_children_that_are_not_there_any_more_are_left_out() -> None:
    known = Durations({}, {"first": Children(1.0, 3.0, (9, 4, 7, 4))})
    assert [key for key in taken(known) if key.startswith("first")][:2] == ["first[4]", "first[0]"]


@given(st.integers(1, 8), st.lists(st.integers(0, 11)), st.randoms(use_true_random=False))
def test_a_group_gives_each_child_once_and_in_its_order(width: int, first: list[int], chance: Any) -> None:
    group = Group(width, 0)
    group.put_first(first)
    expected = [child for child in dict.fromkeys(first) if child < width]
    expected += [child for child in range(width) if child not in expected]
    group.all_ready()
    out = [group.pop() for _ in range(chance.randint(0, width))]
    assert out == expected[: len(out)]
    for child in chance.sample(out, len(out)):
        group.push(child)
    found = []
    while group.has_ready:
        found.append(group.pop())
    assert found == expected


@given(st.permutations([0.5, 1.0, 20.0, 300.0, 4000.0]))
def test_an_order_by_durations_changes_no_task(some: list[float]) -> None:
    with Flow("same") as flow:
        last = [step(step(place)) for place in range(2)]
        step(last)
    by_structure = compile_flow(flow)
    known = Durations(dict(zip(by_structure.keys, some, strict=False)), {})
    plan = compile_flow(flow, durations=known)
    assert set(zip(plan.keys, plan.tasks, strict=True)) == set(
        zip(by_structure.keys, by_structure.tasks, strict=True)
    )
    old, new = (outline_of(each, lambda _: Code(b"the same", ()))[0] for each in (by_structure, plan))
    found = match(old, {}, new, {})
    assert {new["keys"][node]: old["keys"][before] for node, before in found.same.items()} == {
        key: key for key in plan.keys
    }
