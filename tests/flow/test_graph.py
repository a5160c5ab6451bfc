"""The order of a flow's tasks, and what is said where there is none."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import DefinitionError
from flowkit.flow.control import case
from flowkit.flow.flow import Flow
from flowkit.flow.graph import in_order, to_networkx, upstreams
from flowkit.flow.task import Task, task


@task
def step(x: Any = None) -> Any:
    return x


def built(count: int, pairs: list[tuple[int, int]]) -> tuple[Flow, list[Task]]:
    """A flow of `count` tasks named by their numbers, with these edges."""
    flow = Flow("drawn")
    tasks = [flow.add_task(step.copy(name=f"t{number}")) for number in range(count)]
    for first, second in pairs:
        flow.add_edge(tasks[first], tasks[second])
    return flow, tasks


@st.composite
def edges(draw: st.DrawFn, cyclic: bool) -> tuple[int, list[tuple[int, int]]]:
    """A number of tasks and edges between them; without `cyclic`, along a hidden order."""
    count = draw(st.integers(2, 12))
    places = draw(st.permutations(range(count)))
    pairs = draw(st.lists(st.tuples(*[st.integers(0, count - 1)] * 2).filter(lambda p: p[0] != p[1])))
    return count, pairs if cyclic else [p for p in pairs if places[p[0]] < places[p[1]]]


@given(edges(cyclic=False))
def test_each_task_comes_after_what_it_needs(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    flow, tasks = built(*drawn)
    order = flow.sorted_tasks()
    assert set(order) == set(tasks) and len(order) == len(tasks)
    place = {made: position for position, made in enumerate(order)}
    assert all(place[tasks[first]] < place[tasks[second]] for first, second in drawn[1])
    assert tuple(flow) == order


@given(edges(cyclic=True))
def test_a_cycle_that_is_named_is_one(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    flow, tasks = built(*drawn)
    try:
        order = flow.sorted_tasks()
    except DefinitionError as error:
        named = re.findall(r"`t(\d+)`", error.message)
        assert named[0] == named[-1] and len(named) > 2
        path = [int(number) for number in named]
        assert set(pairwise(path)) <= set(drawn[1])
        assert len(set(path)) == len(path) - 1
    else:
        assert len(order) == len(tasks)


def test_tasks_that_do_not_depend_on_each_other_stay_in_the_order_of_their_making() -> None:
    flow, tasks = built(5, [])
    assert flow.sorted_tasks() == tuple(tasks)


def test_a_cycle_is_shown_as_a_path_with_a_way_out() -> None:
    flow, _ = built(4, [(0, 1), (1, 2), (2, 0), (2, 3)])
    with pytest.raises(DefinitionError, match="the flow `drawn` has a cycle: `t0` → `t1` → `t2` → `t0`") as e:
        flow.validate()
    assert e.value.hints and e.value.exit_code == 3


@pytest.mark.parametrize(("length", "shown"), [(11, 12), (12, 11), (100, 11)])
def test_a_long_cycle_is_shortened_and_counted(length: int, shown: int) -> None:
    flow, _ = built(length, [(number, (number + 1) % length) for number in range(length)])
    with pytest.raises(DefinitionError) as refused:
        flow.sorted_tasks()
    members = re.findall(r"`t\d+`", refused.value.message)
    assert len(members) == shown
    left_out = re.findall(r"… (\d+) more …", refused.value.message)
    assert sum(map(int, left_out)) + len(members) == length + 1


def test_a_cycle_through_a_gate_is_a_cycle() -> None:
    with Flow("gated") as flow:
        condition = step()
        with case(condition, 1):
            inner = step()
        condition.set_upstream(inner)
    with pytest.raises(DefinitionError, match=r"cycle: .*`case\(1\)`"):
        flow.sorted_tasks()


def test_a_chain_of_twenty_thousand_is_ordered_without_recursion() -> None:
    flow, tasks = built(20_000, [])
    flow.chain(*tasks)
    assert in_order(flow) == tuple(tasks)
    flow.add_edge(tasks[-1], tasks[0])
    with pytest.raises(DefinitionError, match="… 19990 more …"):
        in_order(flow)


def test_what_a_task_waits_for_is_named_once_and_gates_count() -> None:
    with Flow("f") as flow:
        first, second = step(), step()
        with case(first, 1):
            inner = step([second, second], upstream_tasks=[first, second])
    gathered = next(made for made in flow.tasks if made.name == "List")
    compare = next(made for made in flow.tasks if made.name == "case(1)")
    assert upstreams(flow)[inner] == [first, second, gathered, compare]
    assert upstreams(flow)[gathered] == [second, compare]
    assert upstreams(flow)[compare] == [first]


def test_the_graph_can_be_had_as_networkx() -> None:
    networkx = pytest.importorskip("networkx")
    with Flow("f") as flow:
        first = step()
        second = step.map(first, upstream_tasks=[first])
        with case(first, "yes"):
            third = step()
    graph = to_networkx(flow)
    assert graph.name == "f"
    assert set(graph.nodes) == set(flow.tasks)
    assert graph.nodes[third]["slug"] == flow.slugs[third]
    assert graph.edges[first, second, "x"] == {"mapped": True, "flattened": False}
    assert [data["value"] for _, _, data in graph.edges(data=True) if "value" in data] == ["yes"]
    assert graph.number_of_edges() == 5
    assert networkx.is_directed_acyclic_graph(graph)
