"""Slugs: names of tasks that are unique in a flow and stay."""

from __future__ import annotations

from typing import Any

import pytest

from flowkit.errors import DefinitionError
from flowkit.flow.flow import Flow
from flowkit.flow.task import task


@task
def one() -> int:
    return 1


@task
def after(x: Any = None) -> Any:
    return x


def test_slugs_are_made_of_names_and_tags_and_counted() -> None:
    with Flow("f") as flow:
        made = [one(), one(), after(), one()]
    assert [flow.slugs[t] for t in made] == ["one-1", "one-2", "after-1", "one-3"]


def test_sorted_tags_are_part_of_a_slug() -> None:
    tagged = task(name="t", tags=["z", "b"])(one.run)
    with Flow("f") as flow:
        assert [flow.slugs[tagged()], flow.slugs[tagged()]] == ["t-b-z-1", "t-b-z-2"]


def test_a_slug_that_is_given_is_kept_and_counted_around() -> None:
    with Flow("f") as flow:
        chosen = one(task_args={"slug": "one-1"})
        made = one()
    assert (flow.slugs[chosen], flow.slugs[made]) == ("one-1", "one-2")


def test_two_tasks_of_one_slug_are_refused() -> None:
    with Flow("f"):
        one(task_args={"slug": "s"})
        with pytest.raises(DefinitionError, match="two tasks with the slug `s`"):
            one(task_args={"slug": "s"})


def test_a_slug_stays_when_the_task_is_renamed() -> None:
    with Flow("f") as flow:
        made = one()
    made.name = "uno"
    assert flow.slugs[made] == "one-1"
