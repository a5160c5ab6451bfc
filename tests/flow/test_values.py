"""The values of parameters: typed, checked, every problem at once, before anything runs."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import NO_DEFAULT, Parameter
from flowkit.flow.values import bare, checked, is_collection, parsed, type_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Model(BaseModel):
    size: int
    name: str = "m"


@dataclass
class Point:
    x: int
    y: int = 0


class Opaque:
    """A class that pydantic knows nothing of."""


def flow_of(*parameters: Parameter) -> Flow:
    return Flow("etl", tasks=parameters)


def typed(annotation: Any, *texts: str, default: Any = NO_DEFAULT) -> Any:
    """The value that these texts are of a parameter of a type."""
    return parsed(Parameter("p", default, annotation=annotation), texts)


# -- what is typed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "5", "5"),
        (int, "5", 5),
        (float, "1e3", 1000.0),
        (bool, "true", True),
        (bool, "no", False),
        (Path, "a/b", Path("a/b")),
        (date, "2024-02-29", date(2024, 2, 29)),
        (datetime, "2024-02-29T10:00", datetime(2024, 2, 29, 10)),
        (Colour, "red", Colour.RED),
        (Colour, "BLUE", Colour.BLUE),
        (Level, "1", Level.LOW),
        (Literal["a", "b"], "b", "b"),
        (Literal[1, 2], "2", 2),
        (Optional[int], "5", 5),  # noqa: UP045
        (int | None, "none", None),
        (int | None, "null", None),
        (str | None, "x", "x"),
        (Annotated[int, "how many"], "5", 5),
        (Annotated[int | None, "how many"], "None", None),
        (list[int], "[1, 2]", [1, 2]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (dict, '{"a": [1]}', {"a": [1]}),
        (Model, '{"size": 3}', Model(size=3)),
        (Point, '{"x": 1}', Point(1)),
        (Any, "text", "text"),
        (Any, '{"a": 1}', {"a": 1}),
        (None, "[1", "[1"),
        (None, "5", 5),
    ],
)
def test_text_is_read_by_the_annotation(annotation: Any, text: str, value: Any) -> None:
    found = typed(annotation, text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("default", "text", "value"), [(5, "7", 7), (True, "false", False), ("x", "7", "7"), (1.5, "2", 2.0)]
)
def test_text_is_read_by_the_default_where_there_is_no_annotation(
    default: Any, text: str, value: Any
) -> None:
    found = typed(None, text, default=default)
    assert found == value and type(found) is type(value)
    assert typed(str, text, default=default) == text


def test_a_list_is_given_item_by_item_or_as_json() -> None:
    assert typed(list[int], "1", "2") == [1, 2]
    assert typed(list[int], "1") == [1]
    assert typed(list[str], "1", "[x]") == ["1", "[x]"]
    assert typed(list, "a", "b") == ["a", "b"]
    assert typed(set[int], "1", "1") == {1}
    assert typed(list[Path], "a", "b") == [Path("a"), Path("b")]
    assert typed(list[int] | None, "3") == [3]


def test_the_last_of_several_texts_counts_for_a_single_value() -> None:
    assert typed(int, "1", "2") == 2


@given(st.integers() | st.text() | st.floats(allow_nan=False) | st.lists(st.integers()))
def test_what_python_gives_and_what_is_typed_agree(value: Any) -> None:
    parameter = Parameter("p", annotation=type(value) if not isinstance(value, list) else list[int])
    text = value if isinstance(value, str) else json.dumps(value)
    flow = flow_of(parameter)
    assert checked(flow, {"p": value}) == checked(flow, {}, {"p": [text]}) == {"p": value}


@pytest.mark.parametrize(
    ("annotation", "texts", "problem"),
    [
        (int, ["x"], "cannot be `x`"),
        (int, ["1.5"], "cannot be `1.5`"),
        (Literal["a", "b"], ["c"], "'a' or 'b'"),
        (Colour, ["green"], "'red' or 'blue'"),
        (date, ["yesterday"], "cannot be `yesterday`"),
        (dict[str, int], ["a"], "takes a JSON object such as '{\"a\": 1}', not `a`"),
        (list[int], ["1", "x"], "1: "),
        (list[int], ["[1, 2"], "cannot be `[1, 2`"),
        (Model, ['{"size": "big"}'], "size: "),
        (Model, ['{"size": '], "cannot be"),
        (Point, ["{}"], "x: "),
        (int, ["9" * 100 + "x"], "…`"),
    ],
)
def test_text_that_is_no_such_value_is_refused_with_the_reason(
    annotation: Any, texts: Sequence[str], problem: str
) -> None:
    with pytest.raises(ValueError) as refused:
        typed(annotation, *texts)
    assert problem in str(refused.value)


# -- what Python gives --------------------------------------------------------------------------


def test_values_are_checked_against_annotations_and_else_passed_as_they_are() -> None:
    thing, opaque = object(), Opaque()
    flow = flow_of(
        Parameter("count", annotation=int),
        Parameter("path", annotation=Path),
        Parameter("any", annotation=Any),
        Parameter("bare"),
        Parameter("opaque", annotation=Opaque),
    )
    found = checked(flow, {"count": 5, "path": "a", "any": thing, "bare": thing, "opaque": opaque})
    assert found == {"count": 5, "path": Path("a"), "any": thing, "bare": thing, "opaque": opaque}


def test_defaults_fill_in_and_none_is_one() -> None:
    flow = flow_of(Parameter("a", default=None), Parameter("b", default=2), Parameter("c", required=False))
    assert checked(flow, {}) == {"a": None, "b": 2, "c": None}
    assert checked(flow, {"a": 1}, {"b": ["5"]}) == {"a": 1, "b": 5, "c": None}


def test_text_outranks_a_value() -> None:
    assert checked(flow_of(Parameter("a", annotation=int)), {"a": 1}, {"a": ["2"]}) == {"a": 2}


def test_only_the_parameters_that_are_needed_must_be_given() -> None:
    flow = flow_of(Parameter("a"), Parameter("b"))
    assert checked(flow, {"a": 1}, needed={"a"}) == {"a": 1, "b": None}
    with pytest.raises(UsageError, match="`b` is required, and was not given"):
        checked(flow, {"a": 1})


def test_every_problem_is_reported_at_once() -> None:
    flow = flow_of(Parameter("count", annotation=int), Parameter("path"), Parameter("size", annotation=int))
    with pytest.raises(UsageError) as refused:
        checked(flow, {"count": "many", "zzz": 1}, {"sise": ["1"], "size": ["big"]}, problems=["it rains"])
    message = refused.value.message
    assert message.startswith("the flow `etl` cannot run, for 6 reasons:\n")
    for problem in (
        "it rains",
        "`zzz` is not a parameter",
        "`sise` is not a parameter; did you mean `size`?",
        "`count` cannot be `many`: ",
        "`path` is required, and was not given",
        "`size` cannot be `big`: ",
    ):
        assert f"\n  {problem}" in message
    assert refused.value.exit_code == 2
    assert refused.value.hints == ("`flowkit run etl --help` lists its parameters",)


def test_one_problem_is_one_sentence() -> None:
    with pytest.raises(UsageError) as refused:
        checked(flow_of(), {"x": 1})
    assert refused.value.message == "the flow `etl` cannot run: `x` is not a parameter"


# -- types --------------------------------------------------------------------------------------


def test_the_type_of_a_parameter_is_its_annotation_or_that_of_its_default() -> None:
    assert type_of(Parameter("p", annotation=int, default="x")) is int
    assert type_of(Parameter("p", default=1.5)) is float
    assert type_of(Parameter("p")) is Any
    assert type_of(Parameter("p", default=None)) is Any


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (int, int),
        (int | None, int),
        (Annotated[int | None, "x"], int),
        (Optional[Annotated[list[int], "x"]], list[int]),  # noqa: UP045
        (int | str, int | str),
        (None, None),
    ],
)
def test_a_type_is_found_without_what_is_around_it(annotation: Any, kind: Any) -> None:
    assert bare(annotation) == kind


def test_collections_are_told_from_the_rest() -> None:
    assert all(map(is_collection, (list, list[int], dict, tuple[int, ...], set[str], frozenset)))
    assert not any(map(is_collection, (int, str, Any, Model, Literal["a"], None)))


def test_a_default_of_the_wrong_type_is_found_at_the_command() -> None:
    flow = Flow("f")
    flow.add_task(Parameter("n", default="abc", annotation=int))
    flow.add_task(Parameter("maybe", default=None, annotation=int))
    with pytest.raises(UsageError, match="`n` cannot be `abc`") as refused:
        checked(flow, {}, {})
    assert "maybe" not in refused.value.message
    assert checked(flow, {}) == {"n": "abc", "maybe": None}
