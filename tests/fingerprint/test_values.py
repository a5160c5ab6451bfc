"""Digests of values: what is the same, what differs, what is refused."""

from __future__ import annotations

import collections
import copy
import copyreg
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import itertools
import json
import os
import pickle
import re
import socket
import subprocess
import sys
import threading
import types
import uuid
import weakref
import zoneinfo
from array import array
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.fingerprint import UndigestibleError, combine, digest


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Order:
    number: int
    lines: list[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    number: int


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Words(list[str]):
    pass


class Plain:
    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)

    @functools.cached_property
    def total(self) -> int:
        return 1


class Hostile:
    """What no code but its owner's may call."""

    def __init__(self, value: int) -> None:
        self.value = value

    def _refuse(self, *_: object) -> Any:
        raise AssertionError("called")

    __eq__ = __bool__ = __iter__ = __len__ = __lt__ = __repr__ = __str__ = __contains__ = _refuse
    __hash__ = _refuse


DIFFERENT: list[Any] = [
    *(1, 1.0, True, "1", b"1", 1 + 0j, decimal.Decimal(1), fractions.Fraction(1), bytearray(b"1")),
    *(0, 0.0, -0.0, False, None, "", b"", (), [], {}, set(), frozenset(), range(0), ...),
    *([1], (1,), {1}, frozenset({1}), {1: 1}, [[1]], [1, 1], Point(1, 1), (1, 1), collections.deque([1, 1])),
    *(10**5000, -(10**5000), float("nan"), float("inf"), "nan", "\ud800", "é", "e\u0301"),
    *({"a": 1}, {"a": "1"}, {"b": 1}, collections.OrderedDict(a=1), collections.Counter("a")),
    *(collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1), types.SimpleNamespace(a=1)),
    *(collections.defaultdict(int), collections.defaultdict(str), types.MappingProxyType({})),
    *(range(3), range(0, 3, 2), slice(3), slice(0, 3), array("i", [1]), array("l", [1]), memoryview(b"1")),
    *(datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.time(1), datetime.timedelta(1)),
    *(datetime.datetime(2020, 1, 1, fold=1), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)),
    *(datetime.UTC, datetime.timezone(datetime.timedelta(hours=1))),
    *(zoneinfo.ZoneInfo("UTC"), zoneinfo.ZoneInfo("Europe/Berlin")),
    *(uuid.UUID(int=1), uuid.UUID(int=2), Colour.RED, Colour.BLUE, Words(["a"]), ["a"]),
    *(re.compile("a"), re.compile("a", re.I), re.compile("b"), re.compile(b"a")),
    *(Order(1, ["a"]), Order(1, ["b"]), Slotted(1), Slotted(2), Plain(a=1), Plain(a=2), Plain(b=1), Plain()),
    *(int, float, list, Order, Colour, Point, Plain, len, print, "".join, [].append, json, re),
    *(functools.partial(int, base=2), functools.partial(int, base=3), list[int], list[str], int | None),
    *(
        ValueError("a"),
        ValueError("b"),
        TypeError("a"),
        Path("/nowhere"),
        Path("nowhere"),
        b"x" * 999,
        "x" * 999,
    ),
]


def test_values_of_other_types_or_contents_differ() -> None:
    found: dict[bytes, Any] = {}
    for value in DIFFERENT:
        other = found.setdefault(digest(value), value)
        assert other is value, (other, value)


@pytest.mark.parametrize(
    "value",
    [each for each in DIFFERENT if type(each) not in (memoryview, types.ModuleType)],
    ids=lambda v: type(v).__name__,
)
def test_a_deep_copy_is_the_same(value: Any) -> None:
    if not isinstance(value, types.MappingProxyType):
        assert digest(copy.deepcopy(value)) == digest(value)


plain = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()
)
keys = st.booleans() | st.integers() | st.text() | st.binary() | st.decimals(allow_nan=False) | st.dates()
values = st.recursive(
    plain | st.decimals() | st.fractions() | st.datetimes() | st.uuids() | st.timedeltas(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(keys, inner)
        | st.lists(inner).map(tuple)
        | st.sets(keys)
        | st.frozensets(keys)
        | st.lists(inner).map(collections.deque)
        | st.builds(Order, st.integers(), inner)
        | st.builds(lambda held: Plain(held=held), inner)
        | inner.map(lambda held: [held, held])
    ),
    max_leaves=20,
)


@given(values)
def test_what_is_pickled_and_read_again_is_the_same(value: Any) -> None:
    assert digest(pickle.loads(pickle.dumps(value))) == digest(value)


@given(st.dictionaries(keys, values))
def test_the_order_of_a_dict_does_not_count(value: dict[Any, Any]) -> None:
    assert digest(dict(reversed(value.items()))) == digest(value)


@given(plain, plain)
def test_plain_values_are_the_same_only_where_they_are_equal(one: Any, other: Any) -> None:
    same = type(one) is type(other) and (repr(one) == repr(other))
    assert (digest(one) == digest(other)) is same


def test_two_copies_are_worth_what_two_references_are() -> None:
    part = {"a": [1, 2]}
    assert digest([part, part]) == digest([part, copy.deepcopy(part)])


def test_what_is_deep_has_a_digest() -> None:
    value: list[Any] = []
    for _ in range(10_000):
        value = [value]
    other: list[Any] = [1]
    for _ in range(10_000):
        other = [other]
    assert digest(value) != digest(other)


def test_what_is_shared_again_and_again_costs_once() -> None:
    value: list[Any] = [1]
    for _ in range(200):
        value = [value, value]
    assert digest(value)


def circle(size: int, last: int = 0) -> Any:
    nodes: list[list[Any]] = [[number] for number in range(size)]
    for node, follower in zip(nodes, nodes[1:] + nodes[:1], strict=True):
        node.append(follower)
    nodes[-1][0] = last
    return nodes[0]


def test_a_cycle_has_a_digest_that_its_content_decides() -> None:
    assert digest(circle(5)) == digest(circle(5)) != digest(circle(5, last=1))
    assert digest(circle(5)) != digest(circle(6))


def test_a_cycle_is_the_same_wherever_it_is_met() -> None:
    one, other = circle(5), circle(5)
    assert digest([one, one]) == digest([one, other])
    assert digest([one, one[1]]) == digest([other, circle(5)[1]])


def test_people_who_all_know_each_other_are_no_burden() -> None:
    people = [Plain(number=number) for number in range(60)]
    for person in people:
        person.__dict__["friends"] = people
    assert digest(people) == digest(pickle.loads(pickle.dumps(people)))


def test_a_cached_property_does_not_count() -> None:
    for held in ({"a": 1}, {}):
        seen, unseen = Plain(**held), Plain(**held)
        assert seen.total == 1
        assert digest(seen) == digest(unseen)


def test_no_method_of_a_value_is_called() -> None:
    assert digest([Hostile(1), {"a": Hostile(2)}]) != digest([Hostile(1), {"a": Hostile(3)}])
    assert digest({1: Hostile(1)}.items()) != digest({1: Hostile(2)}.items())


def test_views_of_a_dict_count_as_the_dict_does() -> None:
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    views = [one.keys(), one.values(), one.items(), types.MappingProxyType(one), one]
    assert len({digest(view) for view in views}) == len(views)
    assert digest(one.items()) == digest(other.items()) != digest(collections.OrderedDict(one).items())
    assert digest(collections.Counter(one).keys()) != digest(one.keys())


def test_a_class_inside_a_value_counts_with_its_code() -> None:
    def make(rate: int) -> Any:
        class Model:
            def go(self) -> int:
                return rate

        return Model()

    assert digest(make(1)) == digest(make(1)) != digest(make(2))


def generator() -> Any:
    yield 1


class Refusing:
    def __getstate__(self) -> Any:
        raise RuntimeError("no")


REFUSED: list[Any] = [
    threading.Lock(),
    threading.Thread(),
    socket.socket,
    generator(),
    io.BufferedReader(io.BytesIO()),
    itertools.count(),
    Refusing(),
    weakref.ref(Plain),
]


@pytest.mark.parametrize(
    "value", [each for each in REFUSED if not isinstance(each, type)], ids=lambda v: type(v).__name__
)
def test_what_has_no_value_is_refused_by_name_and_place(value: Any) -> None:
    with pytest.raises(UndigestibleError) as raised:
        digest({"client": Plain(_inner=[value])}, name="args")
    assert str(raised.value).startswith("`args['client']._inner[0]")


def test_a_refusal_leaves_nothing_behind() -> None:
    with pytest.raises(
        UndigestibleError, match=re.escape("`args[1]` cannot have a fingerprint, for it is a `_thread.lock`")
    ):
        digest([1, threading.Lock()], name="args")


def test_parts_are_combined_in_order_and_apart() -> None:
    assert combine(b"ab", b"c") != combine(b"a", b"bc") != combine(b"abc")
    assert combine(b"a", b"b") != combine(b"b", b"a")


SCRIPT = """
import collections, datetime, enum, pathlib, uuid
from flowkit.fingerprint import digest
class Colour(enum.Flag):
    RED = 1
    BLUE = 2
class Thing:
    kinds = {"a", "b", "c"}
    def __init__(self): self.names = {"x", "y", "z", Colour.RED, None, (1, "a")}
value = [Thing(), {str: 1, int: 2, Thing: 3}, frozenset("abc"), Colour.RED | Colour.BLUE, {b"a": {"c", "d"}}]
print(digest(value).hex())
"""


def test_another_process_another_hash_seed_and_another_folder_give_the_same(tmp_path: Path) -> None:
    found = set()
    for seed, folder in (("1", tmp_path), ("2", Path.cwd()), ("3", tmp_path)):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, cwd=folder, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_an_exception_has_one_digest_whoever_has_registered_how_it_is_pickled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dask brings tblib, which has exceptions pickled with their tracebacks."""
    before = digest(ValueError("broken"))
    monkeypatch.setitem(copyreg.dispatch_table, ValueError, lambda error: (ValueError, (object(),)))
    assert digest(ValueError("broken")) == before
