"""Collections of results and values as arguments: they come out in the shape in which they went in."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import structure
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import flatten, unmapped
from flowkit.flow.structure import Constant, Dict, containers_with_tasks
from flowkit.flow.task import Task, task
from flowkit.plan.state import State

Run = Callable[..., State]


@task
def give(value: Any) -> Any:
    return value


@task
def take(value: Any) -> Any:
    return value


def taken(run: Run, build: Callable[[], Any]) -> Any:
    """What a task is given for the argument that `build` makes."""
    with Flow("taken") as flow:
        made = take(build())
    return run(flow).result[made].result


# -- constants ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [0, None, "text", [], [1, [2, {"a": (3,)}]], {"a": 1}, {1, 2}, (1, 2), object(), len]
)
def test_a_value_without_tasks_is_one_constant_and_no_task(value: Any) -> None:
    with Flow("f") as flow:
        made = take(value)
    assert list(flow.tasks) == [made]
    assert flow.constants[made]["value"] is value


def test_a_constant_that_must_be_a_task_is_named_by_its_value() -> None:
    with Flow("f") as flow:
        shown = [flow.as_task(value).name for value in (5, None, "a" * 100, [1], {"a": 1}, 2.5, True)]
    assert shown == ["5", "None", "Constant[str]", "[1]", "{'a': 1}", "2.5", "True"]
    constants: list[Any] = flow.get_tasks(task_type=Constant)
    assert all(made.auto_generated and made.run() == made.value for made in constants)


def test_a_number_too_long_to_show_is_named_by_its_type() -> None:
    with Flow("f") as flow:
        assert flow.as_task(12345678).name == "12345678"
        assert flow.as_task(123456789).name == "Constant[int]"
        assert flow.as_task(10 ** (sys.get_int_max_str_digits() + 1)).name == "Constant[int]"


def test_a_value_that_takes_long_to_show_is_not_shown() -> None:
    class Slow:
        def __repr__(self) -> str:
            raise AssertionError("shown")

    with Flow("f") as flow:
        assert flow.as_task([Slow()] * 3).name == "Constant[list]"
        assert flow.as_task([[[[[Slow()]]]]]).name == "Constant[list]"
        assert flow.as_task("a" * 10**6).name == "Constant[str]"
        assert flow.as_task(range(10**9)).name == "Constant[range]"


def test_a_text_whose_repr_raises_is_named_by_its_type() -> None:
    class Odd(str):
        def __repr__(self) -> str:
            raise ValueError("no repr")

    with Flow("f") as flow:
        assert flow.as_task(Odd("x")).name == "Constant[Odd]"


# -- collections --------------------------------------------------------------------------------


def test_each_kind_of_collection_has_its_task() -> None:
    with Flow("f") as flow:
        made = give(1)
        names = [flow.as_task(value).name for value in ([made], (made,), {made}, {"k": made})]
        assert flow.as_task(made) is made
    assert names == ["List", "Tuple", "Set", "Dict"]
    assert all(made.auto_generated for made in flow.tasks if made.name in names)


def test_a_collection_keeps_values_as_constants_and_tasks_as_edges() -> None:
    with Flow("f") as flow:
        made = give(1)
        total = take([made, 5, made])
    (gathered,) = flow.upstream_tasks(total)
    assert flow.edges_to(gathered) == {Edge(made, gathered, "arg_1"), Edge(made, gathered, "arg_3")}
    assert flow.constants[gathered] == {"arg_2": 5}


@pytest.mark.parametrize("count", [1, 9, 10, 11, 120])
def test_the_order_of_many_items_is_kept(run_inline: Run, count: int) -> None:
    assert taken(run_inline, lambda: [give(number) for number in range(count)]) == list(range(count))
    assert taken(run_inline, lambda: {str(number): give(number) for number in range(count)}) == {
        str(number): number for number in range(count)
    }


class Leaf:
    """Stands for a task in a shape that hypothesis makes."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __hash__(self) -> int:
        return hash(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Leaf) and self.value == other.value

    def __repr__(self) -> str:
        return f"Leaf({self.value})"


leaves = st.integers(0, 99) | st.builds(Leaf, st.integers(100, 199)) | st.none() | st.text(max_size=3)
shapes = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.sets(leaves, max_size=4)
        | st.dictionaries(st.text(max_size=2), inner, max_size=4)
    ),
    max_leaves=15,
)


def replaced(shape: Any, leaf: Callable[[Leaf], Any]) -> Any:
    """The shape with something in the place of each leaf."""
    if isinstance(shape, Leaf):
        return leaf(shape)
    if isinstance(shape, dict):
        return {key: replaced(value, leaf) for key, value in shape.items()}
    if isinstance(shape, list | tuple | set):
        return type(shape)(replaced(value, leaf) for value in shape)
    return shape


@given(shapes)
def test_nested_collections_of_tasks_come_out_in_the_same_shape(run_inline: Run, shape: Any) -> None:
    expected = replaced(shape, lambda leaf: leaf.value)
    result = taken(run_inline, lambda: replaced(shape, lambda leaf: give(leaf.value)))
    assert result == expected
    assert type(result) is type(expected)


@given(shapes)
def test_only_containers_with_a_task_inside_are_taken_apart(shape: Any) -> None:
    with Flow("f"):
        found = containers_with_tasks(replaced(shape, lambda leaf: give(leaf.value)))
    assert all(_holds_a_task(container) for container in found)
    assert len(found) == _containers_with_a_task(replaced(shape, lambda leaf: task(name="leaf")(give.run)))


def _holds_a_task(value: Any) -> bool:
    if isinstance(value, Task):
        return True
    items = value.values() if isinstance(value, dict) else value
    return isinstance(value, list | tuple | set | dict) and any(_holds_a_task(item) for item in items)


def _containers_with_a_task(value: Any) -> int:
    if not isinstance(value, list | tuple | set | dict):
        return 0
    items = list(value.values() if isinstance(value, dict) else value)
    return _holds_a_task(value) + sum(_containers_with_a_task(item) for item in items)


def test_a_container_that_stands_in_two_places_is_gathered_once(run_inline: Run) -> None:
    with Flow("f") as flow:
        shared = [give(1)]
        made = take({"a": shared, "b": shared})
    assert len([gathered for gathered in flow.tasks if gathered.name == "List"]) == 2
    (values,) = flow.upstream_tasks(next(gathered for gathered in flow.tasks if gathered.name == "Dict"))
    assert len(flow.upstream_tasks(values)) == 1
    assert run_inline(flow).result[made].result == {"a": [1], "b": [1]}


def test_subclasses_of_collections_with_tasks_come_out_as_the_plain_kind(run_inline: Run) -> None:
    assert taken(run_inline, lambda: OrderedDict(a=give(1))) == {"a": 1}


@pytest.mark.parametrize("inside", [lambda key: {key: 1}, lambda key: [1, {"deep": {key: 1}}]])
def test_a_task_as_the_key_of_a_dict_is_refused(inside: Callable[[Task], Any]) -> None:
    with Flow("f"):
        key = give(1)
        with pytest.raises(CallError, match="the task `give` is the key of a dict"):
            take(inside(key))


@pytest.mark.parametrize("beside", [True, False], ids=["beside a task", "alone"])
def test_an_annotation_inside_a_collection_is_of_that_item(run_inline: Run, beside: bool) -> None:
    more = [give.run(2)] if beside else []
    assert taken(run_inline, lambda: [unmapped(give(1)), *more]) == [1, *more]
    assert taken(run_inline, lambda: [flatten(give([[1], [2]])), *more]) == [[1, 2], *more]
    assert taken(run_inline, lambda: [unmapped(1), *more]) == [1, *more]


def test_collections_have_the_slugs_of_classic_the_outer_one_first() -> None:
    with Flow("f") as flow:
        one, two, three = give(1), give(2), give(3)
        made = take([[one, [two]], [three]])
    lists = {flow.slugs[gathered]: gathered for gathered in flow.tasks if gathered.name == "List"}
    assert flow.upstream_tasks(made) == {lists["List-1"]}
    assert flow.upstream_tasks(lists["List-1"]) == {lists["List-2"], lists["List-4"]}
    assert flow.upstream_tasks(lists["List-2"]) == {one, lists["List-3"]}


def test_a_dict_of_results_is_made_of_keys_and_a_list_of_values() -> None:
    with Flow("f") as flow:
        one = give(1)
        made = take({"a": one, "b": 2})
    (gathered,) = flow.upstream_tasks(made)
    (values,) = flow.upstream_tasks(gathered)
    assert type(gathered) is Dict and flow.constants[gathered] == {"keys": ["a", "b"]}
    assert flow.edges_to(values) == {Edge(one, values, "arg_1")}
    assert flow.constants[values] == {"arg_2": 2}


def test_a_constant_task_as_an_argument_is_kept_as_its_value() -> None:
    with Flow("f") as flow:
        made = take(Constant(5))
        mapped_over = take.map(Constant([1, 2, 3], name="three"))
    assert flow.constants[made] == {"value": 5}
    assert [each.name for each in flow.upstream_tasks(mapped_over)] == ["three"]
    assert len(flow.tasks) == 3


def test_a_collection_that_holds_itself_is_a_constant_unless_it_holds_tasks() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    with Flow("f") as flow:
        made = take(loop)
        assert flow.constants[made]["value"] is loop
        loop.append(give(1))
        with pytest.raises(DefinitionError, match="holds itself"):
            take(loop)


# -- size ---------------------------------------------------------------------------------------

DEPTH = 10_000


def nested(innermost: Any, depth: int = DEPTH) -> list[Any]:
    """`[[[… innermost …]]]`"""
    for _ in range(depth):
        innermost = [innermost]
    return innermost  # type: ignore[no-any-return]


def test_a_deep_list_without_a_task_is_one_constant(run: Run) -> None:
    deep = nested(1)
    with Flow("f") as flow:
        made = take(deep)
    assert len(flow.tasks) == 1
    assert run(flow).result[made].result is deep


def test_a_deep_list_with_a_task_comes_out_as_deep(run: Run) -> None:
    with Flow("f") as flow:
        made = take(nested(give(7)))
    assert len(flow.tasks) == DEPTH + 2
    result, depth = run(flow).result[made].result, 0
    while isinstance(result, list):
        (result,) = result
        depth += 1
    assert (result, depth) == (7, DEPTH)


def test_a_deep_list_beside_a_task_is_passed_on(run: Run) -> None:
    deep = nested(1)
    with Flow("f") as flow:
        made = take([give(1), deep])
    assert run(flow).result[made].result[1] is deep


def test_a_deep_list_can_be_mapped_over() -> None:
    with Flow("f") as flow:
        made = take.map(nested(1))
    assert len(flow.edges_to(made)) == 1


def test_a_wide_list_costs_as_many_looks_as_it_has_items(monkeypatch: pytest.MonkeyPatch) -> None:
    def looks(width: int) -> int:
        count = 0
        original = structure._items

        def counted(container: Any) -> Any:
            nonlocal count
            items = list(original(container))
            count += len(items)
            return items

        monkeypatch.setattr(structure, "_items", counted)
        with Flow("f"):
            take([give(number) for number in range(width)])
        monkeypatch.setattr(structure, "_items", original)
        return count

    assert looks(10_000) <= 10 * looks(1_000)


def test_a_list_of_ten_thousand_tasks_is_given_whole(run: Run) -> None:
    assert taken(run, lambda: [give(number) for number in range(10_000)]) == list(range(10_000))
