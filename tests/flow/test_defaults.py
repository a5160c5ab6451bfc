"""`defaults_from_attrs`: arguments of `run` that come from the task."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from flowkit import Flow, Task, task
from flowkit.errors import DefinitionError
from flowkit.utilities.tasks import defaults_from_attrs


class Pair(Task):
    """Gives back what it was called with."""

    def __init__(self, x: Any = "x of the task", y: Any = "y of the task", **options: Any) -> None:
        super().__init__(**options)
        self.x, self.y = x, y

    @defaults_from_attrs("x", "y")
    def run(self, x: Any = None, y: Any = None, z: int = 0) -> tuple[Any, Any, int]:
        """Both."""
        return x, y, z


@task
def give(value: Any) -> Any:
    return value


def test_what_is_not_given_comes_from_the_task_and_what_is_given_counts_none_too() -> None:
    with Flow("pairs") as flow:
        made = [
            Pair()(),
            Pair(x=1)(y=2),
            Pair()(3),
            Pair()(None, z=4),
            Pair()(x=None, y=None),
            Pair()(give(5), give(None)),
            Pair()(y=give(6), task_args={"x": 7}),
        ]
    result = flow.run(history=False).result
    assert [result[each].result for each in made] == [
        ("x of the task", "y of the task", 0),
        (1, 2, 0),
        (3, "y of the task", 0),
        (None, "y of the task", 4),
        (None, None, 0),
        (5, None, 0),
        (7, 6, 0),
    ]


def test_it_is_mapped_over_what_is_given() -> None:
    with Flow("mapped") as flow:
        made = Pair(y=0).map(give([1, 2]))
    assert flow.run(history=False).result[made].result == [(1, 0, 0), (2, 0, 0)]


def test_outside_of_a_flow_too() -> None:
    assert Pair(1).run(y=2) == (1, 2, 0)
    assert Pair().run(1, 2, 3) == (1, 2, 3)


def test_the_function_is_still_what_it_was() -> None:
    assert Pair.run.__doc__ == "Both."
    assert [*inspect.signature(Pair().run).parameters] == ["x", "y", "z"]


def test_an_async_run_is_awaited() -> None:
    class Later(Task):
        x = 8

        @defaults_from_attrs("x")
        async def run(self, x: int | None = None) -> int | None:
            return x

    with Flow("later") as flow:
        made = Later()()
    assert flow.run(history=False).result[made].result == 8


def test_a_name_that_run_does_not_take_is_refused_when_the_class_is_written() -> None:
    with pytest.raises(DefinitionError, match="names `y`, which `run` does not take"):

        @defaults_from_attrs("y")
        def run(self: Any, x: int = 1) -> None: ...
