"""What a placeholder is not: a value. Each use as one says what to use instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import CallError, FlowkitError
from flowkit.flow.flow import Flow
from flowkit.flow.task import Task, task


@task
def one() -> int:
    """The number one."""
    return 1


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@pytest.mark.parametrize(
    ("use", "hint"),
    [
        (lambda made: bool(made), "with case(task, value):"),
        (lambda made: 1 if made else 2, "`switch` or `ifelse`"),
        (lambda made: made and 1, "case"),
        (lambda made: not made, "case"),
        (lambda made: len(made), "compute the length in a task"),
        (lambda made: list(made), "`.map(...)`"),
        (lambda made: max(made), "nout="),
        (lambda made: 3 in made, "do it in a task"),
        (lambda made: sorted([made, made]), "case"),
        (lambda made: 1 < made < 3, "case"),
    ],
)
def test_a_placeholder_that_is_used_as_a_value_names_the_task_and_the_tool(
    use: Callable[[Task], Any], hint: str
) -> None:
    with Flow("f"):
        made = add(1, task_args={"name": "total"})
        with pytest.raises(CallError, match="has no value while the flow is built") as refused:
            use(made)
    assert any(hint in line for line in refused.value.hints)
    assert isinstance(refused.value, FlowkitError) and isinstance(refused.value, TypeError)


def test_the_error_names_the_task() -> None:
    with pytest.raises(CallError, match="the task `one` has no value"):
        bool(one)


def test_equality_stays_identity() -> None:
    assert one == one
    assert one != add
    assert (one == 1) is False  # type: ignore[comparison-overlap]
    assert len({one, add, one}) == 2


@given(st.integers(0, 20))
def test_a_task_with_nout_unpacks_into_so_many_tasks(count: int) -> None:
    several = task(nout=count)(lambda: tuple(range(count)))
    with Flow("f") as flow:
        made = several()
        parts = list(made)
        assert len(made) == count == len(parts)
    assert [flow.constants[part]["key"] for part in parts] == list(range(count))
    assert all(flow.upstream_tasks(part) == {made} for part in parts)


def test_unpacking_into_the_wrong_number_of_names_fails_as_python_does() -> None:
    with Flow("f"):
        made = task(nout=2)(lambda: (1, 2))()
        with pytest.raises(ValueError, match="not enough values to unpack"):
            _a, _b, _c = made
