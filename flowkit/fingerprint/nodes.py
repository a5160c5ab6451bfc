"""What code is made of: nodes that refer to each other, each with a digest of its own.

Guarantees: a node's own digest is of what stands in it and of the names of what it refers to, so that cycles
need no care and a change is told where it is; the digest of a whole is `Whole`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flowkit.fingerprint.plain import composite
from flowkit.fingerprint.walk import Steps, Walk

VERSION = "version"  # the kind of what counts by no more than that
UNFOLLOWED = "unfollowed"  # the kind of what could not be looked into; its digest is ""


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A piece of code that counts, or should.

    Args:
        kind: `function`, `class`, `constant`, `module`, `version`, `file` or `unfollowed`.
        name: as its author would say it: `helpers.norm`, `numpy 2.1.0`.
        digest: 16 hexadecimal digits of what stands in it.
        place: where it stands, `flows/helpers.py:14`; not counted.
    """

    kind: str
    name: str
    digest: str
    place: str


def unfollowed(parts: Iterable[Part]) -> tuple[str, ...]:
    """The names of what could not be looked into."""
    return tuple(part.name for part in parts if part.kind == UNFOLLOWED)


def packages(parts: Iterable[Part]) -> tuple[str, ...]:
    """The packages that count by their version, `numpy 2.1.0`."""
    return tuple(part.name for part in parts if part.kind == VERSION)


@dataclass(slots=True, eq=False)
class Node:
    """A piece of code and what it refers to; without a kind it is no part, only a way to others."""

    kind: str
    name: str
    place: str = ""
    digest: bytes = b""
    targets: list[Any] = field(default_factory=list)
    unfollowed: tuple[str, ...] = ()

    def part(self) -> Part | None:
        """What is shown and kept of it."""
        # The first byte of a token is its kind.
        shown = self.digest[1:9].hex()
        return Part(self.kind, self.name, shown, self.place) if self.kind else None


@dataclass(frozen=True, slots=True)
class Constant:
    """The value of a global, known by where it was read."""

    home: int
    name: str
    value: Any = field(compare=False)
    names: dict[str, Any] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken of a module that is looked at in its file: a name, or all of it."""

    module: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """A statement of a module, by its number."""

    module: str
    number: int


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package, known by its version."""

    name: str


@dataclass(frozen=True, slots=True)
class Binary:
    """A module that is no Python, known by what its file holds."""

    module: str
    file: str


class Whole(Walk):
    """Digests of nodes with all that they reach.

    Args:
        node: the node of a target.
    """

    def __init__(self, node: Callable[[Any], Node]) -> None:
        super().__init__()
        self._node = node

    def leaf(self, value: Any) -> bytes | None:
        return None

    def steps(self, value: Node) -> Steps:
        tokens = [value.digest]
        for target in value.targets:
            tokens.append((yield "", self._node(target)))
        return composite(b"node", *tokens)

    def wrong(self, value: Any, error: Exception, ways: list[str]) -> Exception:
        return error

    def reached(self, root: Node) -> Iterator[Node]:
        """All nodes that a node reaches, itself first."""
        seen = {id(root)}
        waiting = [root]
        while waiting:
            node = waiting.pop()
            yield node
            for target in node.targets:
                found = self._node(target)
                if id(found) not in seen:
                    seen.add(id(found))
                    waiting.append(found)
