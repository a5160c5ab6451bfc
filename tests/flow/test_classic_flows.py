"""Flows as scripts for Prefect classic make, change and ask them; the numbers are rows of its reference."""

from __future__ import annotations

import json
import pickle
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import CallError, DefinitionError
from flowkit.flow.control import case
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.graph import CycleError
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task, task
from flowkit.plan.state import Failed


@task
def one() -> int:
    return 1


@task
def add(x: Any, y: Any = 1) -> Any:
    return x + y


def chain() -> tuple[Flow, list[Task]]:
    with Flow("f") as flow:
        first = one()
        second = add(first, 7)
        third = add(second)
    return flow, [first, second, third]


# -- made --------------------------------------------------------------------------------------


def test_options_may_be_given_by_position_in_the_order_of_classic() -> None:
    """3.1."""
    first, second = one.copy(), add.copy()

    def handler(flow: Flow, old: Any, new: Any) -> Any:
        return new

    flow = Flow(
        "f", "daily", "threads", "config", "store", [first], [Edge(first, second, "x")], [first], [handler]
    )
    assert (flow.schedule, flow.executor, flow.run_config, flow.storage) == (
        "daily",
        "threads",
        "config",
        "store",
    )
    assert (list(flow.tasks), flow.reference_tasks()) == ([first, second], {first})
    assert flow.state_handlers == [handler]


def test_options_may_be_set_later_and_are_copied_and_pickled() -> None:
    flow = Flow("f", on_failure=print, terminal_state_handler=len, result="place", environment="old")
    flow.storage, flow.run_config = "store", "config"
    for same in (flow.copy(), pickle.loads(pickle.dumps(flow))):
        assert (same.storage, same.run_config, same.environment, same.result) == (
            "store",
            "config",
            "old",
            "place",
        )
        assert same.terminal_state_handler is len
        same.state_handlers[0](same, None, Failed())
        same.state_handlers.clear()
    assert len(flow.state_handlers) == 1


def test_a_flow_is_checked_at_once_where_that_is_asked_for() -> None:
    first, second = one.copy(), add.copy()
    round_ = [Edge(first, second), Edge(second, first)]
    assert Flow("f", edges=round_).tasks == {first, second}
    with pytest.raises(CycleError):
        Flow("f", edges=round_, validate=True)
    with pytest.raises(TypeError):
        Flow("f", wrong=1)  # type: ignore[call-arg]


# -- changed -----------------------------------------------------------------------------------


def test_an_argument_is_given_once_where_that_is_checked() -> None:
    """3.5."""
    flow, [first, second, third] = chain()
    for key in ("x", "y"):
        with pytest.raises(DefinitionError, match=f"the argument `{key}` of the task `add` is given twice"):
            flow.add_edge(first, second, key, validate=True)
    with pytest.raises(TypeError, match="takes no argument `z`"):
        flow.add_edge(first, third, "z", validate=True)
    with pytest.raises(CycleError):
        flow.add_edge(third, first, validate=True)


def test_a_chain_takes_values_and_lists_and_names_each_once() -> None:
    """3.7."""
    flow = Flow("f")
    edges = flow.chain(one, 3, [add])
    assert [edge.downstream.name for edge in edges] == ["3", "List"]
    assert edges[0].downstream is edges[1].upstream
    assert flow.chain(one) == flow.chain() == []
    with pytest.raises(CycleError):
        flow.chain(one, add, one, validate=True)


def test_a_flow_takes_in_another() -> None:
    """3.9: slugs are counted on; what decides stays."""
    ours, [*_, last] = chain()
    theirs, [first, second, _] = chain()
    ours.update(theirs)
    assert sorted(ours.slugs.values()) == ["add-1", "add-2", "add-3", "add-4", "one-1", "one-2"]
    assert ours.edges >= theirs.edges
    assert ours.constants[second] == {"y": 7}
    assert len(ours.reference_tasks()) == 2
    theirs.set_reference_tasks([first])
    ours.set_reference_tasks([last])
    ours.update(theirs, merge_reference_tasks=True)
    assert ours.reference_tasks() == {last, first}
    assert len(theirs.tasks) == 3


def test_parameters_of_one_name_are_refused_or_become_the_others() -> None:
    mine, yours = Parameter("p"), Parameter("p", default=1)
    ours, theirs = Flow("ours"), Flow("theirs")
    with ours:
        computed = add(mine)
    with theirs:
        add(yours)
    before = (set(ours.tasks), ours.edges)
    with pytest.raises(DefinitionError, match="two parameters `p`"):
        ours.update(theirs)
    assert (set(ours.tasks), ours.edges) == before
    ours.update(theirs, merge_parameters=True, validate=True)
    assert ours.parameters() == {yours}
    assert ours.edges_to(computed) == {Edge(yours, computed, "x")}


def test_gates_come_along_when_a_flow_is_taken_in_or_a_task_replaced() -> None:
    with Flow("theirs") as theirs:
        asked = one()
        with case(asked, 1):
            inside = add(1)
    ours = Flow("ours")
    ours.update(theirs)
    assert ours.gates_of(inside) == theirs.gates_of(inside) != ()
    new = add.copy()
    ours.replace(inside, new)
    assert ours.gates_of(new) == theirs.gates_of(inside)


def test_a_task_takes_the_place_of_another() -> None:
    """3.10: the new one has a slug of its own, and what was given to the old one."""
    flow, [first, second, third] = chain()
    flow.set_reference_tasks([second])
    new = add.copy(name="new")
    flow.replace(second, new)
    assert flow.edges == {Edge(first, new, "x"), Edge(new, third, "x")}
    assert (flow.slugs[new], flow.slugs[third], second in flow) == ("new-1", "add-2", False)
    assert (dict(flow.constants), flow.reference_tasks()) == ({new: {"y": 7}}, {new})
    again = add.copy()
    flow.replace(third, again)
    assert flow.slugs[again] == "add-3"
    flow.replace(again, again)
    assert again in flow


def test_a_value_takes_the_place_of_a_task_as_an_argument() -> None:
    flow, [first, second, third] = chain()
    flow.replace(first, 5)
    assert flow.constants[second] == {"y": 7, "x": 5}
    assert flow.edges == {Edge(second, third, "x")}
    assert sorted(flow.slugs.values()) == ["5-1", "add-1", "add-2"]


def test_a_parameter_takes_the_place_of_one_of_its_name() -> None:
    old, new = Parameter("p"), Parameter("p", default=1)
    flow = Flow("f", tasks=[old], reference_tasks=[old])
    flow.replace(old, new)
    assert (dict(flow.slugs), flow.reference_tasks()) == ({new: "p"}, {new})


def test_a_replacement_that_cannot_be_changes_nothing() -> None:
    flow, [first, second, third] = chain()
    before = (list(flow.tasks), flow.edges, dict(flow.slugs), dict(flow.constants))
    with pytest.raises(CycleError):
        flow.replace(first, third)
    assert (list(flow.tasks), flow.edges, dict(flow.slugs), dict(flow.constants)) == before
    flow.replace(first, third, validate=False)
    assert flow.edges == {Edge(third, second, "x"), Edge(second, third, "x")}
    with pytest.raises(DefinitionError, match="has no task `one`"):
        flow.replace(first, 1)


# -- asked -------------------------------------------------------------------------------------


def test_the_tasks_of_a_flow_are_a_set_in_order() -> None:
    flow, [first, second, third] = chain()
    tasks = flow.tasks
    assert list(tasks) == [first, second, third]
    assert tasks == {first, second, third} == tasks
    assert (first in tasks, one in tasks, [] in tasks, len(tasks)) == (True, False, False, 3)
    assert tasks - {first} == {second, third} == tasks & {second, third}
    assert tasks | {one} == {one} | tasks == tasks.union([one])
    assert tasks.issuperset([first]) and {first} < tasks and not tasks.isdisjoint({first})
    assert (repr(tasks), repr(Flow("g").tasks)) == ("{<Task: one>, <Task: add>, <Task: add>}", "set()")
    with pytest.raises(AttributeError, match=r"`flow\.add_task` adds one"):
        tasks.add(one)


def test_all_edges_can_be_asked_for_at_once() -> None:
    """3.12."""
    flow, [first, second, third] = chain()
    assert flow.all_upstream_edges() == {each: flow.edges_to(each) for each in flow.tasks}
    assert flow.all_downstream_edges() == {each: flow.edges_from(each) for each in flow.tasks}
    assert flow.edges_from(first) == {Edge(first, second, "x")}
    flow.add_edge(first, third)
    assert flow.edges_from(first) == {Edge(first, second, "x"), Edge(first, third)}
    assert flow.downstream_tasks(first) == {second, third}


def test_tasks_are_sorted_from_the_roots_that_are_given() -> None:
    """3.13."""
    flow, [first, second, third] = chain()
    flow.add_task(one)
    assert flow.sorted_tasks([second]) == (second, third)
    assert flow.sorted_tasks(root_tasks=[]) == flow.sorted_tasks() == tuple(flow)
    assert set(flow.sorted_tasks([first, one])) == flow.tasks
    with pytest.raises(ValueError, match="has no task `Task`"):
        flow.sorted_tasks([Task()])


@pytest.mark.parametrize("wrong", [3, None, one])
def test_reference_tasks_are_a_list(wrong: Any) -> None:
    """3.17."""
    with pytest.raises(TypeError, match="the reference tasks of the flow `f` are a list"):
        Flow("f", tasks=[one]).set_reference_tasks(wrong)


def test_flows_are_equal_where_their_tasks_and_edges_are() -> None:
    """3.19."""
    flow, [first, *_] = chain()
    same = flow.copy()
    assert same == flow and hash(same) == hash(flow) and same is not flow
    assert Flow("f") == Flow("f") != Flow("g")
    assert Flow("f") != "f"
    same.set_reference_tasks([first])
    assert same != flow
    other = flow.copy()
    other.add_task(one)
    assert other != flow
    assert pickle.loads(pickle.dumps(flow)) != flow  # other tasks


def test_a_subclass_stays_one_when_it_is_copied_or_pickled() -> None:
    for same in (Mine("f").copy(), pickle.loads(pickle.dumps(Mine("f")))):
        assert type(same) is Mine


class Mine(Flow): ...


def test_a_task_that_is_no_task_is_refused() -> None:
    for wrong in (3, []):
        with pytest.raises(CallError, match="a flow is made of tasks"):
            Flow("f").add_task(wrong)  # type: ignore[arg-type]


# -- described ---------------------------------------------------------------------------------


def test_a_flow_is_described_without_its_code() -> None:
    """3.22."""
    flow, [first, *_] = chain()
    flow.storage, flow.schedule = Place("here"), timedelta(1)
    flow.add_task(Parameter("p", default=[1]))
    flow.set_reference_tasks([first])
    document = flow.serialize()
    assert json.loads(json.dumps(document)) == document
    assert [each["slug"] for each in document["tasks"]] == ["add-1", "add-2", "one-1", "p"]
    assert [(each["name"], each["default"]) for each in document["parameters"]] == [("p", [1])]
    assert [each["key"] for each in document["edges"]] == ["x", "x"]
    assert document["reference_tasks"] == [{"slug": "one-1"}]
    assert document["storage"] == {"type": "Place", "path": "here"}
    assert flow.serialize(build=True) == document


class Place:
    def __init__(self, path: str) -> None:
        self.path = path


def test_a_flow_with_a_cycle_is_not_described() -> None:
    flow, [first, *_, last] = chain()
    flow.add_edge(last, first)
    with pytest.raises(ValueError, match="cycle"):
        flow.serialize()


@given(st.permutations(range(6)))
def test_the_hash_of_a_flow_does_not_depend_on_the_order_of_its_tasks(order: list[int]) -> None:
    """3.23."""
    tasks = [Task(name=str(number), slug=str(number)) for number in range(6)]
    edges = [Edge(tasks[number // 2], tasks[number]) for number in range(1, 6) if number // 2 != number]
    straight = Flow("f", tasks=tasks, edges=edges)
    mixed = Flow("f", tasks=[tasks[place] for place in order], edges=reversed(edges))
    assert straight.serialized_hash() == mixed.serialized_hash()
    mixed.add_task(Task(name="more"))
    assert straight.serialized_hash() != mixed.serialized_hash()


def test_the_value_of_a_secret_is_not_described() -> None:
    flow = Flow("f", tasks=[Parameter("p", default="hush", secret=True)])
    assert "hush" not in json.dumps(flow.serialize())
