"""The results of one commit as bytes: what comes back is what was put in, or nothing at all."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flowkit.store.batch import Batch, Mark, Stored, signature, unpacked

KEY = b"k" * 32
marks = st.tuples(st.integers(0, 5), st.integers(-1, 5), st.integers(1, 5))
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
stored = st.one_of(
    plain.map(lambda value: Stored("p", value)),
    st.binary(max_size=50).map(lambda data: Stored("k", data, len(data))),
    st.just(Stored("f", "ab" * 16, 100_000)),
    st.just(Stored("x", "it is too large")),
)
contents = st.dictionaries(marks, stored, max_size=8)


def packed(content: dict[Mark, Stored], name: str = "run/0", key: bytes = KEY) -> bytes:
    batch = Batch()
    for mark, each in content.items():
        batch.add(*mark, each)
    assert bool(batch) == bool(content)
    return batch.packed(name, key)


def read(data: bytes, name: str = "run/0", key: bytes = KEY) -> dict[Mark, Any] | None:
    found = unpacked(data, name, key)
    return None if found is None else dict(found)


@given(contents)
def test_what_was_put_in_comes_back(content: dict[Mark, Stored]) -> None:
    assert read(packed(content)) == content


@given(contents, st.data())
def test_bytes_that_were_altered_give_nothing(content: dict[Mark, Stored], data: st.DataObject) -> None:
    whole = bytearray(packed(content))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    assert read(bytes(whole)) is None


@given(contents, st.data())
def test_bytes_that_were_torn_give_nothing(content: dict[Mark, Stored], data: st.DataObject) -> None:
    whole = packed(content)
    assert read(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@given(contents)
def test_a_batch_cannot_stand_in_for_another_or_be_signed_by_others(content: dict[Mark, Stored]) -> None:
    assert read(packed(content), name="run/1") is None
    assert read(packed(content), key=b"o" * 32) is None
    assert read(packed(content, key=b"")) is None


@given(contents)
def test_without_a_key_only_plain_values_are_believed(content: dict[Mark, Stored]) -> None:
    found = read(packed(content, key=b""), key=b"")
    assert found == {mark: each for mark, each in content.items() if each.kind == "p"}


def test_a_batch_that_lists_its_pickles_one_by_one_is_read_too() -> None:
    head = json.dumps({"k": [[4, -1, 1, 3], [5, 2, 1, 2]]}).encode()
    body = len(head).to_bytes(4, "big") + head + b"abcde"
    found = read(signature("run/0", body, KEY) + body)
    assert found == {(4, -1, 1): Stored("k", b"abc", 3), (5, 2, 1): Stored("k", b"de", 2)}


def test_a_number_too_long_for_text_is_kept_all_the_same() -> None:
    batch = Batch()
    batch.add_plain(0, -1, 1, 1)
    batch.add_plain(1, -1, 1, 1 << 20_000)
    found = read(batch.packed("run/0", KEY))
    assert found is not None
    assert found[0, -1, 1] == Stored("p", 1)
    assert found[1, -1, 1].is_kept
