"""What comes out of `case`, `switch`, `ifelse` and `merge`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.engine.signals import FAIL, SKIP, TRIGGERFAIL
from flowkit.errors import DefinitionError
from flowkit.flow.control import case, ifelse, merge, switch
from flowkit.flow.edge import Gate
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import unmapped
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task, task
from flowkit.plan.state import Failed, Mapped, Skipped, State, Success, TriggerFailed

Run = Callable[..., State]


@task
def give(value: Any = None) -> Any:
    return value


@task
def end(how: Any) -> Any:
    """Ends as it is told; gives anything else."""
    if how == "fail":
        raise ValueError(how)
    if how == "skip":
        raise SKIP(how)
    return how


def results(run: Run, flow: Flow, *made: Task, **parameters: Any) -> list[Any]:
    """For each task its result, or its kind of state where it did not simply succeed."""
    result = run(flow, **parameters).result
    return [result[t].result if type(result[t]) in (Success, Mapped) else type(result[t]) for t in made]


# -- case ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "expected"), [("a", [1, Skipped]), ("b", [Skipped, 2]), ("c", [Skipped] * 2)]
)
def test_a_case_runs_its_block_where_the_value_is_equal(run: Run, mode: str, expected: list[Any]) -> None:
    with Flow("f") as flow:
        condition = Parameter("mode")
        with case(condition, "a"):
            first = give(1)
        with case(condition, "b"):
            second = give(2)
    assert results(run, flow, first, second, mode=mode) == expected


@pytest.mark.parametrize(
    ("value", "expected", "runs"),
    [
        (1, True, True),
        (True, 1, True),
        (0, None, False),
        (None, None, True),
        ([1], [1], True),
        ("", None, False),
    ],
)
def test_a_case_compares_as_python_does(run: Run, value: Any, expected: Any, runs: bool) -> None:
    with Flow("f") as flow, case(give(value), expected):
        made = give(5)
    assert results(run, flow, made) == [5 if runs else Skipped]


def test_nothing_escapes_a_shut_gate(run: Run) -> None:
    with Flow("f") as flow:
        ready = give(1)
        with case(give(False), True):
            stubborn = give.copy(skip_on_upstream_skip=False, trigger="always_run")(ready)
            second = give.copy(skip_on_upstream_skip=False)(stubborn)
            merged = merge(ready, second)
            children = give.map([1, 2])
            total = merged + 1
    state = run(flow)
    assert state.is_successful()
    for made in (stubborn, second, merged, children, total):
        assert type(state.result[made]) is Skipped
        assert state.result[made].message == "Its case was not chosen."


@given(st.booleans(), st.booleans())
def test_a_nested_case_needs_all_of_its_gates(run_inline: Run, outer: bool, inner: bool) -> None:
    with Flow("f") as flow, case(give(outer), True):
        around = give(1)
        condition = give(inner)
        with case(condition, True):
            deep = give(2)
        behind = give.copy(skip_on_upstream_skip=False)(deep)
    expected = [
        1 if outer else Skipped,
        2 if outer and inner else Skipped,
        (2 if inner else None) if outer else Skipped,
    ]
    assert results(run_inline, flow, around, deep, behind) == expected


@pytest.mark.parametrize(("how", "kind"), [("fail", TriggerFailed), ("skip", Skipped)])
def test_a_condition_that_did_not_succeed_decides_for_its_block(
    run: Run, how: str, kind: type[State]
) -> None:
    with Flow("f") as flow:
        with case(end(how), "x"):
            first = give.copy(trigger="always_run", skip_on_upstream_skip=False)(1)
        other = give(2)
        joined = merge(first, other)
    assert results(run, flow, first) == [kind]
    assert results(run, flow, joined) == [2 if kind is Skipped else TriggerFailed]


def test_a_shut_gate_outranks_one_that_is_broken(run: Run) -> None:
    with Flow("f") as flow:
        made = give(1)
        switch(end("fail"), {1: made})
        switch(give(2), {3: made})
    assert results(run, flow, made) == [Skipped]


def test_a_case_inside_one_that_failed_fails_too(run: Run) -> None:
    with Flow("f") as flow, case(end("fail"), 1), case(give(2), 3):
        made = give(1)
    assert results(run, flow, made) == [TriggerFailed]


def test_a_comparison_that_raises_fails_the_block_and_not_the_condition(run: Run) -> None:
    class Touchy:
        def __eq__(self, other: object) -> bool:
            raise ValueError("do not compare me")

        __hash__ = None  # type: ignore[assignment]

    class NoTruth:
        def __eq__(self, other: object) -> Any:
            return self

        def __bool__(self) -> bool:
            raise ValueError("ambiguous")

        __hash__ = None  # type: ignore[assignment]

    for value in (Touchy(), NoTruth()):
        with Flow("f") as flow:
            condition = give(value)
            with case(condition, 1):
                made = give(1)
        result = run(flow).result
        assert type(result[condition]) is Success and result[condition].result is value
        assert type(result[made]) is TriggerFailed


def test_the_very_value_is_equal_to_itself_whatever_it_says(run: Run) -> None:
    nan = float("nan")
    with Flow("f") as flow, case(give(nan), nan):
        made = give(1)
    assert results(run, flow, made) == [1]


def test_a_case_around_a_mapped_task_decides_the_whole(run: Run) -> None:
    with Flow("f") as flow:
        condition = give("x")
        with case(condition, "x"):
            first = give.map([1, 2])
        with case(condition, "y"):
            second = give.map([1, 2])
    assert results(run, flow, first, second) == [[1, 2], Skipped]


def test_a_mapped_condition_is_compared_as_a_list(run: Run) -> None:
    with Flow("f") as flow:
        condition = give.map([1, 2])
        with case(condition, [1, 2]):
            first = give(1)
        with case(condition, 1):
            second = give(2)
    assert results(run, flow, first, second) == [1, Skipped]


def test_a_task_after_a_block_is_skipped_with_it(run: Run) -> None:
    with Flow("f") as flow:
        with case(give(0), 1):
            inside = give(1)
        behind = give(inside)
    assert results(run, flow, behind) == [Skipped]


# -- switch and ifelse --------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", ["a", "b", "z"])
def test_a_switch_runs_the_branch_of_its_value(run: Run, chosen: str) -> None:
    with Flow("f") as flow:
        first, second = give(1), give(2)
        switch(give(chosen), {"a": first, "b": second})
        joined = merge(first, second)
    expected = {"a": [1, Skipped, 1], "b": [Skipped, 2, 2], "z": [Skipped] * 3}
    assert results(run, flow, first, second, joined) == expected[chosen]


def test_a_switch_over_numbers_takes_equal_ones(run: Run) -> None:
    with Flow("f") as flow:
        first, second = give(1), give(2)
        switch(give(1.0), {1: first, "1": second})
    assert results(run, flow, first, second) == [1, Skipped]


def test_a_parameter_cannot_be_a_branch() -> None:
    p = Parameter("p", default=1)
    with Flow("f"), pytest.raises(DefinitionError, match="the parameter `p` cannot be a branch"):
        switch(give("other"), {"this": p})


@pytest.mark.parametrize("value", [True, False, 1, 0, "x", "", [], [0], None])
def test_ifelse_goes_by_truth(run: Run, value: Any) -> None:
    with Flow("f") as flow:
        yes, no = give("yes"), give("no")
        ifelse(give(value), yes, no)
        joined = merge(yes, no)
    assert results(run, flow, joined) == ["yes" if value else "no"]


def test_a_list_as_a_branch_gates_the_list_and_not_its_members(run: Run) -> None:
    with Flow("f") as flow:
        first, second = give(1), give(2)
        ifelse(give(False), [first, second], None)
    gathered = next(made for made in flow.tasks if made.name == "List")
    assert results(run, flow, first, second, gathered) == [1, 2, Skipped]


@pytest.mark.parametrize(("how", "kind"), [("fail", TriggerFailed), ("skip", Skipped)])
def test_branches_of_a_condition_that_did_not_succeed(run: Run, how: str, kind: type[State]) -> None:
    with Flow("f") as flow:
        yes, no = give(1), give(2)
        ifelse(end(how), yes, no)
        joined = merge(yes, no)
    assert results(run, flow, yes, no, joined) == [kind] * 3


# -- mapped -------------------------------------------------------------------------------------


def test_a_mapped_switch_and_merge_decide_child_by_child(run: Run) -> None:
    with Flow("f") as flow:
        xs = give.map(["a", "b", "z"])
        first, second = give.map([1, 2, 3]), give.map([10, 20, 30])
        switch(xs, {"a": first, "b": second}, mapped=True)
        joined = merge(first, second, mapped=True)
    result = run(flow).result
    assert [type(child) for child in result[first].map_states] == [Success, Skipped, Skipped]
    assert [type(child) for child in result[second].map_states] == [Skipped, Success, Skipped]
    assert [type(child) for child in result[joined].map_states] == [Success, Success, Skipped]
    assert result[joined].result == [1, 20, None]


@pytest.mark.parametrize("spread", [True, False])
def test_a_mapped_ifelse_takes_children_or_elements(run: Run, spread: bool) -> None:
    values = [0, 1, 2, 0]
    with Flow("f") as flow:
        xs = give.map(values) if spread else give(values)
        yes, no = give.map(xs), give.map("abcd")
        ifelse(xs, yes, no, mapped=True)
        joined = merge(yes, no, mapped=True)
    assert results(run, flow, joined) == [["a", 1, 2, "d"]]


def test_a_failed_child_of_a_condition_fails_its_own_branches(run: Run) -> None:
    with Flow("f") as flow:
        xs = end.map(["a", "fail", "skip"])
        first = give.map([1, 2, 3])
        switch(xs, {"a": first}, mapped=True)
        joined = merge(first, give.map(["x", "y", "else"]), mapped=True)
    result = run(flow).result
    assert [type(child) for child in result[first].map_states] == [Success, TriggerFailed, Skipped]
    assert [type(child) for child in result[joined].map_states] == [Success, TriggerFailed, Success]
    taken, refused, other = result[joined].result
    assert (taken, type(refused), other) == (1, TRIGGERFAIL, "else")


def test_a_gated_map_within_a_case_needs_both(run: Run) -> None:
    with Flow("f") as flow:
        xs = give.map([1, 2])
        with case(give("no"), "yes"):
            first = give.map([1, 2])
        with case(give("yes"), "yes"):
            second = give.map([1, 2])
        switch(xs, {1: first}, mapped=True)
        switch(xs, {1: second}, mapped=True)
    assert results(run, flow, first) == [Skipped]
    assert [type(child) for child in run(flow).result[second].map_states] == [Success, Skipped]


def test_a_branch_of_a_mapped_switch_is_mapped_over_it(run: Run) -> None:
    with Flow("f") as flow:
        branch = give(5)
        switch(give([1, 2]), {1: branch}, mapped=True)
    assert results(run, flow, branch) == [[5, None]]


def test_a_mapped_gate_of_a_task_that_is_not_mapped_is_refused(run: Run) -> None:
    with Flow("f") as flow:
        made = give()
        flow.add_gates(made, [Gate(give.map([1, 2]), 1, mapped=True)])
    with pytest.raises(DefinitionError, match="is not mapped, but its gate is"):
        run(flow)


# -- merge --------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["skip", None, 0, "", "value"]), min_size=1, max_size=25))
def test_a_merge_gives_the_first_input_that_succeeded_in_the_order_of_its_arguments(
    run_inline: Run, hows: list[Any]
) -> None:
    with Flow("f") as flow:
        inputs = [end(how) for how in hows]
        made = merge(*inputs)
    succeeded = [(position, how) for position, how in enumerate(hows) if how != "skip"]
    assert results(run_inline, flow, made) == [succeeded[0][1] if succeeded else Skipped]


def test_a_merge_goes_by_arguments_and_not_by_names_or_by_who_is_first(run: Run) -> None:
    with Flow("f") as flow:
        late = give(give(give("first")))
        made = merge(end("skip"), late, *[give(number) for number in range(12)])
    assert results(run, flow, made) == ["first"]


@pytest.mark.parametrize("count", [2, 12])
def test_none_is_a_value_of_a_merge(run: Run, count: int) -> None:
    with Flow("f") as flow:
        made = merge(give(None), *[give(number) for number in range(1, count)])
    assert results(run, flow, made) == [None]


def test_a_merge_of_constants_and_branches(run: Run) -> None:
    with Flow("f") as flow:
        with case(give(1), 2):
            branch = give("branch")
        made = merge(branch, "otherwise")
    assert results(run, flow, made) == ["otherwise"]


def test_a_merge_fails_where_an_input_failed(run: Run) -> None:
    with Flow("f") as flow:
        first = merge(give(1), end("fail"))
        second = merge(end("skip"), task(lambda: (_ for _ in ()).throw(FAIL("no")))())
    state = run(flow)
    assert [type(state.result[made]) for made in (first, second)] == [TriggerFailed, TriggerFailed]
    assert state.is_failed()


def test_a_skip_with_a_result_is_left_out_of_a_merge(run: Run) -> None:
    with Flow("f") as flow:

        @task
        def skip() -> None:
            raise SKIP("no", result="not a value")

        made = merge(skip(), give(5))
    assert results(run, flow, made) == [5]


def test_one_task_may_be_two_inputs_of_a_merge(run: Run) -> None:
    with Flow("f") as flow:
        only = give(3)
        made = merge(only, only)
    assert results(run, flow, made) == [3]


def test_a_merge_of_mapped_tasks_joins_lists_unless_it_is_mapped(run: Run) -> None:
    with Flow("f") as flow:
        first, second = give.map([1, 2]), give.map([3, 4])
        whole, each = merge(first, second), merge(first, second, mapped=True)
    assert results(run, flow, whole, each) == [[1, 2], [1, 2]]


def test_an_unmapped_input_of_a_mapped_merge_is_given_whole(run: Run) -> None:
    with Flow("f") as flow:
        made = merge(end.map(["a", "skip"]), unmapped(give("else")), mapped=True)
    assert results(run, flow, made) == [["a", "else"]]


def test_a_failure_inside_a_branch_that_was_not_chosen_cannot_happen(run: Run) -> None:
    with Flow("f") as flow:
        with case(give("a"), "b"):
            bad = end("fail")
        made = merge(bad, give(1))
    assert results(run, flow, made) == [1]
    assert type(run(flow).result[bad]) is not Failed
