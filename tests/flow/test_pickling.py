"""Tasks and flows of a module come back from a pickle as they were."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from flowkit.flow.control import case, ifelse, merge
from flowkit.flow.flow import Flow
from flowkit.flow.function import flow as as_flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task, task
from flowkit.plan.state import State

Run = Callable[..., State]


@task(tags=["a"], max_retries=2, retry_delay=1.5, retry_on=ValueError, timeout=3)
def double(x: int) -> int:
    return 2 * x


def _triple(x: int) -> int:
    return 3 * x


triple = task(name="triple")(_triple)


class Scale(Task):
    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def run(self, x: int) -> int:
        return x * self.factor


@as_flow
def quadruple(x: int = 5) -> None:
    """Four times as much."""
    double(double(x))


def again(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("made", [double, triple, Scale(4), Parameter("p", default=1, help="h")])
def test_a_task_comes_back_with_its_policy(made: Task) -> None:
    new = again(made)
    assert type(new) is type(made)
    for name in (
        "name",
        "slug",
        "tags",
        "max_retries",
        "retry_delay",
        "retry_on",
        "timeout",
        "trigger",
        "nout",
    ):
        assert getattr(new, name) == getattr(made, name)
    with Flow("f") as flow:
        assert (new() if isinstance(new, Parameter) else new(1)) in flow


def test_a_flow_of_task_classes_comes_back_whole(run: Run) -> None:
    with Flow("f", tags=["t"]) as flow:
        first = Scale(2)(Parameter("x"))
        Scale(3)([first, 1])
        triple.map([first, 5])
    flow.set_reference_tasks([first])
    new = again(flow)
    assert (new.name, new.tags, list(new.slugs.values())) == (flow.name, flow.tags, list(flow.slugs.values()))
    (reference,) = new.reference_tasks()
    assert reference.slug is None and new.slugs[reference] == flow.slugs[first]
    assert run(new, x=5).result[reference].result == 10


def test_a_flow_comes_back_independent() -> None:
    with Flow("f") as flow:
        triple(1)
    new = again(flow)
    with new:
        triple(2)
    assert (len(flow.tasks), len(new.tasks)) == (1, 2)
    assert [new.slugs[made] for made in new.tasks] == ["triple-1", "triple-2"]


def test_a_flow_can_be_pickled_while_it_is_written() -> None:
    with Flow("f") as flow:
        triple(1)
        assert len(again(flow).tasks) == 1


def test_a_flow_of_decorated_functions_comes_back(run: Run) -> None:
    with Flow("f") as flow:
        double(double(3))
    new = again(flow)
    assert run(new).result[new.sorted_tasks()[-1]].result == 12


def test_a_flow_with_operators_and_branches_comes_back(run: Run) -> None:
    with Flow("f") as flow:
        x = Parameter("x")
        total = triple(x) + 1
        with case(total > 3, True):
            big = triple(total)
        ifelse(total.not_(), triple(0), None)
        (merge(big, total) % 100).or_(0)
    new = again(flow)
    assert len(new.tasks) == len(flow.tasks)
    (reached,) = new.get_tasks(slug=flow.slugs[big])
    assert run(new, x=2).result[reached].result == 21


def test_a_function_flow_comes_back_as_the_flow_that_it_makes(run: Run) -> None:
    new = again(quadruple)
    assert new.description == "Four times as much."
    assert [parameter.name for parameter in new.parameters()] == ["x"]
    assert run(new, x=3).result[new.sorted_tasks()[-1]].result == 12
