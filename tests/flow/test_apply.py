"""`apply_map`: the tasks that a function makes are mapped, with the edges that Prefect classic makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import CallError, DefinitionError
from flowkit.flow.apply import apply_map
from flowkit.flow.control import case, ifelse, merge, switch
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import flatten, unmapped
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import task
from flowkit.plan.state import State

Run = Callable[..., State]


@task
def give(value: Any = None) -> Any:
    return value


@task
def inc(x: Any) -> Any:
    return x + 1


@task
def add(x: Any, y: Any) -> Any:
    return x + y


def test_a_chain_is_mapped_task_by_task(run: Run) -> None:
    with Flow("f") as flow:
        made = apply_map(lambda x: inc(inc(x)), [1, 2, 3])
    assert all(edge.mapped for edge in flow.edges)
    assert run(flow).result[made].result == [3, 4, 5]


def test_first_tasks_depend_on_all_arguments() -> None:
    def body(x: Any, y: Any, z: Any) -> Any:
        first = inc(x)
        return first, add(first, z), give()

    with Flow("f") as flow:
        over, also, whole = give([1, 2]), give([3, 4]), give(5)
        first, second, third = apply_map(body, over, also, z=unmapped(whole))
    assert flow.edges_to(first) == {
        Edge(over, first, "x", mapped=True),
        Edge(also, first, None, mapped=True),
        Edge(whole, first, None),
    }
    assert flow.edges_to(second) == {Edge(first, second, "x", mapped=True), Edge(whole, second, "y")}
    assert {(edge.upstream, edge.mapped) for edge in flow.edges_to(third)} == {
        (over, True),
        (also, True),
        (whole, False),
    }


def test_constants_inside_and_unmapped_ones_are_whole(run: Run) -> None:
    with Flow("f") as flow:
        made = apply_map(lambda x, y: add(add(x, y), 10), [1, 2], unmapped(5))
    assert run(flow).result[made].result == [16, 17]


@given(st.lists(st.integers(-3, 3), max_size=5))
def test_cases_inside_decide_for_each_child(run_inline: Run, values: list[int]) -> None:
    def body(x: Any) -> Any:
        with case(give(x), 0):
            zero = give("zero")
        with case(x, 1):
            one = inc(inc(x))
        return merge(zero, one)

    with Flow("f") as flow:
        made = apply_map(body, values)
    result = run_inline(flow).result[made].result
    assert result == [{0: "zero", 1: 3}.get(value) for value in values]


@given(st.lists(st.booleans(), max_size=5))
def test_other_conditions_inside_decide_for_each_child(run_inline: Run, values: list[bool]) -> None:
    def body(x: Any) -> Any:
        yes, no, one, two = give("yes"), give("no"), give(1), give(2)
        ifelse(x, yes, no)
        switch(x, {True: one, False: two})
        return merge(yes, no), merge(one, two)

    with Flow("f") as flow:
        first, second = apply_map(body, values)
    result = run_inline(flow).result
    assert result[first].result == ["yes" if value else "no" for value in values]
    assert result[second].result == [1 if value else 2 for value in values]


def test_a_case_around_gates_the_whole(run: Run) -> None:
    with Flow("f") as flow, case(give(False), True):
        made = apply_map(lambda x: inc(give(x)), [1, 2])
    assert run(flow).result[made].is_skipped()


def test_to_a_case_around_all_that_was_made_is_inside() -> None:
    def body(x: Any) -> Any:
        with case(x, 1):
            one = inc(x)
        with case(x, 2):
            two = give(x)
        return merge(one, two)

    with Flow("f") as flow, case(give(), "around"):
        apply_map(body, [1, 2])
    slugs = flow.slugs
    found = {slugs[edge.downstream] for edge in flow.edges if slugs[edge.upstream] == "case(around)-1"}
    assert found == {"case(1)-1", "case(2)-1"}


def test_an_argument_may_be_flattened(run: Run) -> None:
    with Flow("f") as flow:
        first, second = apply_map(lambda x: (inc(x), give()), flatten([[1, 2], [3]]))
    assert run(flow).result[first].result == [2, 3, 4]
    assert all(edge.flattened and edge.mapped for edge in flow.edges_to(second))


def test_collections_and_results_are_taken_apart(run: Run) -> None:
    with Flow("f") as flow:
        made = apply_map(lambda x: give([x["a"], 3]), [{"a": 1}, {"a": 2}])
        listed = apply_map(inc, [give(1), 2])
    state = run(flow)
    assert state.result[made].result == [[1, 3], [2, 3]]
    assert state.result[listed].result == [2, 3]


def test_a_task_from_outside_is_followed_child_by_child(run: Run) -> None:
    with Flow("f") as flow:
        outside = give([10, 20])
        made = apply_map(lambda x: add(x, outside), [1, 2])
    assert Edge(outside, made, "y", mapped=True) in flow.edges
    assert run(flow).result[made].result == [11, 22]


def test_what_the_function_returns_is_returned() -> None:
    with Flow("f") as flow:
        assert apply_map(lambda x: {"a": 1, "b": None}, [1]) == {"a": 1, "b": None}
    assert not flow.tasks


def test_a_flow_may_be_given(run: Run) -> None:
    flow = Flow("f")
    made = apply_map(inc, [1, 2], flow=flow)
    inner = apply_map(lambda x, flow: add(x, 1, flow=flow), [1, 2], flow=flow)
    assert run(flow).result[made].result == run(flow).result[inner].result == [2, 3]


@pytest.mark.parametrize("value", [5, None, {1, 2}, {"a": 1}])
def test_what_is_no_sequence_cannot_be_mapped_over(value: Any) -> None:
    with Flow("f"), pytest.raises(CallError, match=f"`{type(value).__name__}` is not a sequence"):
        apply_map(inc, value)


@pytest.mark.parametrize(
    "body", [lambda x: inc.map(x), lambda x: apply_map(inc, x), lambda x: merge(x, mapped=True)]
)
def test_nothing_is_mapped_twice(body: Callable[[Any], Any]) -> None:
    with Flow("f"), pytest.raises(DefinitionError, match="inside"):
        apply_map(body, [[1]])


def test_a_parameter_is_given_as_an_argument(run: Run) -> None:
    over, more = Parameter("over", default=[1, 2]), Parameter("more", default=10)
    with Flow("f"), pytest.raises(DefinitionError, match="`more` is used inside `apply_map`"):
        apply_map(lambda x: add(x, more), over)
    with Flow("f") as flow:
        made = apply_map(add, over, unmapped(more))
    assert run(flow).result[made].result == [11, 12]


def test_an_apply_map_outside_of_a_flow_is_refused() -> None:
    with pytest.raises(CallError, match="outside of a flow"):
        apply_map(inc, [1])
