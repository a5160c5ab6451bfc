"""Group 3 of classic's rules, how flows are put together, as whole flows."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from classic_steps import steps


def double(x: int) -> int:
    return 2 * x


def test_a_flow_has_a_name_and_may_be_given_its_parts() -> None:
    """3.1: a name that is empty is a ValueError; tasks and edges may come with it."""
    from prefect import Flow
    from prefect.core import Edge

    s = steps()
    flow = Flow("f", tasks=[s.one], edges=[Edge(s.one, s.double, key="x")], reference_tasks=[s.one])
    assert flow.tasks == {s.one, s.double}
    assert flow.reference_tasks() == {s.one}
    assert flow.run().result[s.double].result == 2
    for name in ("", None):
        with pytest.raises(ValueError):
            Flow(name)


def test_flows_may_be_built_within_each_other() -> None:
    """3.2: `with Flow` sets the context's flow, and the one around it comes back."""
    import prefect
    from prefect import Flow

    s = steps()
    with Flow("outer") as outer:
        assert prefect.context.flow is outer
        with Flow("inner") as inner:
            assert prefect.context.flow is inner
            two = s.double(1)
        assert prefect.context.flow is outer
        one = s.one()
    assert prefect.context.get("flow") is None
    assert (outer.tasks, inner.tasks) == ({one}, {two})
    assert inner.run().result[two].result == 2
    outer.run()


def test_a_flow_is_not_run_while_it_is_built() -> None:
    """3.3: `flow.run()` within `with` is a RuntimeError, `flow.register()` a ValueError."""
    from prefect import Flow

    with Flow("f") as flow:
        with pytest.raises(RuntimeError):
            flow.run()
        with pytest.raises(ValueError):
            flow.register("project")
    assert flow.run().is_successful()


def test_a_task_is_added_once() -> None:
    """3.4: adding again does nothing; what is no task is a TypeError, a slug twice a ValueError."""
    from prefect import Flow, Task

    class Step(Task):
        def run(self): ...

    flow, step = Flow("f"), Step(slug="s")
    assert flow.add_task(step) is step
    assert flow.add_task(step) is step
    assert flow.tasks == {step}
    with pytest.raises(TypeError):
        flow.add_task(5)
    with pytest.raises(ValueError):
        flow.add_task(Step(slug="s"))
    assert flow.run().is_successful()


def test_an_edge_can_be_added() -> None:
    """3.5: operands become tasks, the edge is returned; a Parameter is never downstream."""
    from prefect import Flow, Parameter

    s, flow = steps(), Flow("f")
    edge = flow.add_edge(s.one, s.double, key="x")
    assert (edge.upstream_task, edge.downstream_task, edge.key) == (s.one, s.double, "x")
    assert flow.add_edge(5, s.one).upstream_task.name == "5"
    with pytest.raises(ValueError):
        flow.add_edge(s.one, Parameter("p"))
    assert flow.run().result[s.double].result == 2


def test_an_edge_is_checked_when_asked() -> None:
    """3.5: `validate=True` refuses a key twice, a key that `run` does not take, and a cycle."""
    from prefect import Flow

    s, flow = steps(), Flow("f")
    flow.add_edge(s.one, s.double, key="x", validate=True)
    with pytest.raises(ValueError):
        flow.add_edge(s.fail, s.double, key="x", validate=True)
    with pytest.raises(TypeError):
        flow.add_edge(s.fail, s.double, key="no_such", validate=True)
    flow = Flow("g")
    flow.add_edge(s.one, s.double, key="x")
    with pytest.raises(ValueError, match=r"[Cc]ycle"):
        flow.add_edge(s.double, s.one, validate=True)


def test_an_edge_is_a_value() -> None:
    """3.6: equal where all five parts are; a key is an identifier, no keyword; no edge to oneself."""
    from prefect.core import Edge

    s = steps()
    edge = Edge(s.one, s.double, key="x", mapped=True)
    assert edge == Edge(s.one, s.double, key="x", mapped=True)
    assert edge != Edge(s.one, s.double, key="x")
    assert hash(edge) == hash(Edge(s.one, s.double, key="x", mapped=True))
    assert (edge.mapped, edge.flattened) == (True, False)
    for key in ("1x", "a b", "class"):
        with pytest.raises(ValueError):
            Edge(s.one, s.double, key=key)
    with pytest.raises(ValueError):
        Edge(s.one, s.one)


def test_an_annotation_beats_the_keyword() -> None:
    """3.6: `mapped(x)` as an operand is mapped, whatever the keyword says."""
    from prefect import Flow, mapped, task, unmapped

    @task
    def numbers():
        return [1, 2]

    s = steps()
    with Flow("f") as flow:
        x = numbers()
        flow.add_edge(mapped(x), s.double, key="x", mapped=False)
    edge = next(iter(flow.edges_to(s.double)))
    assert (edge.mapped, edge.upstream_task) == (True, x)
    assert flow.run().result[s.double].result == [2, 4]
    assert Flow("g").add_edge(unmapped(s.one), s.double, key="x", mapped=True).mapped is False


def test_a_chain_is_edges_between_neighbours() -> None:
    """3.7: returns the edges, none of which has a key."""
    from prefect import Flow, Task

    class Step(Task):
        def run(self): ...

    flow, a, b, c = Flow("f"), Step(name="a"), Step(name="b"), Step(name="c")
    edges = flow.chain(a, b, c)
    assert [(e.upstream_task, e.downstream_task, e.key) for e in edges] == [(a, b, None), (b, c, None)]
    assert flow.sorted_tasks() == (a, b, c)
    assert flow.run().is_successful()


def test_dependencies_of_a_task_can_be_set_at_once() -> None:
    """3.8: tasks before, after and for keywords, all converted and added; mapped for all."""
    from prefect import Flow, task

    @task
    def add(x, y):
        return x + y

    s, flow = steps(), Flow("f")
    flow.set_dependencies(
        add, upstream_tasks=[s.one], downstream_tasks=[s.fail], keyword_tasks={"x": 1, "y": 2}
    )
    assert flow.upstream_tasks(add) == {s.one}
    assert flow.downstream_tasks(add) == {s.fail}
    assert flow.run().result[add].result == 3
    each = Flow("g")
    each.set_dependencies(add, keyword_tasks={"x": [1, 2], "y": [3, 4]}, mapped=True)
    assert each.run().result[add].result == [4, 6]


def test_a_flow_can_take_in_another() -> None:
    """3.9: the union of tasks, edges and constants; a parameter of the same name is an error."""
    from prefect import Flow, Parameter

    s = steps()
    with Flow("f") as flow:
        first = s.double(Parameter("p", default=1))
    with Flow("g") as other:
        second = s.double(s.double(5))
    with Flow("h") as clash:
        third = s.double(Parameter("p", default=7))
    flow.update(other)
    state = flow.run()
    assert (state.result[first].result, state.result[second].result) == (2, 20)
    with pytest.raises(ValueError):
        flow.update(clash)
    flow.update(clash, merge_parameters=True)
    state = flow.run()
    assert (state.result[first].result, state.result[third].result) == (14, 14)


def test_a_task_can_be_replaced() -> None:
    """3.10: edges and reference tasks follow; a constant may stand in; what is not there is an error."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        one = s.one()
        two = s.double(one)
        flow.set_reference_tasks([two])
    other = s.double.copy(name="other")
    flow.replace(two, other)
    assert flow.reference_tasks() == {other}
    assert flow.run().result[other].result == 2
    flow.replace(one, 10)
    assert flow.run().result[other].result == 20
    with pytest.raises(ValueError):
        flow.replace(two, one)


def test_a_copy_has_the_same_tasks_and_its_own_edges() -> None:
    """3.11: the containers are independent, the tasks are the same objects."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        two = s.double(s.one())
    copy = flow.copy()
    assert copy.tasks == flow.tasks
    copy.add_edge(two, s.double, key="x")
    assert len(copy.tasks) == 3
    assert len(flow.tasks) == 2
    assert copy.run().result[s.double].result == 4


def test_a_flow_answers_questions_about_its_graph() -> None:
    """3.12: roots, terminals, neighbours, edges, parameters, tasks by attribute."""
    from prefect import Flow, Parameter, Task

    s = steps()
    with Flow("f") as flow:
        p = Parameter("p", default=1)
        two = s.double(p, task_args={"tags": ["a", "b"]})
        four = s.double(two, task_args={"name": "four", "slug": "mine"})
    assert (flow.root_tasks(), flow.terminal_tasks()) == ({p}, {four})
    assert (flow.upstream_tasks(four), flow.downstream_tasks(p)) == ({two}, {two})
    assert {e.upstream_task for e in flow.edges_to(two)} == {p}
    assert {e.downstream_task for e in flow.edges_from(two)} == {four}
    assert flow.all_upstream_edges()[four] == flow.edges_to(four)
    assert flow.all_downstream_edges()[p] == flow.edges_from(p)
    assert flow.parameters() == {p}
    assert flow.get_tasks(name="four") == [four]
    assert flow.get_tasks(slug="mine") == [four]
    assert flow.get_tasks(tags=["a"]) == [two]
    assert flow.get_tasks(name="double", tags=["no"]) == []
    assert flow.get_tasks(task_type=Parameter) == [p]
    with pytest.raises(ValueError):
        flow.edges_to(Task())
    assert flow.run().result[four].result == 4


def test_a_slug_that_the_flow_made_is_not_found_by_get_tasks() -> None:
    """3.12: `get_tasks(slug=)` compares the task's own slug."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        one = s.one()
    assert flow.slugs[one] == "one-1"
    assert flow.get_tasks(slug="one-1") == []


def test_tasks_are_sorted_by_what_they_need() -> None:
    """3.13: a topological order; from given roots, only what follows them."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        one = s.one()
        two = s.double(one)
        four = s.double(two)
        other = s.one()
    order = flow.sorted_tasks()
    assert set(order) == flow.tasks == set(flow)
    assert order.index(one) < order.index(two) < order.index(four)
    assert list(flow.sorted_tasks(root_tasks=[two])) == [two, four]
    assert other not in flow.sorted_tasks(root_tasks=[one])


def test_a_cycle_is_found_when_the_flow_is_checked() -> None:
    """3.14: `flow.validate()` is a ValueError for a cycle."""
    from prefect import Flow

    s, flow = steps(), Flow("f")
    flow.add_edge(s.one, s.double, key="x")
    flow.validate()
    flow.add_edge(s.double, s.one)
    with pytest.raises(ValueError, match=r"[Cc]ycle"):
        flow.validate()


def test_a_cycle_can_be_built_and_fails_when_it_runs() -> None:
    """3.15: edges are not checked while a flow is built; the run is Failed with the ValueError."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        one = s.one()
        one.set_upstream(s.double(one))
    state = flow.run()
    assert state.is_failed()
    assert isinstance(state.result, ValueError)


def test_slugs_are_counted_by_name_and_tags() -> None:
    """3.16: name, sorted tags and a number, in the order of insertion, around slugs that are taken."""
    from prefect import Flow, Parameter, task

    s = steps()

    @task(tags=["b", "a"])
    def tagged(): ...

    with Flow("f") as flow:
        taken = s.one(task_args={"slug": "one-1"})
        one, again = s.one(), s.one()
        tag = tagged()
        p = Parameter("p", default=1)()
    again.name = "renamed"
    assert [flow.slugs[t] for t in (taken, one, again, tag, p)] == [
        "one-1",
        "one-2",
        "one-3",
        "tagged-a-b-1",
        "p",
    ]
    assert flow.run().is_successful()


def test_reference_tasks_decide() -> None:
    """3.17: by default the terminal tasks do; those that are set do instead; an empty list resets."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        one, bad = s.one(), s.fail()
    assert flow.reference_tasks() == {one, bad}
    assert flow.run().is_failed()
    flow.set_reference_tasks([one])
    assert flow.run().is_successful()
    flow.set_reference_tasks([])
    assert flow.reference_tasks() == {one, bad}
    with pytest.raises(ValueError):
        flow.set_reference_tasks([s.one])
    with pytest.raises(TypeError):
        flow.set_reference_tasks(one)


def test_a_terminal_state_handler_has_the_last_word() -> None:
    """3.18: called with the flow, the state and the states of the reference tasks; None keeps it."""
    from prefect import Flow

    s, seen = steps(), []

    def last(flow, state, states):
        seen.append((flow.name, {type(state).__name__ for state in states}))
        if state.is_failed():
            state.message = "as expected"
            return state
        return None

    with Flow("bad", terminal_state_handler=last) as bad:
        s.fail()
    with Flow("good", terminal_state_handler=last) as good:
        s.one()
    assert bad.run().message == "as expected"
    assert good.run().is_successful()
    assert seen == [("bad", {"Failed"}), ("good", {"Success"})]


def test_flows_are_equal_by_their_parts() -> None:
    """3.19: name, tasks, edges and reference tasks; tasks are compared by identity."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        one = s.one()
        s.double(one)
    assert flow == flow.copy()
    other = flow.copy()
    other.set_reference_tasks([one])
    assert flow != other
    with Flow("f") as same:
        s.double(s.one())
    assert flow != same


def test_what_was_asked_before_is_asked_again_when_the_graph_changes() -> None:
    """3.20: answers about the graph follow every change of it."""
    from prefect import Flow

    s = steps()
    with Flow("f") as flow:
        one = s.one()
    assert flow.terminal_tasks() == flow.root_tasks() == {one}
    flow.add_edge(one, s.double, key="x")
    assert (flow.root_tasks(), flow.terminal_tasks()) == ({one}, {s.double})
    assert flow.run().result[s.double].result == 2


def test_a_flow_is_described_without_its_code() -> None:
    """3.22: JSON of tasks, edges and parameters; it is validated first."""
    from prefect import Flow, Parameter

    s = steps()
    with Flow("f") as flow:
        four = s.double(s.double(Parameter("p", default=3)))
    told = json.loads(json.dumps(flow.serialize()))
    assert told["name"] == "f"
    assert {t["slug"] for t in told["tasks"]} == {"p", "double-1", "double-2"}
    assert len(told["edges"]) == 2
    assert [p["slug"] for p in told["parameters"]] == ["p"]
    flow.add_edge(four, next(iter(flow.upstream_tasks(four))))
    with pytest.raises(ValueError):
        flow.serialize()


def test_the_hash_of_a_flow_is_that_of_its_description() -> None:
    """3.23: the same for the same flow built again, whatever the order; another for another one."""
    from prefect import Flow, Task

    class Step(Task):
        def run(self): ...

    def built(names: str) -> Any:
        flow = Flow("f")
        for name in names:
            flow.add_task(Step(name=name))
        return flow.serialized_hash()

    assert built("ab") == built("ba")
    assert built("ab") != built("abc")
    assert len(built("ab")) == 64


def test_a_flow_can_be_saved_and_loaded(tmp_path) -> None:
    """3.24: what is loaded is another flow that runs alike; without cloudpickle, functions of modules do."""
    from prefect import Flow, task

    with Flow("f") as flow:
        task(double)(3, task_args={"name": "six"})
    path = flow.save(str(tmp_path / "f.prefect"))
    loaded = Flow.load(path)
    assert loaded.name == "f"
    assert loaded != flow
    assert loaded.run().result[loaded.get_tasks(name="six")[0]].result == 6


def test_a_flow_that_was_built_with_with_can_be_pickled() -> None:
    """3.2: nothing of the `with` stays in it."""
    from prefect import Flow, Parameter

    with Flow("f") as flow:
        (Parameter("p", default=2) + 3) * 2
    again = pickle.loads(pickle.dumps(flow))
    assert again.run(p=4).result[again.get_tasks(name="Mul")[0]].result == 14
