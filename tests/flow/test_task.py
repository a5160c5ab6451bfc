"""Tasks: defining them, calling them, copying them, ordering them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import CallError, DefinitionError
from flowkit.flow.ambient import tags
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.task import FunctionTask, Task, task
from flowkit.plan.retry import backoff


@task
def one() -> int:
    """The number one."""
    return 1


@task
def add(x: int, y: int = 1) -> int:
    return x + y


class Scale(Task):
    """Multiplies by what was given when it was made."""

    def __init__(self, factor: int, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def run(self, x: int) -> int:
        return x * self.factor


class Slotted(Task):
    __slots__ = ("unit", "unset")

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def run(self) -> str:
        return self.unit


# -- defining -----------------------------------------------------------------------------------


def test_a_decorated_function_is_a_task_with_its_name_and_docstring() -> None:
    assert isinstance(one, FunctionTask)
    assert one.name == "one"
    assert one.__doc__ == "The number one."
    assert one.__wrapped__ is one.run
    assert FunctionTask.__doc__
    assert repr(one) == "<Task: one>"


def test_the_function_can_be_called_without_a_flow() -> None:
    assert add.run(2, y=3) == 5
    assert Scale(3).run(2) == 6


def test_a_task_class_is_named_after_itself() -> None:
    assert Scale(2).name == "Scale"
    assert Scale(2, name="twice").name == "twice"


@pytest.mark.parametrize("thing", [3, "text", object()])
def test_only_functions_can_be_decorated(thing: Any) -> None:
    with pytest.raises(CallError, match="takes a function"):
        task(thing)


def test_a_lambda_and_a_callable_object_are_functions_too() -> None:
    class Adder:
        def __call__(self, x: int) -> int:
            return x + 1

    assert task(lambda: 1).name == "<lambda>"
    assert task(Adder()).name == "Adder"
    assert FunctionTask(lambda: 1, name="named").name == "named"


def test_options_are_kept() -> None:
    delay = timedelta(seconds=2)
    made = task(
        name="n",
        slug="s",
        tags=["a", "b"],
        max_retries=3,
        retry_delay=delay,
        retry_on=ValueError,
        timeout=timedelta(minutes=1),
        trigger="always_run",
        skip_on_upstream_skip=False,
        nout=2,
        executor="processes",
    )(one.run)
    assert (made.name, made.slug, made.tags) == ("n", "s", frozenset("ab"))
    assert (made.max_retries, made.retry_delay, made.retry_on) == (3, delay, (ValueError,))
    assert (made.timeout, made.trigger, made.skip_on_upstream_skip) == (60.0, "always_run", False)
    assert (made.nout, made.executor) == (2, "processes")


def test_tags_given_as_text_are_refused() -> None:
    with pytest.raises(CallError, match="not text") as refused:
        task(tags="slow")(one.run)
    assert refused.value.hints == ('write `tags=["slow"]`',)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_retries": 1}, "`max_retries` but no `retry_delay`"),
        ({"retry_delay": 1}, "`retry_delay` but no `max_retries`"),
        ({"retry_on": ValueError}, "`retry_on` but no `max_retries`"),
        ({"max_retries": -1, "retry_delay": 1}, "0 or more"),
        ({"max_retries": 1.5, "retry_delay": 1}, "0 or more"),
        ({"max_retries": 1, "retry_delay": 1, "retry_on": [ValueError, "x"]}, "exception classes, not `'x'`"),
        ({"max_retries": 1, "retry_delay": 1, "retry_on": int}, "exception classes"),
        ({"timeout": "1s"}, "number of seconds or a `timedelta`"),
        ({"timeout": True}, "number of seconds or a `timedelta`"),
        ({"timeout": 0}, "more than 0 seconds"),
        ({"timeout": -1}, "more than 0 seconds"),
        ({"timeout": float("nan")}, "more than 0 seconds"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem) as refused:
        task(**options)(one.run)
    assert "`one`" in refused.value.message


@pytest.mark.parametrize(
    "delay", [0, 1.5, timedelta(seconds=1), [1, 2.0, timedelta(seconds=3)], lambda attempt: 2, backoff(1)]
)
def test_a_retry_delay_may_be_a_number_a_time_a_list_or_a_function(delay: Any) -> None:
    assert task(max_retries=1, retry_delay=delay)(one.run).retry_delay is delay


def test_retry_on_takes_one_class_or_several() -> None:
    for given_ in (ValueError, (ValueError,), [ValueError], iter([ValueError])):
        made = task(max_retries=1, retry_delay=0, retry_on=given_)(one.run)
        assert made.retry_on == (ValueError,)


# -- being called -------------------------------------------------------------------------------


def test_a_call_adds_a_copy_and_returns_it() -> None:
    with Flow("f") as flow:
        first, second = one(), one()
    assert list(flow.tasks) == [first, second]
    assert one not in flow
    assert first is not second
    assert isinstance(first, FunctionTask)


def test_a_call_outside_of_a_flow_says_what_to_do() -> None:
    with pytest.raises(CallError, match="`one` was called outside of a flow") as refused:
        one()
    assert "one.run(...)" in refused.value.hints[0]
    assert 'with Flow("name") as flow:' in refused.value.hints[1]


def test_a_flow_can_be_given_to_the_call() -> None:
    flow = Flow("f")
    first = one(flow=flow)
    assert add(first, flow=flow) in flow


def test_results_become_edges_and_values_constants() -> None:
    with Flow("f") as flow:
        first = one()
        total = add(first, y=5)
    assert flow.edges == {Edge(first, total, "x")}
    assert flow.constants == {total: {"y": 5}}
    assert set(flow.tasks) == {first, total}


def test_upstream_tasks_are_waited_for_without_their_result() -> None:
    with Flow("f") as flow:
        first = one()
        second = one(upstream_tasks=[first, 5])
    constant = next(made for made in flow.tasks if made.name == "5")
    assert flow.edges == {Edge(first, second), Edge(constant, second)}


def test_a_task_that_was_not_called_is_added_as_it_is() -> None:
    with Flow("f") as flow:
        total = add(one)
    assert flow.edges == {Edge(one, total, "x")}


def test_task_args_change_this_copy_only() -> None:
    with Flow("f") as flow:
        made = one(task_args={"name": "uno", "slug": "u", "max_retries": 2, "retry_delay": 1, "timeout": 3})
    assert (made.name, made.slug, made.max_retries, made.timeout) == ("uno", "u", 2, 3.0)
    assert flow.slugs[made] == "u"
    assert (one.name, one.slug, one.max_retries) == ("one", None, 0)


@pytest.mark.parametrize("given_", [["b"], {"b"}, ("b",)])
def test_tags_in_task_args_are_added_to_the_task_s_own(given_: Any) -> None:
    tagged = task(tags=["a"])(one.run)
    with Flow("f"):
        assert tagged(task_args={"tags": given_}).tags == {"a", "b"}
    assert tagged.tags == {"a"}


@pytest.mark.parametrize("name", ["nmae", "copy", "map"])
def test_task_args_with_something_that_is_no_option_is_refused(name: str) -> None:
    with Flow("f"), pytest.raises(DefinitionError, match=f"has `{name}`, which no task has"):
        one(task_args={name: 1})


@pytest.mark.parametrize(
    "options",
    [{"max_retries": 1}, {"retry_on": ValueError}, {"timeout": -1}, {"retry_delay": 1}, {"tags": "text"}],
)
def test_task_args_are_checked_as_options_are(options: dict[str, Any]) -> None:
    with Flow("f"), pytest.raises(DefinitionError):
        one(task_args=options)


def test_task_args_may_be_attributes_of_a_task_class() -> None:
    with Flow("f"):
        assert Scale(2)(1, task_args={"factor": 5}).factor == 5


def test_bind_adds_the_task_itself() -> None:
    with Flow("f") as flow:
        first = task(one.run)
        total = task(add.run)
        assert total.bind(first, y=2) is total
        assert first.bind() is first
    assert flow.edges == {Edge(first, total, "x")}


def test_binding_an_argument_again_replaces_it() -> None:
    with Flow("f") as flow:
        first, second, total = task(one.run), task(one.run), task(add.run)
        total.bind(first)
        total.bind(second)
        assert flow.edges == {Edge(second, total, "x")}
        total.bind(3, y=first)
        total.bind(second, y=4)
    assert flow.edges_to(total) >= {Edge(second, total, "x")}
    assert flow.constants[total] == {"y": 4}


# -- copies -------------------------------------------------------------------------------------


def test_a_copy_has_the_same_policy_and_is_independent() -> None:
    made = task(name="n", tags=["a"], max_retries=1, retry_delay=0, retry_on=ValueError, timeout=2)(one.run)
    new = made.copy()
    assert new is not made
    assert all(getattr(new, name) == getattr(made, name) for name in Task.__slots__)
    new.name, new.max_retries = "other", 5
    assert (made.name, made.max_retries) == ("n", 1)


def test_a_copy_of_a_task_class_keeps_what_the_class_adds() -> None:
    scale = Scale(3)
    new = scale.copy()
    assert new.factor == 3
    new.factor = 4
    assert scale.factor == 3
    assert Slotted("kg").copy().unit == "kg"
    assert not hasattr(Slotted("kg").copy(), "unset")


names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=10)


@given(names, st.integers(1, 9), st.frozensets(names, max_size=3), st.floats(0.1, 9))
def test_overriding_a_copy_never_reaches_the_original(
    name: str, retries: int, labels: frozenset[str], timeout: float
) -> None:
    before = {slot: getattr(add, slot) for slot in Task.__slots__}
    new = add.copy(name=name, max_retries=retries, retry_delay=0, timeout=timeout)
    assert (new.name, new.max_retries, new.timeout) == (name, retries, timeout)
    again = new.copy(max_retries=0, retry_delay=None)
    assert (again.name, again.max_retries, new.max_retries) == (name, 0, retries)
    assert {slot: getattr(add, slot) for slot in Task.__slots__} == before


# -- tags ---------------------------------------------------------------------------------------


def test_tags_around_a_call_are_added_to_its_task() -> None:
    tagged = task(tags=["own"])(one.run)
    with Flow("f") as flow:
        with tags("a"):
            with tags("b", "c"):
                inner = tagged()
            outer = one()
        after = one()
    assert (inner.tags, outer.tags, after.tags) == ({"own", "a", "b", "c"}, {"a"}, set())
    assert tagged.tags == {"own"}
    assert flow.slugs[inner] == "one-a-b-c-own-1"


def test_tags_around_a_flow_reach_into_it() -> None:
    with tags("night"), Flow("f"):
        assert one().tags == {"night"}


# -- dependencies without data ------------------------------------------------------------------


def test_set_upstream_and_set_downstream_add_edges_and_return_the_task() -> None:
    with Flow("f") as flow:
        first, second, third = one(), task(add.run), one()
        assert second.set_upstream(first, key="x") is second
        assert second.set_upstream(third, key="y", mapped=True) is second
        assert third.set_downstream(first) is third
    assert flow.edges == {
        Edge(first, second, "x"),
        Edge(third, second, "y", mapped=True),
        Edge(third, first),
    }


def test_set_upstream_takes_values_and_collections() -> None:
    with Flow("f") as flow:
        total = task(add.run).set_upstream([one(), 2], key="x").set_upstream(4, key="y")
    assert [edge.upstream.name for edge in flow.edges_to(total)] == ["List"]
    assert flow.constants[total] == {"y": 4}


def test_set_upstream_and_the_like_take_a_flow_or_refuse_without_one() -> None:
    flow = Flow("f")
    first, second = task(one.run), task(one.run)
    first.set_downstream(second, flow=flow)
    assert flow.edges == {Edge(first, second)}
    calls: list[Callable[[], Any]] = [
        lambda: first.set_upstream(second),
        lambda: first.set_downstream(second),
        lambda: first.set_dependencies(upstream_tasks=[second]),
    ]
    for call in calls:
        with pytest.raises(CallError, match="outside of a flow"):
            call()


def test_set_dependencies_does_all_at_once() -> None:
    with Flow("f") as flow:
        before, after, value, total = one(), one(), one(), task(add.run)
        done = total.set_dependencies(
            upstream_tasks=[before], downstream_tasks=[after], keyword_tasks={"x": value, "y": 2}
        )
    assert done is total
    assert flow.edges == {Edge(before, total), Edge(total, after), Edge(value, total, "x")}
    assert flow.constants[total] == {"y": 2}
