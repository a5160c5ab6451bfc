"""States that a caller gives to `flow.run`: what has finished is not run, and is seen by what follows."""

from __future__ import annotations

from typing import Any

import pytest

from flowkit import Flow, case, task
from flowkit.errors import UsageError
from flowkit.flow.resources import ResourceManager
from flowkit.flow.task import Task
from flowkit.plan.state import (
    Cached,
    Failed,
    Mapped,
    Pending,
    Retrying,
    Skipped,
    State,
    Success,
    TriggerFailed,
)

ran: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_has_run() -> None:
    ran.clear()


@task
def numbers() -> list[int]:
    ran.append("numbers")
    return [1, 2, 3]


@task
def tenfold(number: int) -> int:
    ran.append(number)
    return 10 * number


@task
def total(numbers: list[int]) -> int:
    ran.append("total")
    return sum(numbers)


@pytest.fixture
def made() -> tuple[Flow, Task, Task, Task]:
    with Flow("made") as flow:
        first = numbers()
        mapped = tenfold.map(first)
        end = total(mapped)
    return flow, first, mapped, end


Made = tuple[Flow, Task, Task, Task]


def test_what_has_finished_is_not_run_and_the_given_states_stay_as_they_are(made: Made) -> None:
    flow, first, _, end = made
    given: dict[Task, State] = {first: Success(result=[5])}
    state = flow.run(task_states=given, history=False)
    assert (state.result[end].result, ran) == (50, [5, "total"])
    assert given == {first: Success(result=[5])}
    assert state.result[first].result == [5]


@pytest.mark.parametrize(
    "given", [Cached(result=[5]), Pending(), Retrying(), Mapped(map_states=[Success(result=5)])], ids=repr
)
def test_what_was_cached_or_has_not_finished_runs(made: Made, given: State) -> None:
    flow, first, _, end = made
    state = flow.run(task_states={first: given}, history=False)
    assert state.result[end].result == 60
    assert ran[0] == "numbers"


def test_a_mapped_task_is_given_by_its_children(made: Made) -> None:
    flow, first, mapped, end = made
    children = [Success(result=7), None, Failed(result=ValueError("x"))]
    state = flow.run(
        task_states={first: Success(result=[1, 2, 3]), mapped: Mapped(map_states=children)}, history=False
    )
    assert [type(child) for child in state.result[mapped].map_states] == [Success, Success, Failed]
    assert (state.result[mapped].result[:2], ran) == ([7, 20], [2])
    assert isinstance(state.result[end], TriggerFailed)


def test_children_that_were_cached_are_looked_up_again(made: Made) -> None:
    flow, _, mapped, end = made
    state = flow.run(task_states={mapped: Mapped(map_states=[Cached(result=7)] * 3)}, history=False)
    assert state.result[end].result == 60


def test_more_children_than_there_are_now_are_left_out(made: Made) -> None:
    flow, _, mapped, end = made
    state = flow.run(task_states={mapped: Mapped(map_states=[Success(result=7)] * 5)}, history=False)
    assert (state.result[end].result, ran) == (21, ["numbers", "total"])


@pytest.mark.parametrize("given", [Failed(result=ValueError("x")), TriggerFailed(), Skipped()], ids=repr)
def test_what_failed_or_was_skipped_stays_so_also_as_a_whole(made: Made, given: State) -> None:
    flow, first, mapped, end = made
    for chosen in (first, mapped):
        state = flow.run(task_states={chosen: given}, history=False)
        assert type(state.result[chosen]) is type(given)
        assert isinstance(state.result[end], Skipped if isinstance(given, Skipped) else TriggerFailed)
        assert "total" not in ran


def test_the_states_of_a_run_can_be_given_to_another(made: Made) -> None:
    flow, _, _, end = made
    first = flow.run(history=False)
    ran.clear()
    assert flow.run(task_states=dict(first.result), history=False).result[end].result == 60
    assert ran == []


def test_a_task_of_another_flow_is_refused(made: Made) -> None:
    with Flow("other"):
        other = numbers()
    with pytest.raises(UsageError, match="`task_states` has the task `numbers`"):
        made[0].run(task_states={other: Success()}, history=False)
    assert ran == []


def test_resources_are_set_up_and_cleaned_up_again_and_what_was_skipped_stays_so() -> None:
    class Place:
        def setup(self) -> str:
            ran.append("setup")
            return "open"

        def cleanup(self, resource: str) -> None:
            ran.append("cleanup")

    with Flow("made") as flow:
        with ResourceManager(Place)() as place:
            inside = total([1, 2], upstream_tasks=[place])
        with case(inside, 4):
            numbers()
    first = flow.run(history=False)
    assert ran == ["setup", "total", "cleanup"]
    again = flow.run(task_states=dict(first.result), history=False)
    assert ran == ["setup", "total", "cleanup", "setup", "cleanup"]
    assert {made: type(end) for made, end in again.result.items()} == {
        made: type(end) for made, end in first.result.items()
    }
