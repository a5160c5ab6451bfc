"""Which task of a flow is which task of an earlier run, and what has changed in between.

Guarantees: a result is never taken for another task's: tasks are the same only where their code, and what
their arguments come from, are the same all the way up; among equal ones it is what was made from them that
decides, then the key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flowkit.plan.outline import Outline, fingerprints, key_of, outline_order, size_of


@dataclass(frozen=True)
class Matching:
    """Nodes of a new outline against those of an old one.

    Attributes:
        same: for each new node that has not changed, the old one.
        like: for each new node, changed or not, the old one that it stands for.
        changed: new nodes that an old one has the key of, and whose own code or arguments are others.
        added, removed: keys without a counterpart.
        renamed: keys before and after.
        parameters: names of those whose values differ.
    """

    same: Mapping[int, int]
    like: Mapping[int, int]
    changed: tuple[int, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    parameters: tuple[str, ...]


def match(
    old: Outline, old_parameters: Mapping[str, str], new: Outline, new_parameters: Mapping[str, str]
) -> Matching:
    """Match the tasks of two outlines.

    Args:
        old_parameters, new_parameters: the digests of the values.
    """
    before, after = fingerprints(old, old_parameters), fingerprints(new, new_parameters)
    old_keys = [key_of(old, node) for node in range(size_of(old))]
    new_keys = [key_of(new, node) for node in range(size_of(new))]
    same = _Equals(old, new, before, after).find()
    by_key = {key: node for node, key in enumerate(old_keys)}
    taken = set(same.values())
    like = dict(same)
    for node, key in enumerate(new_keys):
        found = by_key.get(key)
        if node not in like and found is not None and found not in taken:
            like[node] = found
    hidden = set(new["hidden"])
    shown = [node for node in range(len(new_keys)) if node not in hidden]
    gone = set(range(len(old_keys))) - set(like.values()) - set(old["hidden"])
    return Matching(
        same=same,
        like=like,
        changed=tuple(node for node in shown if node in like and node not in same),
        added=tuple(new_keys[node] for node in shown if node not in like),
        removed=tuple(old_keys[node] for node in sorted(gone)),
        renamed=tuple(
            (old_keys[same[node]], new_keys[node])
            for node in shown
            if node in same and old_keys[same[node]] != new_keys[node]
        ),
        parameters=tuple(
            sorted(
                name
                for name in {*old_parameters, *new_parameters}
                if old_parameters.get(name) != new_parameters.get(name)
            )
        ),
    )


class _Equals:
    """Finds the nodes that have one fingerprint in both outlines, each once.

    Nodes with one fingerprint have equals upstream of them, in the same order. So what is last is matched
    first, and where there are several equals, that one is wanted which the match downstream was made from:
    a task that is added before its equals takes the place of none. Where that decides nothing, or is at odds
    with itself, the key does; then their order. Where there are more of them than before, those are new that
    nothing was made from. Each edge is walked once at most.
    """

    def __init__(self, old: Outline, new: Outline, before: Sequence[bytes], after: Sequence[bytes]) -> None:
        self._old, self._new, self._after = old, new, after
        self._olds: dict[bytes, list[int]] = defaultdict(list)
        for node, found in enumerate(before):
            self._olds[found].append(node)
        self._news: dict[bytes, list[int]] = {}
        for node in reversed(outline_order(new)):  # in order of their depth, which equals share
            if after[node] in self._olds:
                self._news.setdefault(after[node], []).append(node)
        self._several = {
            found for found, nodes in self._news.items() if len(nodes) > 1 or len(self._olds[found]) > 1
        }
        self._wanted: dict[int, dict[int, None]] = defaultdict(dict)
        self._by_key = {key_of(old, node): node for found in self._several for node in self._olds[found]}
        self.same: dict[int, int] = {}

    def find(self) -> dict[int, int]:
        """For each new node that has an equal left, that one."""
        for found, nodes in self._news.items():
            if found in self._several:
                self._choose(sorted(nodes), dict.fromkeys(self._olds[found]))
            else:
                self._take(nodes[0], self._olds[found][0])
        return self.same

    def _choose(self, nodes: list[int], left: dict[int, None]) -> None:
        """Match new nodes with old ones that all have one fingerprint."""
        needed = [node for node in nodes if node in self._wanted]
        self._pair(needed, left, self._own_if_wanted)
        self._pair(needed, left, self._wanted_one)
        for some in needed, nodes:
            self._pair(some, left, self._own)
            rest = [node for node in some if node not in self.same]
            for node, old in zip(rest, list(left), strict=False):
                del left[old]
                self._take(node, old)

    def _pair(
        self, nodes: Iterable[int], left: dict[int, None], choice: Callable[[int, Container[int]], int | None]
    ) -> None:
        """Give each node its choice, where that is left."""
        for node in nodes:
            old = choice(node, left) if node not in self.same else None
            if old is not None:
                del left[old]
                self._take(node, old)

    def _own_if_wanted(self, node: int, left: Container[int]) -> int | None:
        old = self._own(node, left)
        return old if old in self._wanted.get(node, ()) else None

    def _wanted_one(self, node: int, left: Container[int]) -> int | None:
        return next((old for old in self._wanted.get(node, ()) if old in left), None)

    def _own(self, node: int, left: Container[int]) -> int | None:
        old = self._by_key.get(key_of(self._new, node))
        return old if old in left else None

    def _take(self, node: int, old: int) -> None:
        self.same[node] = old
        if self._several:
            for source, before in zip(_sources(self._new, node), _sources(self._old, old), strict=True):
                if self._after[source] in self._several:
                    self._wanted[source][before] = None


def _sources(outline: Outline, node: int) -> list[int]:
    """What a node comes from, in an order that equals share."""
    gates = outline["gates"].get(node, ())
    return [*outline["upstreams"][node], *(gate[0] for gate in gates)]
