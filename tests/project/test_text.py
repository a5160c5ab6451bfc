"""Types and defaults as people write them, the same in every process and on every machine."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest

from flowkit.project.text import type_text, value_text


class Colour(enum.Enum):
    RED = 1


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (Path, "Path"),
        (list[int], "list[int]"),
        (dict[str, list[Path]], "dict[str, list[Path]]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Literal["a", "b"], "Literal['a', 'b']"),
        (Optional[int], "int | None"),  # noqa: UP045
        (int | str, "int | str"),
        (Annotated[int, "how many"], "int"),
        (Callable[[int], str], "Callable[[int], str]"),
        (Colour, "Colour"),
        (None, "None"),
        (Any, "Any"),
        ("Frame", "Frame"),
        (list, "list"),
    ],
)
def test_types_read_as_they_are_written(annotation: Any, text: str) -> None:
    assert type_text(annotation) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        ("csv", "'csv'"),
        (None, "None"),
        (Path("/home/me/project/flows/data.csv"), "flows/data.csv"),
        (Path("/home/me/project"), "."),
        ("/home/me/project/flows/data.csv", "'flows/data.csv'"),
        ([Path("/home/me/project/a"), Path("/home/me/projector")], "[a, /home/me/projector]"),
        ({"k": (1,)}, "{'k': (1,)}"),
        (frozenset({"b", "a", "c"}), "{'a', 'b', 'c'}"),
        (set(), "set()"),
        (Colour.RED, "Colour.RED"),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 9), "2026-01-31T09:00:00"),
        (timedelta(seconds=90), "0:01:30"),
        (object(), "<object>"),
        (lambda: 1, "<function>"),
        (Odd(), "<Odd>"),
        ("x" * 500, "<str>"),
        ([object()], "<list>"),
    ],
)
def test_values_read_in_one_line_without_the_root(value: object, text: str) -> None:
    assert value_text(value, "/home/me/project") == text


def test_a_list_in_itself_has_no_text() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert value_text(endless, "/x") == "<list>"
