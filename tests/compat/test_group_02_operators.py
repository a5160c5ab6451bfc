"""Group 2 of classic's rules, operators and what becomes a task by itself, as whole flows."""

from __future__ import annotations

import pytest


def test_arithmetic_makes_tasks() -> None:
    """2.1: each operator is a task; reflected, the constant comes first."""
    from prefect import Flow, task

    @task
    def three():
        return 3

    with Flow("f") as flow:
        x = three()
        made = [x + 2, x - 2, x * 2, x / 2, x // 2, x % 2, x**2]
        back = [2 + x, 10 - x, 2 * x, 6 / x, 7 // x, 7 % x, 2**x]
    state = flow.run()
    names = ["Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"]
    assert [t.name for t in made] == [t.name for t in back] == names
    assert [state.result[t].result for t in made] == [5, 1, 6, 1.5, 1, 1, 9]
    assert [state.result[t].result for t in back] == [5, 7, 6, 2.0, 2, 1, 8]
    assert flow.constants[made[1]] == {"y": 2}
    assert flow.constants[back[1]] == {"x": 10}


def test_comparisons_make_tasks() -> None:
    """2.2: `> >= < <=` make tasks, also with the constant first."""
    from prefect import Flow, task

    @task
    def three():
        return 3

    with Flow("f") as flow:
        x = three()
        made = [x > 2, x >= 3, x < 2, x <= 3, 2 < x]  # noqa: SIM300
    state = flow.run()
    names = ["GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual", "GreaterThan"]
    assert [t.name for t in made] == names
    assert [state.result[t].result for t in made] == [True, True, False, True, True]


def test_equality_is_a_method() -> None:
    """2.2: `==` and `!=` compare the tasks at once; `is_equal` and `is_not_equal` compare results."""
    from prefect import Flow, task

    @task
    def three():
        return 3

    with Flow("f") as flow:
        x, y = three(), three()
        assert (x == y, x != y) == (False, True)
        same, other = x.is_equal(y), x.is_not_equal(y)
    state = flow.run()
    assert (state.result[same].result, state.result[other].result) == (True, False)


def test_logic_is_pythons() -> None:
    """2.3: `&` is `x and y`, `or_` is `x or y`, `not_` is `not x`."""
    from prefect import Flow, task

    @task
    def three():
        return 3

    with Flow("f") as flow:
        x = three()
        both, either, no = x & 0, x.or_(5), x.not_()
    state = flow.run()
    assert [t.name for t in (both, either, no)] == ["And", "Or", "Not"]
    assert [state.result[t].result for t in (both, either, no)] == [0, 3, False]


def test_a_bar_is_an_order() -> None:
    """2.4: `a | b` lets b wait for a and is b; a constant may stand on either side."""
    from prefect import Flow, task

    @task
    def three():
        return 3

    with Flow("f") as flow:
        first, second = three(), three()
        assert (first | second) is second
        assert (second | 5) == 5
        assert ("go" | first) is first
    assert {(e.upstream_task.name, e.downstream_task.name, e.key) for e in flow.edges} == {
        ("'go'", "three", None),
        ("three", "three", None),
        ("three", "5", None),
    }
    assert flow.run().is_successful()


def test_an_index_is_a_task() -> None:
    """2.5: `t[key]` is named after both; the key may be a task."""
    from prefect import Flow, task

    @task
    def table():
        return {"k": {"z": 5}, 1: "int"}

    @task
    def one():
        return 1

    with Flow("f") as flow:
        whole = table()
        nested, by_task = whole["k"]["z"], whole[one()]
    state = flow.run()
    assert (nested.name, by_task.name) == ("table['k']['z']", "table[one]")
    assert (state.result[nested].result, state.result[by_task].result) == (5, "int")


def test_an_index_keeps_what_its_task_says_of_results(tmp_path) -> None:
    """2.5: it inherits `checkpoint` and `result`; a default of its own catches a KeyError."""
    from prefect import Flow, task
    from prefect.engine.results import LocalResult
    from prefect.tasks.core.operators import GetItem

    @task(checkpoint=False, result=LocalResult(dir=str(tmp_path)))
    def table():
        return {"k": 5}

    with Flow("f") as flow:
        whole = table()
        there = whole["k"]
        missing = whole["m"]
        default = GetItem(default=9)(whole, "m")
    state = flow.run()
    assert (there.checkpoint, there.result) == (False, whole.result)
    assert isinstance(state.result[missing].result, KeyError)
    assert state.result[default].result == 9


def test_attributes_are_taken_by_a_task() -> None:
    """2.6: `GetAttr` goes along a dotted path and has a default; `t.name` stays the task's own."""
    from prefect import Flow, task
    from prefect.tasks.core.operators import GetAttr

    @task
    def number():
        return 5 + 2j

    with Flow("f") as flow:
        x = number()
        found = GetAttr()(x, "real.imag")
        default = GetAttr(default="none")(x, "no.such")
        missing = GetAttr()(x, "no")
        with pytest.raises(AttributeError):
            x.real  # noqa: B018
    state = flow.run()
    assert state.result[found].result == 0.0
    assert state.result[default].result == "none"
    assert isinstance(state.result[missing].result, AttributeError)


def test_what_is_no_task_becomes_a_constant() -> None:
    """2.7: anything; a collection without a task is one constant."""
    from prefect.tasks.core.constants import Constant
    from prefect.utilities.tasks import as_task

    for value in (5, None, "word", [1, {"a": (2, 3)}], {"k": 1}):
        made = as_task(value)
        assert isinstance(made, Constant)
        assert made.run() == value
    assert as_task(made) is made


def test_constants_that_are_arguments_are_no_tasks() -> None:
    """2.8: keyed constants are kept in `flow.constants`; without a key, or mapped, they are tasks."""
    from prefect import Flow, task, unmapped

    @task
    def add(x, y):
        return x + y

    with Flow("f") as flow:
        total = add(1, y=2)
        each = add.map([1, 2], y=[3, 4], upstream_tasks=[unmapped(total)])
    assert flow.constants[total] == {"x": 1, "y": 2}
    assert sorted(type(t).__name__ for t in flow.tasks) == [
        "Constant",
        "Constant",
        "FunctionTask",
        "FunctionTask",
    ]
    state = flow.run()
    assert (state.result[total].result, state.result[each].result) == (3, [4, 6])


def test_collections_may_hold_tasks() -> None:
    """2.9: lists, tuples, sets and dicts with tasks in them are put together, in their order."""
    from prefect import Flow, task

    @task
    def number(n):
        return n

    @task
    def keep(x):
        return x

    with Flow("f") as flow:
        n = number(1)
        kept = [keep([n, 2, [n]]), keep((n, 2)), keep({n, 2}), keep({"k": n, "l": {"m": (n,)}})]
        long = keep([number(index) for index in range(12)])
    state = flow.run()
    assert [state.result[t].result for t in kept] == [
        [1, 2, [1]],
        (1, 2),
        {1, 2},
        {"k": 1, "l": {"m": (1,)}},
    ]
    assert state.result[long].result == list(range(12))
    assert {t.name for t in flow.tasks} == {"number", "keep", "List", "Tuple", "Set", "Dict"}


def test_a_task_that_is_a_key_of_a_dict_stays_what_it_is() -> None:
    """2.9: only the values of a dict are looked at."""
    from prefect import Flow, task

    @task
    def one():
        return 1

    @task
    def keep(x):
        return x

    with Flow("f") as flow:
        key = one()
        kept = keep({key: 2})
    assert flow.constants[kept] == {"x": {key: 2}}
    assert flow.run().result[kept].result == {key: 2}


def test_a_task_that_was_not_called_may_be_an_argument() -> None:
    """2.10: the task itself joins the flow; what it lacks is a TypeError when it runs."""
    from prefect import Flow, task

    @task
    def one():
        return 1

    @task
    def double(x):
        return 2 * x

    with Flow("f") as flow:
        good = double(one)
        bad = double(double)
    assert {one, double} <= flow.tasks
    state = flow.run()
    assert state.result[good].result == 2
    assert isinstance(state.result[double].result, TypeError)
    assert state.result[bad].is_failed()
