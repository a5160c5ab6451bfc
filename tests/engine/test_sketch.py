"""What is shown of a value beside a failure: short, without secrets, and without harm."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter, deque
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from pydantic import SecretStr

from flowkit.engine import sketch as module
from flowkit.engine.mask import COVER, Mask
from flowkit.engine.sketch import LONGEST, Sketch


@pytest.fixture
def sketch() -> Iterator[Sketch]:
    found = Sketch()
    yield found
    found.close()


@pytest.fixture
def mask(monkeypatch: pytest.MonkeyPatch) -> Mask:
    """The secrets that are known, of this test alone."""
    found = Mask()
    monkeypatch.setattr(module, "MASK", found)
    return found


@dataclasses.dataclass
class Order:
    number: int
    key: str = dataclasses.field(repr=False)


class Broken:
    def __repr__(self) -> str:
        raise SystemExit("hands off")


class Bare:
    pass


class Huge:
    def __repr__(self) -> str:
        return "x" * 10_000_000


SHOWN: list[tuple[Any, str]] = [
    (None, "None"),
    (-3, "-3"),
    (1 << 5000, "<int of 5,001 bits>"),
    ("a\nb\x1b[31m\u202e\udcff", r"'a\nb\x1b[31m\u202e\udcff'"),
    (b"\x00\xff", r"b'\x00\xff'"),
    ((1,), "(1,)"),
    ([], "[]"),
    (set(), "set()"),
    (frozenset(), "frozenset({})"),
    (list(range(100)), "[0, 1, 2, 3, 4, 5, … 100 in all]"),
    ({"a": [1, {"b": (2, [3])}]}, "{'a': [1, {'b': (…)}]}"),
    (date(2026, 1, 2), "datetime.date(2026, 1, 2)"),
    (Order(3, "hidden"), "Order(number=3)"),
    (Bare(), "<Bare>"),
    (Broken(), "<Broken: its `__repr__` raised SystemExit>"),
    (Counter(range(2000)), "<Counter of 2,000>"),
    (deque([1]), "deque([1])"),
    (SecretStr("s3cret"), f"SecretStr({COVER})"),
    (np.zeros((3, 4)), "ndarray(3 x 4, float64)"),
    (np.float64(1.5), "float64(1.5)"),
    (pd.DataFrame({"a": [1], "b": [2]}), "DataFrame(1 x 2: a, b)"),
    (pd.Series([1, 2]), "Series(2, int64)"),
    (pd.Timestamp("2026-01-02"), "Timestamp('2026-01-02 00:00:00')"),
    (pl.DataFrame({"a": [1]}), "DataFrame(1 x 1: a)"),
    (pl.DataFrame({"a": [1]}).lazy(), "<LazyFrame>"),
    (len, "<function len>"),
    (Order, "<class Order>"),
]


@pytest.mark.parametrize(("value", "text"), SHOWN, ids=lambda each: type(each).__name__)
def test_values_are_shown_so(sketch: Sketch, value: Any, text: str) -> None:
    shown = sketch.named("x", value)
    assert shown.removeprefix("test_sketch.").replace("Order.", "") == text or shown.endswith(text)


@pytest.mark.parametrize(
    "value", ["x" * 10_000_000, b"x" * 10_000_000, Huge(), [["y" * 9000] * 9] * 9, Path("z" * 999)]
)
def test_nothing_is_long(sketch: Sketch, value: Any) -> None:
    assert len(sketch.named("x", value)) <= LONGEST + 30


def test_a_list_in_itself_comes_to_an_end(sketch: Sketch) -> None:
    value: list[Any] = []
    value.append(value)
    assert sketch.named("x", value) == "[[[[…]]]]"


@pytest.mark.parametrize(
    "name", ["password", "db_passwd", "API_KEY", "auth_token", "clientSecret", "Authorization"]
)
def test_what_is_called_like_a_secret_is_covered_also_in_a_dict(sketch: Sketch, name: str) -> None:
    assert sketch.named(name, "hunter2") == COVER
    assert sketch.named("x", {name: "hunter2", "n": 1}) == f"{{{name!r}: {COVER}, 'n': 1}}"
    assert sketch.named(name, None) == "None"


@dataclasses.dataclass
class Connection:
    host: str
    password: str


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Connection("h", "hush"), "Connection(host='h', password=•••)"),
        ([Connection("h", "hush")], "Connection(host='h', password=•••)"),
        ("postgres://bob:hush@host/db", "'postgres://bob:•••@host/db'"),
        (b"Authorization: Bearer hush", "b'Authorization: Bearer •••'"),
        ({"url": "postgres://bob:hush@host/db"}, "{'url': 'postgres://bob:•••@host/db'}"),
    ],
)
def test_what_looks_like_a_secret_within_a_value_is_covered(sketch: Sketch, value: Any, text: str) -> None:
    found = sketch.named("x", value)
    assert text in found
    assert "hush" not in found


def test_a_known_secret_is_covered_before_anything_is_cut(sketch: Sketch, mask: Mask) -> None:
    secret = "0123456789" * 30
    mask.add(secret)
    for value in (
        secret,
        f"Bearer {secret}",
        [secret] * 20,
        {"a": secret},
        secret.encode(),
        Order,
        Path(secret),
    ):
        shown = sketch.named("x", value)
        assert "01234" not in shown, shown
    mask.add("11112222")
    assert sketch.named("x", 11112222) == COVER


def test_a_repr_that_does_not_return_is_left_behind_and_asked_for_once(sketch: Sketch) -> None:
    stop, asked = threading.Event(), []

    class Slow:
        def __repr__(self) -> str:
            asked.append(1)
            stop.wait(30)
            return "late"

    try:
        assert sketch.named("x", Slow()) == "<Slow: its `__repr__` takes too long>"
        assert sketch.named("y", Slow()) == "<Slow>"
        assert sketch.named("z", 3) == "3"
        assert len(asked) == 1
    finally:
        stop.set()
