"""Operators between placeholders: the tasks that they make, and what those compute."""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.errors import CallError
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.operators import GetAttr, GetItem
from flowkit.flow.task import Task, task
from flowkit.plan.state import State

Run = Callable[..., State]


@task
def give(value: Any) -> Any:
    return value


def computed(run: Run, build: Callable[[], Task]) -> Any:
    """What the task that `build` makes gives; raises what it raises."""
    with Flow("computed") as flow:
        made = build()
    state = run(flow).result[made]
    if state.is_failed():
        raise state.result
    return state.result


BINARY = [
    ("Add", operator.add),
    ("Sub", operator.sub),
    ("Mul", operator.mul),
    ("Div", operator.truediv),
    ("FloorDiv", operator.floordiv),
    ("Mod", operator.mod),
    ("Pow", operator.pow),
    ("GreaterThan", operator.gt),
    ("GreaterThanOrEqual", operator.ge),
    ("LessThan", operator.lt),
    ("LessThanOrEqual", operator.le),
]


@pytest.mark.parametrize(("name", "compute"), BINARY, ids=[name for name, _ in BINARY])
@settings(max_examples=20)
@given(left=st.integers(1, 9), right=st.integers(1, 9))
def test_an_operator_computes_what_python_does(
    run_inline: Run, name: str, compute: Callable[[Any, Any], Any], left: int, right: int
) -> None:
    expected = compute(left, right)
    with Flow("f") as flow:
        first, second = give(left), give(right)
        both, constant_right, constant_left = (
            compute(first, second),
            compute(first, right),
            compute(left, second),
        )
    assert both.name == constant_right.name == name
    result = run_inline(flow).result
    assert [result[made].result for made in (both, constant_right, constant_left)] == [expected] * 3


@pytest.mark.parametrize(("left", "right"), [(0, 5), (3, 0), (3, 5), ([], "x"), (None, None)])
def test_logic_gives_one_of_its_operands_as_python_does(run_inline: Run, left: Any, right: Any) -> None:
    assert computed(run_inline, lambda: give(left) & give(right)) == (left and right)
    assert computed(run_inline, lambda: give(left) & right) == (left and right)
    assert computed(run_inline, lambda: left & give(right)) == (left and right)
    assert computed(run_inline, lambda: give(left).or_(right)) == (left or right)
    assert computed(run_inline, lambda: give(left).not_()) is (not left)


def test_equality_of_results_has_methods(run_inline: Run) -> None:
    assert computed(run_inline, lambda: give(2).is_equal(2)) is True
    assert computed(run_inline, lambda: give(2).is_equal(give(3))) is False
    assert computed(run_inline, lambda: give(2).is_not_equal(3)) is True


def test_an_operator_outside_of_a_flow_is_refused() -> None:
    with pytest.raises(CallError, match="outside of a flow"):
        give + 1


def test_operators_chain(run: Run) -> None:
    assert computed(run, lambda: (give(2) + 3) * give(4) ** 2 - 1) == 79
    assert computed(run, lambda: give("%s-%s") % (give("a"), give("b"))) == "a-b"


def test_an_operator_that_fails_fails_its_task(run: Run) -> None:
    with pytest.raises(ZeroDivisionError):
        computed(run, lambda: give(1) / 0)


# -- order --------------------------------------------------------------------------------------


def test_a_bar_is_an_order_and_gives_its_right_side() -> None:
    with Flow("f") as flow:
        first, second, third = give(1), give(2), give(3)
        assert (first | second | third) is third
    assert flow.edges == {Edge(first, second), Edge(second, third)}


def test_a_bar_takes_constants_on_either_side() -> None:
    with Flow("f") as flow:
        made = give(1)
        assert (made | 7) == 7
        assert (8 | made) is made
    constant = next(each for each in flow.tasks if each.name == "7")
    assert flow.edges_to(constant) == {Edge(made, constant)}
    assert [edge.upstream.name for edge in flow.edges_to(made)] == ["8"]


# -- items and attributes -----------------------------------------------------------------------


def test_an_item_is_a_task_named_after_both(run: Run) -> None:
    with Flow("f") as flow:
        made = give({"k": [10, 20], 3: "three"})
        key = give(3)
        by_text, nested, by_task = made["k"], made["k"][1], made[key]
    assert (by_text.name, nested.name, by_task.name) == ("give['k']", "give['k'][1]", "give[give]")
    result = run(flow).result
    assert [result[made].result for made in (by_text, nested, by_task)] == [[10, 20], 20, "three"]


def test_a_slice_is_a_key(run: Run) -> None:
    assert computed(run, lambda: give([1, 2, 3, 4])[1:3]) == [2, 3]


def test_a_slice_with_tasks_in_it_is_refused() -> None:
    with Flow("f"):
        made = give([1])
        with pytest.raises(CallError, match="a slice of the task `give`"):
            made[: give(1)]


def test_an_item_that_is_not_there_fails_its_task(run: Run) -> None:
    with pytest.raises(KeyError):
        computed(run, lambda: give({})["k"])
    with pytest.raises(IndexError):
        computed(run, lambda: give([])[0])


def test_an_item_may_have_a_default(run_inline: Run) -> None:
    assert computed(run_inline, lambda: GetItem(default=None)(give({}), "k")) is None
    assert computed(run_inline, lambda: GetItem(default=7)(give({"k": 1}), "k")) == 1
    with pytest.raises(IndexError):
        computed(run_inline, lambda: GetItem(default=None)(give([]), 3))


def test_an_attribute_is_found_by_a_dotted_path(run_inline: Run) -> None:
    value = SimpleNamespace(a=SimpleNamespace(b=5))
    assert computed(run_inline, lambda: GetAttr()(give(value), "a.b")) == 5
    assert computed(run_inline, lambda: GetAttr(default=0)(give(value), "a.b")) == 5
    assert computed(run_inline, lambda: GetAttr(default=0)(give(value), "a.c.d")) == 0
    with pytest.raises(AttributeError):
        computed(run_inline, lambda: GetAttr()(give(value), "a.c"))


def test_outputs_unpack_into_names(run: Run) -> None:
    @task
    def split(text: str) -> tuple[str, str]:
        head, tail = text.split("-")
        return head, tail

    with Flow("f") as flow:
        first, second = split("ab-cd")
    result = run(flow).result
    assert (result[first].result, result[second].result) == ("ab", "cd")
