"""Results of one commit as bytes: signed, so that what was altered or torn is never used.

`mac (16) · length of the head (4) · head (JSON) · pickles`. The head has lists by kind, each entry beginning
with node, child and attempt: `p` plain values, which are part of it; `k` pickles, with their length; `f`
files, with digest and size; `x` results that were not kept, with the reason. Where there is no key, only
plain values are kept, as nothing unsigned is ever unpickled. The mac is the beginning of an HMAC-SHA-256, as
processors have instructions for that: half of what BLAKE2 takes.
"""

from __future__ import annotations

import hmac
import json
import pickle
from collections.abc import Iterator
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


class Batch:
    """Collects results of one commit.

    Attributes:
        size: bytes of the pickles in it.
    """

    def __init__(self) -> None:
        self.size = 0
        self._head: dict[str, list[Any]] = {"p": [], "k": [], "f": [], "x": []}
        self._pickles: list[bytes] = []
        # What nearly all are; given (node, child, attempt, value).
        self.add_plain = self._head["p"].append
        self._add_pickled = self._head["k"].append

    def add(self, mark: Mark, stored: Stored) -> None:
        """Add a result."""
        kind, payload, size = stored
        node, child, attempt = mark
        if kind == "k":
            self.size += size
            self._pickles.append(payload)
            self._add_pickled((node, child, attempt, size))
        elif kind == "p":
            self.add_plain((node, child, attempt, payload))
        else:
            self._head[kind].append((node, child, attempt, payload, size))

    def __bool__(self) -> bool:
        return any(self._head.values())

    def _written(self) -> bytes:
        return json.dumps({kind: some for kind, some in self._head.items() if some}).encode()

    def _pickle_long(self) -> None:
        """Take the numbers out of the JSON that have more digits than Python writes, or reads, as text."""
        plain = self._head["p"]
        long = [each for each in plain if type(each[3]) is int and each[3].bit_length() > LONG]
        plain[:] = [each for each in plain if type(each[3]) is not int or each[3].bit_length() <= LONG]
        for *mark, value in long:
            data = pickle.dumps(value)
            self.add(tuple(mark), Stored("k", data, len(data)))

    def packed(self, name: str, key: bytes) -> bytes:
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
        body = b"".join([len(head).to_bytes(_LENGTH, "big"), head, *self._pickles])
        return signature(name, body, key) + body


def signature(name: str, body: bytes, key: bytes) -> bytes:
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
    for node, child, attempt, value in head.get("p", ()):
        yield (node, child, attempt), Stored("p", value)
    if not signed:
        return
    for node, child, attempt, size in head.get("k", ()):
        yield (node, child, attempt), Stored("k", body[start : start + size], size)
        start += size
    for kind in ("f", "x"):
        for node, child, attempt, payload, size in head.get(kind, ()):
            yield (node, child, attempt), Stored(kind, payload, size)
