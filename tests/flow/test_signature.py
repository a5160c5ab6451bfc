"""Which functions can be tasks, and how the arguments of a call are paired with their parameters."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

import functools
import operator
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import CallError
from flowkit.flow.flow import Flow
from flowkit.flow.signature import RESERVED, RunSignature
from flowkit.flow.task import Task, task


def test_a_function_with_star_args_is_refused() -> None:
    with pytest.raises(CallError, match=r"takes `\*rest`") as refused:

        @task
        def gather(*rest: int) -> None: ...

    assert refused.value.hints == ("take a list instead",)


def test_positional_only_parameters_are_refused() -> None:
    with pytest.raises(CallError, match="positional-only parameter `x`"):

        @task
        def double(x: int, /) -> None: ...


@pytest.mark.parametrize("name", RESERVED)
def test_a_parameter_named_like_an_argument_of_the_call_is_refused(name: str) -> None:
    scope: dict[str, Any] = {}
    exec(f"def run({name}=None): ...", scope)
    with pytest.raises(CallError, match=f"named `{name}`, which is reserved") as refused:
        task(scope["run"])
    assert isinstance(refused.value, ValueError)


def test_a_function_that_cannot_be_inspected_is_refused_with_a_way_out() -> None:
    class Opaque:
        __name__ = "opaque"
        __signature__ = "not a signature"

        def __call__(self) -> None: ...

    with pytest.raises(CallError, match="`opaque` cannot be inspected") as refused:
        task(Opaque())
    assert "wrap it in a function of your own" in refused.value.hints[0]


@pytest.mark.parametrize("builtin", [zip, dict, operator.add, len])
def test_builtins_without_named_parameters_are_refused(builtin: Any) -> None:
    with pytest.raises(CallError):
        task(builtin)


def test_the_rules_hold_through_decorators_that_keep_the_signature() -> None:
    def logged(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    @logged
    def good(x: int, y: int = 2) -> None: ...

    @logged
    def bad(*xs: int) -> None: ...

    assert task(good)._signature.names == ("x", "y")
    with pytest.raises(CallError, match=r"\*xs"):
        task(bad)


def test_a_task_class_is_held_to_the_same_rules() -> None:
    with pytest.raises(CallError, match="`Gather` takes"):

        class Gather(Task):
            def run(self, *rest: int) -> None: ...


def test_a_task_class_whose_run_is_no_method_is_refused() -> None:
    class Idle(Task):
        run = None  # type: ignore[assignment]

    with pytest.raises(CallError, match="`run` of the task class `Idle` is no method"):
        Idle()


@task
def combine(a: int, b: int, c: int = 3, *, d: int = 4, **more: int) -> None: ...


def bound(*args: Any, **kwargs: Any) -> dict[str, Any]:
    with Flow("bound") as flow:
        return flow.constants.get(combine(*args, **kwargs), {})


def test_arguments_are_paired_by_position_by_name_and_by_the_rest() -> None:
    assert bound(1, 2) == {"a": 1, "b": 2}
    assert bound(1, b=2, d=9) == {"a": 1, "b": 2, "d": 9}
    assert bound(b=2, a=1, z=5, y=6) == {"a": 1, "b": 2, "z": 5, "y": 6}


@given(st.lists(st.integers(), min_size=2, max_size=3), st.booleans())
def test_the_short_way_pairs_as_inspect_does(args: list[int], by_name: bool) -> None:
    signature = RunSignature(combine.run, "combine")
    kwargs = {"d": 7} if by_name else {}
    expected = list(signature.signature.bind(*args, **kwargs).arguments.items())
    assert signature.bind("combine", tuple(args), kwargs) == expected


def test_a_required_keyword_only_parameter_is_asked_for() -> None:
    @task
    def scale(x: int, *, by: int) -> None: ...

    with Flow("f"):
        scale(1, by=2)
        with pytest.raises(CallError, match="missing a required"):
            scale(1)


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        ((1,), {}, "missing a required argument: 'b'"),
        ((1, 2, 3, 4), {}, "too many positional arguments"),
        ((1, 2), {"a": 1}, "multiple values for argument 'a'"),
    ],
)
def test_a_wrong_call_is_refused_at_once(args: Any, kwargs: Any, problem: str) -> None:
    with Flow("f") as flow, pytest.raises(CallError, match=problem) as refused:
        combine(*args, **kwargs)
    (how,) = refused.value.hints
    assert how.startswith("it is defined as `combine(a: ")
    assert "`combine`" in refused.value.message
    assert isinstance(refused.value, TypeError)
    assert not flow.tasks


def no_annotation(): ...  # type: ignore[no-untyped-def]
def pair() -> tuple[int, str]: ...
def old_pair() -> typing.Tuple[int, int]: ...  # noqa: UP006
def nothing() -> tuple[()]: ...
def bare() -> tuple: ...  # type: ignore[type-arg]
def old_bare() -> typing.Tuple: ...  # type: ignore[type-arg]  # noqa: UP006
def variadic() -> tuple[int, ...]: ...
def unknown() -> tuple[DoesNotExist, int]: ...  # type: ignore[name-defined]  # noqa: F821
def plain() -> int: ...


@pytest.mark.parametrize(
    ("function", "count"),
    [
        (no_annotation, None),
        (pair, 2),
        (old_pair, 2),
        (nothing, 0),
        (bare, None),
        (old_bare, None),
        (variadic, None),
        (unknown, None),
        (plain, None),
    ],
)
def test_the_number_of_outputs_is_read_from_a_tuple_annotation(function: Any, count: int | None) -> None:
    assert task(function).nout == count


def test_the_number_of_outputs_that_is_given_outranks_the_annotation() -> None:
    assert task(nout=5)(pair).nout == 5


def test_an_annotation_that_is_no_text_is_read_too() -> None:
    def run() -> None: ...

    run.__annotations__["return"] = tuple[int, int, int]
    assert task(run).nout == 3
