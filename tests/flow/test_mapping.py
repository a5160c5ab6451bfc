"""Mapped calls as they are written: what is spread over children, and what is refused at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import CallError
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.mapping import EdgeAnnotation, flatten, mapped, unmapped, unwrap
from flowkit.flow.task import Task, task


@task
def numbers() -> list[int]:
    return [1, 2, 3]


@task
def add(x: int, y: int = 1) -> int:
    return x + y


def edges_of(build: Callable[[Task], Task]) -> dict[str | None, tuple[bool, bool]]:
    """Of the call that `build` makes: for each argument, whether it is mapped and flattened."""
    with Flow("f") as flow:
        made = build(numbers())
    return {edge.key: (edge.mapped, edge.flattened) for edge in flow.edges_to(made)}


def test_map_spreads_every_argument() -> None:
    assert edges_of(lambda xs: add.map(xs, y=xs)) == {"x": (True, False), "y": (True, False)}
    assert edges_of(lambda xs: add.map([1, 2], y=xs)) == {"x": (True, False), "y": (True, False)}


def test_unmapped_gives_an_argument_whole() -> None:
    assert edges_of(lambda xs: add.map(xs, unmapped(xs))) == {"x": (True, False), "y": (False, False)}
    with Flow("f") as flow:
        made = add.map([1], y=unmapped(5))
    assert flow.constants[made] == {"y": 5}


def test_mapped_spreads_one_argument_of_a_plain_call() -> None:
    assert edges_of(lambda xs: add(mapped(xs), xs)) == {"x": (True, False), "y": (False, False)}


def test_flatten_goes_with_and_without_mapping() -> None:
    assert edges_of(lambda xs: add.map(flatten(xs), [1])) == {"x": (True, True), "y": (True, False)}
    assert edges_of(lambda xs: add(flatten(xs))) == {"x": (False, True)}
    assert edges_of(lambda xs: add(flatten([[1], [2]]))) == {"x": (False, True)}


def test_annotations_nest_in_either_order() -> None:
    assert edges_of(lambda xs: add.map(unmapped(flatten(xs)))) == {"x": (False, True)}
    assert edges_of(lambda xs: add.map(flatten(unmapped(xs)))) == {"x": (False, True)}
    assert edges_of(lambda xs: add(flatten(mapped(xs)))) == {"x": (True, True)}


wrappings = st.lists(st.sampled_from([unmapped, mapped, flatten]), max_size=5)


@given(wrappings, st.booleans())
def test_unwrapping_finds_the_value_and_what_was_said_of_it(
    wraps: list[type[EdgeAnnotation]], by_default: bool
) -> None:
    marker = object()
    value: Any = marker
    for wrap in wraps:
        value = wrap(value)
    bare, is_mapped, is_flattened = unwrap(value, by_default)
    said = [wrap for wrap in wraps if wrap is not flatten]
    assert bare is marker
    assert is_flattened == (flatten in wraps)
    assert is_mapped == (said[0] is mapped if said else by_default)


def test_an_annotation_shows_what_it_wraps() -> None:
    assert repr(flatten(unmapped([1]))) == "flatten(unmapped([1]))"


def test_upstream_tasks_are_mapped_too() -> None:
    with Flow("f") as flow:
        xs = numbers()
        made = numbers.map(upstream_tasks=[xs, unmapped(xs)])
    assert flow.edges_to(made) == {Edge(xs, made, mapped=True), Edge(xs, made)}


def test_map_and_mapped_calls_are_the_same() -> None:
    assert edges_of(lambda xs: add(xs, mapped=True)) == edges_of(lambda xs: add.map(xs))
    assert edges_of(lambda xs: task(add.run).bind(xs, mapped=True)) == edges_of(lambda xs: add.map(xs))


def test_map_takes_task_args_and_a_flow_and_forgets_nout() -> None:
    flow = Flow("f")
    made = task(nout=2)(add.run).map([1, 2], task_args={"name": "each"}, flow=flow)
    assert (made.name, made.nout) == ("each", None)
    assert made in flow
    with pytest.raises(CallError, match=r"use `\.map\(\.\.\.\)`"):
        _a, _b = made


@pytest.mark.parametrize("value", [[1], (1,), "text", range(3), b"bytes", []])
def test_sequences_can_be_mapped_over(value: Any) -> None:
    with Flow("f") as flow:
        made = add.map(value)
    (edge,) = flow.edges_to(made)
    assert edge.mapped and edge.upstream.run() is value


@pytest.mark.parametrize("value", [{1, 2}, 5, None, (n for n in range(3)), iter([1]), object()])
def test_what_is_no_sequence_is_refused_with_a_way_out(value: Any) -> None:
    with Flow("f") as flow, pytest.raises(CallError, match="the task `add` cannot be mapped over") as refused:
        add.map(value)
    assert f"`{type(value).__name__}` is not a sequence" in refused.value.message
    assert "unmapped(...)" in refused.value.hints[0]
    assert not flow.edges


@pytest.mark.parametrize("wrap", [lambda value: value, flatten, mapped])
def test_a_dict_is_refused_as_its_elements_are_ambiguous(wrap: Callable[[Any], Any]) -> None:
    with Flow("f"), pytest.raises(CallError, match="`dict` is not a sequence") as refused:
        add.map(wrap({"a": 1}))
    assert "list(value.items())" in refused.value.hints[0]


def test_a_call_that_is_refused_leaves_the_flow_as_it_was() -> None:
    with Flow("f") as flow:
        with pytest.raises(CallError):
            add.map(5)
        with pytest.raises(CallError):
            add.map([1], nope=[2])
    assert not flow.tasks


def test_a_value_that_cannot_be_shown_is_refused_as_any_other() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ValueError("no repr")

    with Flow("f"), pytest.raises(CallError, match="`Odd` is not a sequence"):
        add.map(Odd())


def test_an_argument_is_shown_without_asking_all_of_it_for_its_text() -> None:
    asked = 0

    class Costly:
        def __repr__(self) -> str:
            nonlocal asked
            asked += 1
            return "Costly()"

    with Flow("f"):
        add.map([Costly()] * 1000)
    assert asked == 0


def test_a_collection_of_tasks_is_mapped_over_item_by_item() -> None:
    with Flow("f") as flow:
        made = add.map([numbers(), 5])
    (edge,) = flow.edges_to(made)
    assert edge.mapped and edge.upstream.name == "List"


def test_set_upstream_can_map() -> None:
    with Flow("f") as flow:
        xs, made = numbers(), task(add.run)
        made.set_upstream(xs, key="x", mapped=True)
        made.set_upstream(unmapped(xs), key="y", mapped=True)
    assert flow.edges_to(made) == {Edge(xs, made, "x", mapped=True), Edge(xs, made, "y")}
