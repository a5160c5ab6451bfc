"""What is known before a run starts is given to those that wait for it, and is never found out again."""

from __future__ import annotations

from typing import Any

import pytest

from flowkit import Flow, task
from flowkit.errors import BugError
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Detail
from flowkit.plan.machine import Machine
from flowkit.plan.status import (
    FAILED,
    MAPPED,
    READY,
    RETRYING,
    RUNNING,
    SKIPPED,
    SUCCESS,
    TRIGGER_FAILED,
)


@task
def numbers() -> list[int]:
    return [1, 2, 3]


@task
def double(number: int) -> int:
    return 2 * number


@task
def half(number: int) -> float:
    return number / 2


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@pytest.fixture
def machine() -> Machine:
    """numbers → double[…] → half[…] → total."""
    with Flow("pairs") as flow:
        total(half.map(double.map(numbers())))
    return Machine(compile_flow(flow))


def node(machine: Machine, key: str) -> int:
    return machine.plan.keys.index(key)


def give(machine: Machine, key: str, status: int, child: int = -1, width: int = 1, **known: Any) -> None:
    detail = Detail(**known) if known else None
    machine.replay((node(machine, key), child, width, status, 0.0, 0.0, None, detail))


def taken(machine: Machine) -> list[str]:
    """All that may start now."""
    found = []
    while (call := machine.take(0, 1.0)) is not None:
        found.append(machine.plan.key(*call[:2]))
        machine.check()
    return found


def test_children_that_are_known_are_not_run_and_those_after_them_are(machine: Machine) -> None:
    give(machine, "numbers", SUCCESS, length=3)
    give(machine, "double", SUCCESS, child=0)
    give(machine, "half", SUCCESS, child=0)
    give(machine, "double", SUCCESS, child=2)
    machine.start(0.0)
    assert sorted(taken(machine)) == ["double[1]", "half[2]"]


def test_a_mapped_task_that_is_known_as_a_whole_lets_each_child_after_it_go(machine: Machine) -> None:
    give(machine, "numbers", SUCCESS)
    for child in range(3):
        give(machine, "double", SUCCESS, child=child)
    give(machine, "double", MAPPED, width=3)
    give(machine, "half", SUCCESS, child=1)
    machine.start(0.0)
    assert taken(machine) == ["half[0]", "half[2]"]


def test_those_after_a_mapped_task_may_be_known_while_some_of_its_children_are_not(machine: Machine) -> None:
    give(machine, "numbers", SUCCESS, length=3)
    give(machine, "double", SUCCESS, child=0)
    give(machine, "half", SUCCESS, child=0)
    give(machine, "half", MAPPED, width=1)
    machine.start(0.0)
    assert taken(machine) == ["double[1]", "double[2]", "total"]


@pytest.mark.parametrize("status", [FAILED, TRIGGER_FAILED, SKIPPED])
def test_a_mapped_task_may_be_known_to_have_ended_without_expanding(machine: Machine, status: int) -> None:
    give(machine, "numbers", SUCCESS)
    give(machine, "double", status)
    machine.start(0.0)
    assert taken(machine) == []
    assert machine.over
    assert machine.status[node(machine, "total")] == (SKIPPED if status == SKIPPED else TRIGGER_FAILED)


@pytest.mark.parametrize(
    ("key", "status", "child"),
    [("numbers", MAPPED, -1), ("numbers", SUCCESS, 0), ("double", SUCCESS, -1)],
)
def test_an_end_that_cannot_be_is_refused(machine: Machine, key: str, status: int, child: int) -> None:
    with pytest.raises(BugError, match=f"`{key}` cannot be replayed"):
        give(machine, key, status, child)


def test_an_end_is_given_once(machine: Machine) -> None:
    give(machine, "numbers", SUCCESS)
    with pytest.raises(BugError):
        give(machine, "numbers", SUCCESS)


def test_a_wait_that_was_begun_goes_on_and_the_attempts_with_it(machine: Machine) -> None:
    first = node(machine, "numbers")
    machine.go_on(first, -1, 3, 1, 5.0)
    machine.start(10.0)
    assert machine.status[first] == RETRYING
    assert machine.next_deadline == 15.0
    machine.expire(15.0)
    assert machine.status[first] == READY
    assert machine.take(0, 15.0) == (first, -1, 3)
    assert machine.status[first] == RUNNING
    assert machine.forgiven(first, -1) == 1
