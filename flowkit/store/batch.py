"""Results of one commit as bytes: signed, so that what was altered or torn is never used.

`mac (16) · length of the head (4) · head (JSON) · pickles`. The head has lists by kind, each entry beginning
with node, child and attempt: `p` plain values, which are part of it; `k` pickles, with their length; `f`
files, with digest and size; `x` results that were not kept, with the reason. Of first attempts of tasks that
have no children, which nearly all are, there are two lists instead: of plain values the nodes in `n` and the
values in `v`, of pickles the nodes in `m` and the lengths in `l`. The pickles of `m` come first.
Where there is no key, only plain values are kept, as nothing unsigned is ever unpickled. The mac is the
beginning of an HMAC-SHA-256, as processors have instructions for that: half of what BLAKE2 takes.
"""

from __future__ import annotations

import hmac
import json
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

MAC = 16
LONG = 2000  # bits up to which an `int` is always text; see `sys.set_int_max_str_digits`
_LENGTH = 4
Mark = tuple[int, int, int]  # node, child, attempt


class Stored(NamedTuple):
    """A result as it is kept.

    Attributes:
        kind: `p` plain, `k` pickled, `f` in a file, `x` not kept.
        payload: the value; the pickle; the digest, which is the file's name; the reason.
        size: bytes of the pickle.
    """

    kind: str
    payload: Any
    size: int = 0

    @property
    def is_kept(self) -> bool:
        """Whether the value can be had again."""
        return self.kind != "x"

    def drop(self) -> None:
        """It is never written; nobody waits for that."""


NOTHING = Stored("x", "")


def pickle_of(data: bytes) -> Stored:
    """A result by its pickle, in half the time that `Stored(...)` takes."""
    return _new(Stored, ("k", data, len(data)))


_new: Callable[[type[Stored], tuple[str, bytes, int]], Stored] = tuple.__new__


class Batch:
    """Collects results of one commit.

    Attributes:
        size: bytes of the pickles in it.
    """

    def __init__(self) -> None:
        self.size = 0
        self._head: dict[str, list[Any]] = {kind: [] for kind in "nvmlpkfx"}
        self._first_pickles: list[bytes] = []  # those of `m`
        self._pickles: list[bytes] = []
        self._add_node, self._add_value = self._head["n"].append, self._head["v"].append
        self._add_first, self._add_length = self._head["m"].append, self._head["l"].append
        self._add_pickle = self._first_pickles.append

    def add_plain(self, node: int, child: int, attempt: int, value: Any) -> None:
        """Add a plain value."""
        if child < 0 and attempt == 1:
            self._add_node(node)
            self._add_value(value)
        else:
            self._head["p"].append((node, child, attempt, value))

    def add(self, node: int, child: int, attempt: int, stored: Stored) -> None:
        """Add a result."""
        kind, payload, size = stored
        if kind == "k":
            self.size += size
            if child < 0 and attempt == 1:
                self._add_first(node)
                self._add_length(size)
                self._add_pickle(payload)
            else:
                self._head["k"].append((node, child, attempt, size))
                self._pickles.append(payload)
        elif kind == "p":
            self.add_plain(node, child, attempt, payload)
        else:
            self._head[kind].append((node, child, attempt, payload, size))

    def __bool__(self) -> bool:
        return any(self._head.values())

    def _written(self) -> bytes:
        return json.dumps({kind: some for kind, some in self._head.items() if some}).encode()

    def _pickle_long(self) -> None:
        """Take the numbers out of the JSON that have more digits than Python writes, or reads, as text."""
        plain = list(_plain(self._head))
        for kind in "nvp":
            self._head[kind].clear()
        for mark, value in plain:
            if type(value) is int and value.bit_length() > LONG:
                data = pickle.dumps(value)
                self.add(*mark, pickle_of(data))
            else:
                self.add_plain(*mark, value)

    def packed(self, name: str, key: bytes) -> bytearray:
        """The bytes to keep.

        Args:
            name: of the run and the place in it, so that a batch cannot stand in for another.
            key: b"" where there is none.
        """
        try:
            head = self._written()
        except ValueError:
            self._pickle_long()
            head = self._written()
        length = len(head).to_bytes(_LENGTH, "big")
        # Once, with room for the mac: these may be many bytes.
        data = bytearray().join([bytes(MAC), length, head, *self._first_pickles, *self._pickles])
        with memoryview(data) as view:
            view[:MAC] = signature(name, view[MAC:], key)
        return data


def signature(name: str, body: bytes | memoryview, key: bytes) -> bytes:
    """What only the holder of the key can make of these bytes."""
    mac = hmac.new(key, name.encode() + b"\0", "sha256")
    mac.update(body)
    return mac.digest()[:MAC]


def unpacked(data: bytes, name: str, key: bytes) -> Iterator[tuple[Mark, Stored]] | None:
    """The results in these bytes; None where they are not what was written."""
    body = data[MAC:]
    if len(data) < MAC + _LENGTH or signature(name, body, key) != data[:MAC]:
        return None
    return _entries(body, signed=bool(key))


def _entries(body: bytes, *, signed: bool) -> Iterator[tuple[Mark, Stored]]:
    start = _LENGTH + int.from_bytes(body[:_LENGTH], "big")
    head: dict[str, list[Any]] = json.loads(body[_LENGTH:start])
    for mark, value in _plain(head):
        yield mark, Stored("p", value)
    if not signed:
        return
    for mark, size in _pickled(head):
        yield mark, Stored("k", body[start : start + size], size)
        start += size
    for kind in ("f", "x"):
        for node, child, attempt, payload, size in head.get(kind, ()):
            yield (node, child, attempt), Stored(kind, payload, size)


def _plain(head: Mapping[str, Sequence[Any]]) -> Iterator[tuple[Mark, Any]]:
    for node, value in zip(head.get("n", ()), head.get("v", ()), strict=True):
        yield (node, -1, 1), value
    for node, child, attempt, value in head.get("p", ()):
        yield (node, child, attempt), value


def _pickled(head: Mapping[str, Sequence[Any]]) -> Iterator[tuple[Mark, int]]:
    for node, size in zip(head.get("m", ()), head.get("l", ()), strict=True):
        yield (node, -1, 1), size
    for node, child, attempt, size in head.get("k", ()):
        yield (node, child, attempt), size
