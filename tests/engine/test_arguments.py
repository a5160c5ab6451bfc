"""Making the arguments of a call from what its upstreams gave."""

from __future__ import annotations

from typing import Any

import pytest

from flowkit import Flow, Parameter, Task, case, flatten, mapped, merge, task, unmapped
from flowkit.engine.executors import LocalExecutor, ThreadExecutor
from flowkit.signals import SKIP


@task
def call(*, a: Any = "none", b: Any = "none", c: Any = "none") -> tuple[Any, Any, Any]:
    return a, b, c


@task
def give(value: Any) -> Any:
    return value


@task
def fail(value: Any = None) -> Any:
    raise ValueError("no")


@pytest.fixture(params=[LocalExecutor(), ThreadExecutor(2)], ids=str)
def result(request: pytest.FixtureRequest, carry_out: Any) -> Any:
    """The value of a task of a flow that is run."""

    def run(flow: Flow, wanted: Any, **options: Any) -> Any:
        return carry_out(flow, request.param, **options).state.result[wanted].result

    return run


def test_arguments_go_by_name_and_defaults_stay(result: Any) -> None:
    with Flow("names") as flow:
        made = call(c=give(3), a=1)
    assert result(flow, made) == (1, "none", 3)


def test_positional_arguments_keep_their_places(result: Any) -> None:
    @task
    def plain(first: Any, second: Any) -> tuple[Any, Any]:
        return first, second

    with Flow("places") as flow:
        made = plain(give("a"), give("b"))
    assert result(flow, made) == ("a", "b")


def test_keywords_that_a_task_takes_freely_arrive(result: Any) -> None:
    @task
    def free(**values: Any) -> dict[str, Any]:
        return values

    with Flow("free") as flow:
        made = free(x=give(1), y=2)
    assert result(flow, made) == {"x": 1, "y": 2}


def test_collections_arrive_in_their_shape(result: Any) -> None:
    with Flow("shapes") as flow:
        one, two = give(1), give(2)
        made = call(a=[one, (two, one)], b={"x": two, "y": [one]}, c={one, 2})
    assert result(flow, made) == ([1, (2, 1)], {"x": 2, "y": [1]}, {1, 2})


def test_constants_are_the_very_object(result: Any) -> None:
    value: list[int] = []
    with Flow("constant") as flow:
        made = call(a=value)
    assert result(flow, made)[0] is value


def test_parameters_arrive_with_the_value_of_the_run(result: Any) -> None:
    with Flow("parameters") as flow:
        made = call(a=Parameter("size", default=1))
    assert result(flow, made, parameters={"size": 5})[0] == 5


def test_an_order_alone_passes_nothing(result: Any) -> None:
    with Flow("order") as flow:
        made = call(upstream_tasks=[give(1)])
    assert result(flow, made) == ("none", "none", "none")


def test_children_get_their_element_and_unmapped_values_whole(result: Any) -> None:
    with Flow("mapped") as flow:
        made = call.map(a=give([1, 2, 3]), b=unmapped(give([7, 8])), c=[4, 5])
    assert result(flow, made) == [(1, [7, 8], 4), (2, [7, 8], 5)]


def test_one_argument_may_be_mapped_in_a_plain_call(result: Any) -> None:
    with Flow("mapped") as flow:
        made = call(a=mapped(give([1, 2])), b=[9])
    assert result(flow, made) == [(1, [9], "none"), (2, [9], "none")]


def test_children_follow_children(result: Any) -> None:
    with Flow("chain") as flow:
        made = give.map(give.map(give(["a", "b"])))
    assert result(flow, made) == ["a", "b"]


def test_a_mapped_task_arrives_as_a_list_that_is_new_for_each(result: Any) -> None:
    @task
    def spoil(values: list[int]) -> int:
        values.clear()
        return 0

    with Flow("lists") as flow:
        children = give.map([1, 2])
        made = call(a=children, upstream_tasks=[spoil(children)])
    assert result(flow, made)[0] == [1, 2]


def test_flattened_children_are_spread_in_order(result: Any) -> None:
    with Flow("flat") as flow:
        made = give.map(flatten(give.map([[1, 2], [], [3]])))
        whole = call(a=flatten(give([[1], [2, 3]])))
    assert result(flow, made) == [1, 2, 3]
    assert result(flow, whole)[0] == [1, 2, 3]


def test_a_failed_upstream_gives_its_exception_to_a_task_that_runs_anyway(result: Any) -> None:
    anyway = call.copy(trigger="all_finished")
    with Flow("anyway") as flow:
        made = anyway(a=fail())
    assert isinstance(result(flow, made)[0], ValueError)


def test_merge_takes_the_first_that_was_not_skipped_none_too(result: Any) -> None:
    with Flow("branches") as flow:
        condition = give("right")
        with case(condition, "left"):
            left = give("left")
        with case(condition, "right"):
            right = give(None)
        made = merge(left, right, give("last"))
    assert result(flow, made) is None


def test_merge_joins_child_by_child(result: Any) -> None:
    @task
    def odd(value: int) -> int:
        if value % 2 == 0:
            raise SKIP("even")
        return value

    with Flow("children") as flow:
        numbers = give([1, 2, 3])
        made = merge(odd.map(numbers), give.map(numbers), mapped=True)
    assert result(flow, made) == [1, 2, 3]


def test_a_task_class_gets_its_arguments_too(result: Any) -> None:
    class Scale(Task):
        def __init__(self, by: int) -> None:
            super().__init__(name="scale")
            self.by = by

        def run(self, value: int, plus: int = 0) -> int:
            return value * self.by + plus

    with Flow("class") as flow:
        made = Scale(3)(give(2), plus=give(1))
    assert result(flow, made) == 7


def test_a_trigger_function_sees_how_each_upstream_ended(result: Any) -> None:
    seen: dict[str, str] = {}

    def trigger(states: Any) -> bool:
        seen.update({edge.upstream.name: type(state).__name__ for edge, state in states.items()})
        return True

    anyway = call.copy(trigger=trigger)
    with Flow("trigger") as flow:
        made = anyway(a=give(1), b=fail())
    assert result(flow, made)[0] == 1
    assert seen == {"give": "Success", "fail": "Failed"}


@pytest.mark.parametrize("answer", [False, ValueError("no"), SystemExit(1)], ids=repr)
def test_a_trigger_function_that_does_not_accept_keeps_its_task_from_running(
    answer: Any, carry_out: Any
) -> None:
    ran: list[int] = []

    def trigger(states: Any) -> bool:
        if isinstance(answer, BaseException):
            raise answer
        return bool(answer)

    @task(trigger=trigger)
    def guarded() -> None:
        ran.append(1)

    with Flow("trigger") as flow:
        made = guarded()
    assert carry_out(flow).state.result[made].is_failed()
    assert ran == []
