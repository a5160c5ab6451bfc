"""Values to what is kept of them and back: the same value, or a reason in words; never a failed run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowkit.store import files
from flowkit.store.batch import Stored
from flowkit.store.results import SMALL, Results, UnreadableError

KEY = b"k" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return files.prepare(tmp_path)


@pytest.fixture
def results(folder: Path) -> Results:
    return Results(folder, KEY)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=values)
def test_a_value_comes_back_as_it_was(results: Results, value: Any) -> None:
    found = results.loaded(results.packed(value))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("size", [SMALL - 100, SMALL + 100, 3 << 20])
def test_a_large_value_is_a_file_and_comes_back_too(results: Results, folder: Path, size: int) -> None:
    value = bytes(size)
    stored = results.packed(value)
    assert stored.kind == ("k" if size < SMALL else "f")
    assert results.loaded(stored) == value
    assert len(list(files.names(folder))) == (stored.kind == "f")


class Odd:
    """A value that raises where it is pickled.

    Args:
        error: what it raises.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), RecursionError(), OSError("of its own"), pickle.PicklingError(), MemoryError()],
    ids=repr,
)
def test_a_value_without_a_pickle_is_not_kept_with_the_reason(
    results: Results, folder: Path, error: Exception
) -> None:
    for value in (Odd(error), [bytes(3 << 20), Odd(error)]):
        stored = results.packed(value)
        assert not stored.is_kept
        assert "cannot be pickled" in stored.payload
        with pytest.raises(UnreadableError, match="cannot be pickled"):
            results.loaded(stored)
    assert list(folder.iterdir()) == []


def test_a_value_larger_than_is_kept_leaves_nothing(folder: Path) -> None:
    results = Results(folder, KEY, most=200_000)
    for value in (bytes(300_000), bytes(3 << 20), [bytes(150_000), bytes(150_000)]):
        assert results.packed(value) == Stored("x", "it is larger than 200,000 bytes")
    assert results.packed(bytes(150_000)).is_kept
    assert len(list(files.names(folder))) == 1


class Hunter:
    """Knows one secret."""

    def __bool__(self) -> bool:
        return True

    def holds(self, data: bytes | str) -> bool:
        return ("hunter2" in data) if isinstance(data, str) else (b"hunter2" in data)


def test_what_holds_a_secret_is_not_kept_wherever_it_lies(folder: Path) -> None:
    results = Results(folder, KEY, mask=Hunter())
    hidden: list[Any] = ["hunter2", ["hunter2"], "x" * SMALL + "hunter2", [b"y" * (3 << 20), "hunter2"]]
    for value in hidden:
        assert results.packed(value) == Stored("x", "it holds a secret")
    assert list(folder.iterdir()) == []
    assert results.packed("another").is_kept


def test_without_a_key_only_what_is_plain_is_kept(folder: Path) -> None:
    results = Results(folder, None)
    assert results.packed(5) == Stored("p", 5)
    assert results.packed([5]) == Stored("x", "there is no key to sign it with, as `flowkit doctor` says")


class Broken:
    """A value that cannot be made again."""

    def __reduce__(self) -> Any:
        return eval, ("1 / 0",)


def test_what_cannot_be_unpickled_is_said_to_be_unreadable(results: Results, folder: Path) -> None:
    with pytest.raises(UnreadableError, match="ZeroDivisionError"):
        results.loaded(results.packed(Broken()))
    stored = results.packed(bytes(SMALL))
    files.remove(folder, stored.payload)
    with pytest.raises(UnreadableError, match="is gone or damaged"):
        results.loaded(stored)


def test_a_disk_that_is_full_is_an_error_of_the_disk(
    results: Results, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flowkit.store.files.os.write", full)
    with pytest.raises(OSError, match="No space left on device"):
        results.packed(bytes(SMALL))
    assert list(folder.iterdir()) == []
