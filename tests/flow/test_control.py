"""`case`, `switch`, `ifelse` and `merge` as they are written: which tasks stand behind which gates."""

from __future__ import annotations

from typing import Any

import pytest

from flowkit.errors import CallError, DefinitionError
from flowkit.flow.ambient import tags
from flowkit.flow.control import CompareValue, case, ifelse, merge, switch
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import unmapped
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task, task


@task
def choose() -> str:
    return "a"


@task
def work(x: Any = None) -> Any:
    return x


def compared(flow: Flow, compare: Task) -> Any:
    """What a `CompareValue` compares: the task, or the constant."""
    given = [edge.upstream for edge in flow.edges_to(compare) if edge.key == "value"]
    return given[0] if given else flow.constants[compare]["value"]


def gates(flow: Flow, made: Task) -> list[tuple[Any, object]]:
    return [(compared(flow, gate.condition), gate.value) for gate in flow.gates_of(made)]


def first_ones(flow: Flow, value: object) -> set[Task]:
    """The tasks that the `CompareValue` of a value has edges to."""
    (compare,) = [made for made in flow.tasks if isinstance(made, CompareValue) and made.value == value]
    assert all(edge.key is None for edge in flow.edges_from(compare))
    return flow.downstream_tasks(compare)


# -- case ---------------------------------------------------------------------------------------


def test_every_task_that_is_made_inside_is_gated() -> None:
    with Flow("f") as flow:
        condition, outside = choose(), work()
        with case(condition, "a"):
            first = work([outside, 1])
            second = work(first)
            third = first + 1
        behind = work(second)
    gathered = next(made for made in flow.tasks if made.name == "List")
    for inside in (first, second, third, gathered):
        assert gates(flow, inside) == [(condition, "a")]
    for free in (condition, outside, behind):
        assert gates(flow, free) == []


def test_cases_nest_and_are_left_one_by_one() -> None:
    with Flow("f") as flow:
        outer, inner = choose(), work()
        with case(outer, 1):
            before = work()
            with case(inner, 2):
                deep = work()
            after = work()
    assert gates(flow, before) == gates(flow, after) == [(outer, 1)]
    assert gates(flow, deep) == [(outer, 1), (inner, 2)]


def test_a_condition_that_is_made_in_a_case_is_gated_by_it() -> None:
    with Flow("f") as flow:
        outer = choose()
        with case(outer, 1), case(work(), 2):
            deep = work()
    (_, (inner, _)) = gates(flow, deep)
    assert gates(flow, inner) == [(outer, 1)]
    assert gates(flow, flow.gates_of(deep)[1].condition) == [(outer, 1)]


def test_parameters_and_constants_are_never_gated() -> None:
    with Flow("f") as flow, case(choose(), 1):
        parameter = Parameter("p")
        made = work(parameter)
        constant = flow.as_task(5)
    assert gates(flow, made)
    assert not gates(flow, parameter) and not gates(flow, constant)


def test_a_parameter_and_a_value_can_be_conditions() -> None:
    with Flow("f") as flow:
        with case(Parameter("mode"), "fast"):
            fast = work()
        with case(True, True):
            always = work()
    assert [condition.name for condition, _ in gates(flow, fast)] == ["mode"]
    assert gates(flow, always) == [(True, True)]


def test_an_uncalled_task_can_be_a_condition() -> None:
    with Flow("f") as flow, case(choose, "a"):
        made = work()
    assert gates(flow, made) == [(choose, "a")]


def test_an_empty_case_adds_nothing_but_its_condition() -> None:
    with Flow("f") as flow, case(choose(), 1):
        pass
    assert [made.name for made in flow.tasks] == ["choose"]


def test_a_case_can_be_entered_again() -> None:
    with Flow("f") as flow:
        when = case(choose(), 1)
        with when:
            first = work()
        with when:
            second = work()
    assert gates(flow, first) == gates(flow, second)
    again = [made for made in flow.tasks if isinstance(made, CompareValue)]
    assert [flow.slugs[made] for made in again] == ["case(1)-1", "case(1)-2"]
    assert flow.downstream_tasks(again[1]) == {first, second}


def test_a_case_is_upstream_of_the_tasks_without_one_inside() -> None:
    with Flow("f") as flow:
        condition, outside = choose(), work()
        with case(condition, "a"):
            first = work(outside)
            second = work([first, work()])
            mapped = work.map(unmapped(second))
    third = next(made for made in flow.tasks if flow.slugs[made] == "work-3")
    assert first_ones(flow, "a") == {first, third}
    assert mapped not in first_ones(flow, "a")
    (compare,) = [made for made in flow.tasks if isinstance(made, CompareValue)]
    assert (compare.name, flow.slugs[compare], compare.is_carrier) == ("case(a)", "case(a)-1", True)
    assert not compare.auto_generated
    assert flow.edges_to(compare) == {Edge(condition, compare, "value")}


def test_what_follows_an_inner_case_begins_anew_in_the_outer_one() -> None:
    with Flow("f") as flow, case(choose(), 1):
        before = work()
        with case(before, 2):
            deep = work(before)
        after = work(deep)
    assert first_ones(flow, 1) == {before, after}
    assert first_ones(flow, 2) == {deep}


def test_a_case_is_left_when_its_block_raises() -> None:
    with Flow("f") as flow:
        with pytest.raises(ZeroDivisionError), case(choose(), 1):
            raise ZeroDivisionError
        assert not gates(flow, work())


def test_the_value_of_a_case_is_no_task() -> None:
    with Flow("f"), pytest.raises(CallError, match="it cannot be a task"):
        case(choose(), work())


def test_a_case_outside_of_a_flow_is_of_the_flow_that_its_tasks_are_added_to() -> None:
    flow, other, condition = Flow("f"), Flow("other"), task(choose.run)
    with case(condition, "a"):
        flow.add_task(first := task(work.run))
        second = task(work.run).bind(first, flow=flow)
        with pytest.raises(DefinitionError, match="of another flow is inside a `case`"):
            other.add_task(task(work.run))
    assert first_ones(flow, "a") == {first}
    assert gates(flow, second) == [(condition, "a")]
    with case(condition, "b"):
        pass
    assert len(flow.tasks) == 4


def test_a_task_of_another_flow_is_not_added_in_a_case() -> None:
    other = Flow("other")
    with (
        Flow("f"),
        case(choose(), 1),
        pytest.raises(DefinitionError, match="of another flow is inside a `case`"),
    ):
        work(flow=other)


def test_a_flow_inside_a_case_begins_without_gates() -> None:
    with Flow("f"), case(choose(), 1), Flow("inner") as inner:
        made = work()
    assert not gates(inner, made)


def test_tags_and_cases_mix() -> None:
    with Flow("f") as flow, case(choose(), 1), tags("t"):
        made = work()
    assert made.tags == {"t"} and gates(flow, made)


def test_a_mapped_condition_is_compared_as_a_whole() -> None:
    with Flow("f") as flow:
        condition = work.map([1, 2])
        with case(condition, [1, 2]):
            made = work()
    assert gates(flow, made) == [(condition, [1, 2])]
    (gate,) = flow.gates_of(made)
    assert flow.edges_to(gate.condition) == {Edge(condition, gate.condition, "value")}


# -- switch and ifelse --------------------------------------------------------------------------


def test_a_switch_gates_each_branch_by_its_value() -> None:
    with Flow("f") as flow:
        condition, first, second = choose(), work(), work()
        switch(condition, {"a": first, "b": second, "c": work})
    assert [gates(flow, made) for made in (first, second, work)] == [
        [(condition, "a")],
        [(condition, "b")],
        [(condition, "c")],
    ]


def test_what_a_branch_depends_on_is_not_gated() -> None:
    with Flow("f") as flow:
        needed = work()
        branch = work(needed)
        switch(choose(), {"a": branch, "b": [needed, 1], "c": "constant"})
    assert not gates(flow, needed)
    assert {made.name for made in flow.tasks if gates(flow, made)} == {"work", "List"}
    assert {made.name for made in first_ones(flow, "c")} == {"Constant[str]"}


def test_what_a_switch_makes_is_tagged_as_in_classic() -> None:
    with Flow("f") as flow, tags("t"):
        branch = work()
        switch(choose(), {"a": branch, "b": 1})
    assert sorted(flow.slugs.values()) == [
        "1-switch-t-1",
        'CompareValue: "a"-switch-t-1',
        'CompareValue: "b"-switch-t-1',
        "choose-t-1",
        "work-t-1",
    ]


def test_a_switch_inside_a_case_adds_a_gate() -> None:
    with Flow("f") as flow:
        outer, condition = choose(), choose()
        with case(outer, 1):
            branch = work()
            switch(condition, {"a": branch})
    assert gates(flow, branch) == [(outer, 1), (condition, "a")]


def test_ifelse_decides_by_truth_and_either_branch_may_be_none() -> None:
    with Flow("f") as flow:
        condition, yes, no, only = choose(), work(), work(), work()
        ifelse(condition, yes, no)
        ifelse(condition, None, only)
        ifelse(condition, None, None)
    ((truth, value),) = gates(flow, yes)
    assert value is True and flow.edges_to(truth) == {Edge(condition, truth, "x")}
    assert truth.name == "as_bool"
    assert gates(flow, no) == [(truth, False)]
    assert gates(flow, only)[0][1] is False
    assert len([made for made in flow.tasks if made.name == "as_bool"]) == 2


def test_a_mapped_switch_looks_at_each_child() -> None:
    with Flow("f") as flow:
        condition, plain = work.map([1, 2]), work()
        first, second = work.map([1, 2]), work.map([1, 2])
        switch(condition, {1: first}, mapped=True)
        switch(plain, {1: second}, mapped=True)
    for branch, asked in ((first, condition), (second, plain)):
        (gate,) = flow.gates_of(branch)
        assert flow.edges_to(gate.condition) == {Edge(asked, gate.condition, "value", mapped=True)}
        assert Edge(gate.condition, branch, None, mapped=True) in flow.edges_to(branch)


def test_switch_and_ifelse_outside_of_a_flow_are_refused() -> None:
    for call in (lambda: switch(choose, {}), lambda: ifelse(choose, None, None), lambda: merge(choose)):
        with pytest.raises(CallError, match="outside of a flow"):
            call()


# -- merge --------------------------------------------------------------------------------------


def test_a_merge_is_a_task_with_an_edge_for_each_input_in_order() -> None:
    with Flow("f") as flow:
        first, second = work(), choose()
        made = merge(first, 5, second)
    edges = sorted(flow.edges_to(made), key=lambda edge: str(edge.key))
    assert [(edge.upstream.name, edge.key) for edge in edges] == [("work", "task_1"), ("choose", "task_3")]
    assert flow.constants[made] == {"task_2": 5}
    assert (made.name, made.trigger, made.skip_on_upstream_skip) == ("Merge", "not_all_skipped", False)
    assert not made.is_carrier


def test_a_merge_takes_options_and_a_flow() -> None:
    flow = Flow("f")
    made = merge(task(work.run), flow=flow, name="joined", tags=["t"])
    assert (made.name, made.tags) == ("joined", frozenset("t"))
    assert made in flow


def test_a_merge_is_tagged_like_other_calls() -> None:
    with Flow("f"), tags("t"):
        assert merge(work()).tags == {"t"}


def test_a_merge_that_is_skipped_on_a_skip_makes_no_sense() -> None:
    with Flow("f"), pytest.raises(CallError, match="joining what is left is its work"):
        merge(work(), skip_on_upstream_skip=True)
    with Flow("f"):
        assert merge(work(), skip_on_upstream_skip=False).skip_on_upstream_skip is False


def test_an_unknown_option_of_a_merge_is_refused() -> None:
    with Flow("f"), pytest.raises(DefinitionError, match="`nope`"):
        merge(work(), nope=1)


def test_inputs_of_a_merge_may_be_annotated() -> None:
    with Flow("f") as flow:
        first, second = work.map([1, 2]), work()
        made = merge(first, unmapped(second), mapped=True)
    assert flow.edges_to(made) == {Edge(first, made, "task_1", mapped=True), Edge(second, made, "task_2")}


def test_annotations_go_around_arguments_not_around_branches_and_conditions() -> None:
    with Flow("f"):
        with pytest.raises(CallError):
            switch(choose(), {"a": unmapped(work())})
        with pytest.raises(CallError), case(unmapped(choose()), 1):
            pass
