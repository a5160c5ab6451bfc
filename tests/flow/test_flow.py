"""Flows: writing them, asking them, copying them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowkit.errors import CallError, DefinitionError
from flowkit.flow.control import case
from flowkit.flow.edge import Edge, Gate
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import flatten, mapped, unmapped
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task, task


@task
def one() -> int:
    return 1


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task
def after(x: Any = None) -> Any:
    return x


# -- defining -----------------------------------------------------------------------------------


def test_a_flow_keeps_what_it_is_given() -> None:
    first, second = task(one.run), task(after.run)
    flow = Flow(
        "etl",
        description="Nightly.",
        executor="threads",
        schedule="daily",
        tags=["a"],
        tasks=[first],
        edges=[Edge(first, second, "x")],
        reference_tasks=[first],
    )
    assert (flow.name, flow.description, flow.executor, flow.schedule) == (
        "etl",
        "Nightly.",
        "threads",
        "daily",
    )
    assert flow.tags == {"a"}
    assert list(flow.tasks) == [first, second]
    assert flow.edges == {Edge(first, second, "x")}
    assert flow.reference_tasks() == {first}
    assert repr(flow) == '<Flow: name="etl">'
    assert first in flow and one not in flow


def test_a_flow_built_step_by_step_equals_one_that_is_called() -> None:
    first, total = task(one.run), task(add.run)
    flow = Flow("f")
    assert flow.add_task(first) is first
    assert flow.add_edge(first, total, key="x") == Edge(first, total, "x")
    flow.set_dependencies(total, keyword_tasks={"y": 2})
    with Flow("f") as called:
        made = add(one(), y=2)
    assert [t.name for t in flow.tasks] == ["one", "add"]
    assert sorted(t.name for t in called.tasks) == ["add", "one"]
    assert flow.constants[total] == called.constants[made]


def test_adding_a_task_again_changes_nothing() -> None:
    flow, first = Flow("f"), task(one.run)
    flow.add_task(first)
    flow.add_task(first)
    assert list(flow.tasks) == [first]


@pytest.mark.parametrize("thing", [3, "task", None, one.run])
def test_a_flow_is_made_of_tasks(thing: Any) -> None:
    with pytest.raises(CallError, match=f"not of `{type(thing).__name__}`"):
        Flow("f").add_task(thing)


def test_flows_nest_and_the_outer_one_comes_back() -> None:
    with Flow("outer") as outer:
        before = one()
        with Flow("inner") as inner:
            inside = one()
        behind = one()
    assert list(outer.tasks) == [before, behind]
    assert list(inner.tasks) == [inside]


def test_a_flow_can_be_entered_again_and_within_itself() -> None:
    with Flow("f") as flow:
        first = one()
        with flow:
            second = one()
        third = one()
    with flow:
        fourth = one()
    assert list(flow.tasks) == [first, second, third, fourth]


def test_a_flow_is_left_when_its_block_raises() -> None:
    with pytest.raises(ZeroDivisionError), Flow("f"):
        raise ZeroDivisionError
    with pytest.raises(CallError, match="outside of a flow"):
        one()


def test_a_plain_flow_takes_no_build_parameters() -> None:
    flow = Flow("f")
    assert flow.build() is flow
    with pytest.raises(DefinitionError, match="the flow `f` has no build parameters"):
        flow.build(trace=1)


# -- edges --------------------------------------------------------------------------------------


def test_an_edge_is_kept_once() -> None:
    flow = Flow("f")
    first, second = task(one.run), task(after.run)
    for _ in range(2):
        flow.add_edge(first, second)
        flow.add_edge(first, second, key="x")
    assert flow.edges == {Edge(first, second), Edge(first, second, "x")}
    assert len(flow.wiring.inputs[second]) == 2


@pytest.mark.parametrize("count", [3, 7, 8, 9, 40])
def test_an_argument_has_one_source_however_many_there_are(count: int) -> None:
    def gather(**items: int) -> int:
        return sum(items.values())

    flow = Flow("f")
    total = flow.add_task(task(gather))
    first, second = task(one.run), task(one.run)
    for source in (first, second, second):
        for number in range(count):
            flow.add_edge(source, total, key=f"k{number}")
        flow.add_edge(source, total)
    keyed = [edge for edge in flow.wiring.inputs[total] if edge.key is not None]
    assert [(edge.upstream, edge.key) for edge in keyed] == [(second, f"k{n}") for n in range(count)]
    assert len(flow.wiring.inputs[total]) == count + 2
    copied = flow.copy()
    copied.add_edge(first, total, key="k0")
    assert len(copied.wiring.inputs[total]) == count + 2


def test_annotations_decide_the_kind_of_an_edge() -> None:
    flow = Flow("f")
    first, second = task(one.run), task(after.run)
    assert flow.add_edge(mapped(first), second, key="x").mapped
    assert not flow.add_edge(unmapped(first), second, key="x", mapped=True).mapped
    edge = flow.add_edge(flatten(first), second, key="x", mapped=True)
    assert edge.mapped and edge.flattened
    assert flow.add_edge(first, second, key="x", flattened=True) == Edge(first, second, "x", False, True)


def test_an_edge_takes_a_value_at_either_end() -> None:
    flow, second = Flow("f"), task(after.run)
    before = flow.add_edge(5, second)
    assert before.upstream.name == "5"
    assert flow.upstream_tasks(second) == {before.upstream}
    assert flow.add_edge(second, [one, second.copy()]).downstream in flow.tasks


def test_a_value_for_an_argument_is_no_part_of_the_graph() -> None:
    """2.8: `add_edge` returns an edge all the same."""
    flow, second = Flow("f"), task(after.run)
    edge = flow.add_edge(5, second, key="x")
    assert (edge.upstream.name, edge.downstream, edge.key) == ("5", second, "x")
    assert list(flow.tasks) == [second]
    assert (flow.edges, flow.constants) == (set(), {second: {"x": 5}})


def test_a_task_does_not_depend_on_itself() -> None:
    flow, first = Flow("f"), task(after.run)
    with pytest.raises(DefinitionError, match="the task `after` depends on itself"):
        flow.add_edge(first, first, key="x")


def test_a_result_replaces_a_value_of_the_same_argument() -> None:
    with Flow("f") as flow:
        total = add(1, y=2)
        total.set_upstream(one(), key="x")
    assert flow.constants[total] == {"y": 2}


def test_a_checked_edge_refuses_an_argument_that_there_is_not() -> None:
    flow, first, second = Flow("f"), task(one.run), task(after.run)
    with pytest.raises(CallError, match="nope"):
        flow.add_edge(first, second, key="nope", validate=True)
    assert not flow.edges


def test_a_checked_edge_refuses_a_cycle_and_an_unchecked_one_leaves_it_to_the_run() -> None:
    flow, first, second = Flow("f"), task(after.run), task(after.run)
    flow.add_edge(first, second, validate=True)
    with pytest.raises(DefinitionError, match="cycle"):
        flow.add_edge(second, first, validate=True)
    unchecked = Flow("g", edges=[Edge(first, second), Edge(second, first)])
    with pytest.raises(DefinitionError, match="cycle"):
        unchecked.validate()


def test_a_chain_is_an_edge_between_neighbours() -> None:
    with Flow("f") as flow:
        first, second, third = one(), one(), one()
        assert flow.chain(first, second, third) == [Edge(first, second), Edge(second, third)]
        assert flow.chain(first) == []
    assert flow.edges == {Edge(first, second), Edge(second, third)}


def test_set_dependencies_adds_and_converts_everything() -> None:
    flow = Flow("f")
    before, behind, total = task(one.run), task(after.run), task(add.run)
    flow.set_dependencies(
        total,
        upstream_tasks=[before, [before]],
        downstream_tasks=[behind],
        keyword_tasks={"x": [before, 1], "y": 3},
        validate=True,
    )
    assert flow.upstream_tasks(behind) == {total}
    assert sorted(t.name for t in flow.upstream_tasks(total)) == ["List", "List", "one"]
    assert flow.constants[total] == {"y": 3}
    with pytest.raises(DefinitionError, match="cycle"):
        flow.set_dependencies(before, upstream_tasks=[behind], validate=True)


def test_set_dependencies_alone_adds_the_task() -> None:
    flow, total = Flow("f"), task(add.run)
    flow.set_dependencies(total)
    assert total in flow


def test_set_dependencies_can_map() -> None:
    flow, source, total = Flow("f"), task(one.run), task(add.run)
    flow.set_dependencies(total, keyword_tasks={"x": source}, mapped=True)
    assert flow.edges == {Edge(source, total, "x", mapped=True)}


def test_one_task_where_a_list_of_upstreams_belongs_is_refused_in_these_terms() -> None:
    with Flow("f"):
        made = one()
        with pytest.raises(CallError) as refused:
            after(upstream_tasks=made)
    assert "upstream_tasks" in str(refused.value)


# -- asking -------------------------------------------------------------------------------------


@pytest.fixture
def diamond() -> tuple[Flow, list[Task]]:
    with Flow("diamond") as flow:
        top = one()
        left, right = after(top), add(top)
        bottom = add(left, right)
    return flow, [top, left, right, bottom]


def test_a_flow_knows_who_is_next_to_whom(diamond: tuple[Flow, list[Task]]) -> None:
    flow, (top, left, right, bottom) = diamond
    assert flow.root_tasks() == {top}
    assert flow.terminal_tasks() == {bottom}
    assert flow.upstream_tasks(bottom) == {left, right}
    assert flow.downstream_tasks(top) == {left, right}
    assert flow.edges_to(bottom) == {Edge(left, bottom, "x"), Edge(right, bottom, "y")}
    assert flow.edges_from(top) == {Edge(top, left, "x"), Edge(top, right, "x")}


def test_a_gate_is_no_edge_but_makes_neither_root_nor_terminal() -> None:
    flow = Flow("f")
    condition, inner = task(one.run), task(one.run)
    flow.add_gates(inner, [Gate(condition, 1)])
    assert flow.edges == set()
    assert flow.root_tasks() == {condition}
    assert flow.terminal_tasks() == {inner}
    assert flow.gates_of(inner) == (Gate(condition, 1),)
    assert flow.gates_of(condition) == ()


@pytest.mark.parametrize(
    "ask",
    [Flow.edges_to, Flow.edges_from, Flow.upstream_tasks, Flow.downstream_tasks],
    ids=lambda ask: ask.__name__,
)
def test_asking_about_a_task_of_another_flow_is_refused(ask: Callable[[Flow, Any], Any]) -> None:
    with pytest.raises(DefinitionError, match="the flow `f` has no task `one`"):
        ask(Flow("f"), one)
    with pytest.raises(DefinitionError, match=r"the flow `f` has no task `\[1\]`"):
        ask(Flow("f"), [1])


def test_tasks_are_found_by_name_slug_tags_and_type() -> None:
    with Flow("f") as flow:
        first = one(task_args={"slug": "s"})
        tagged = task(tags=["a", "b"])(one.run)()
        parameter = Parameter("p")()
    assert flow.get_tasks() == [first, tagged, parameter]
    assert flow.get_tasks(name="one") == [first, tagged]
    assert flow.get_tasks(slug="s") == [first]
    assert flow.get_tasks(slug="one-a-b-1") == [tagged]
    assert flow.get_tasks(tags=["a"]) == [tagged]
    assert flow.get_tasks(tags=["a", "c"]) == []
    assert flow.get_tasks(task_type=Parameter) == [parameter]
    assert flow.get_tasks(name="one", tags=["b"], slug="s") == []


# -- reference tasks ----------------------------------------------------------------------------


def test_the_terminal_tasks_decide_unless_others_are_set(diamond: tuple[Flow, list[Task]]) -> None:
    flow, (top, left, _, bottom) = diamond
    assert flow.reference_tasks() == {bottom}
    flow.set_reference_tasks([top, left])
    assert flow.reference_tasks() == {top, left}
    flow.set_reference_tasks([])
    assert flow.reference_tasks() == {bottom}


def test_reference_tasks_are_tasks_of_the_flow() -> None:
    flow = Flow("f")
    with pytest.raises(DefinitionError, match="no task `one`"):
        flow.set_reference_tasks([one])
    for thing in (one, 3):
        with pytest.raises(TypeError):
            flow.set_reference_tasks(thing)  # type: ignore[arg-type]


# -- copies -------------------------------------------------------------------------------------


def test_a_copy_has_the_same_tasks_and_containers_of_its_own(diamond: tuple[Flow, list[Task]]) -> None:
    flow, (top, left, _right, bottom) = diamond
    flow.set_reference_tasks([left])
    flow.tags, flow.schedule = frozenset({"t"}), "daily"
    new = flow.copy()
    assert (new.name, new.tags, new.schedule) == ("diamond", frozenset("t"), "daily")
    assert (set(new.tasks), new.edges, new.slugs) == (set(flow.tasks), flow.edges, flow.slugs)
    assert new.reference_tasks() == {left}
    with new:
        extra = after(bottom)
        top.set_upstream(5)
        bottom.set_dependencies(keyword_tasks={"x": 8})
        with case(left, 1):
            gated = one()
    new.set_reference_tasks([extra])
    assert extra not in flow and gated not in flow
    assert flow.root_tasks() == {top}
    assert flow.constants == {}
    assert flow.terminal_tasks() == {bottom}
    assert flow.reference_tasks() == {left}
    assert len(flow.tasks) == 4


def test_copies_number_slugs_on_their_own() -> None:
    with Flow("f") as flow:
        one()
    new = flow.copy()
    assert new.slugs[one(flow=new)] == "one-2"
    assert flow.slugs[one(flow=flow)] == "one-2"


def test_tasks_have_their_slugs_in_the_order_of_classic() -> None:
    first, second, third, fourth = (task(one.run) for _ in range(4))
    flow = Flow("f")
    flow.add_edge(second, first)
    third.set_upstream(fourth, flow=flow)
    assert [flow.slugs[each] for each in (second, first, third, fourth)] == [
        f"one-{number}" for number in range(1, 5)
    ]
