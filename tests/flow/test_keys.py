"""Keys: what a task is called in records and on the screen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowkit.flow.flow import Flow
from flowkit.flow.keys import keys_of
from flowkit.flow.task import task


@task
def clean() -> None: ...


def keys(*made: tuple[str, str | None]) -> list[str]:
    """The keys of tasks with these names and slugs."""
    with Flow("f") as flow:
        for name, slug in made:
            clean(task_args={"name": name, "slug": slug})
    return list(keys_of(flow).values())


def test_the_first_of_a_name_is_called_by_it_and_the_others_are_numbered() -> None:
    assert keys(("clean", None), ("clean", None), ("load", None), ("clean", None)) == [
        "clean",
        "clean-2",
        "load",
        "clean-3",
    ]


def test_a_slug_that_was_given_is_the_key() -> None:
    assert keys(("clean", "c"), ("clean", None)) == ["c", "clean"]


def test_a_number_that_is_taken_is_left_out() -> None:
    assert keys(("x", "clean-2"), ("clean", None), ("clean", None)) == ["clean-2", "clean", "clean-3"]
    assert keys(("x", "clean"), ("clean", None)) == ["clean", "clean-2"]


names = st.sampled_from(["a", "a-1", "a-2", "a-3", "a-2-2", "b"])


@given(st.lists(st.tuples(names, st.none()), max_size=12), st.sets(names))
def test_no_two_tasks_have_one_key(made: list[tuple[str, None]], slugs: set[str]) -> None:
    found = keys(*made, *[("slugged", slug) for slug in slugs])
    assert len(set(found)) == len(found)
    assert found[len(made) :] == list(slugs)
