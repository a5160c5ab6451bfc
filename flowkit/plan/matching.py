"""Which task of a flow is which task of an earlier run, and what has changed in between.

Guarantees: a result is never taken for another task's: tasks are the same only where their code, and what
their arguments come from, are the same all the way up; among equal ones the key decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowkit.plan.outline import Outline, fingerprints, key_of, size_of


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
    same = _equal(before, after, old_keys, new_keys)
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


def _equal(
    before: Sequence[bytes], after: Sequence[bytes], old_keys: Sequence[str], new_keys: Sequence[str]
) -> dict[int, int]:
    """Nodes with one fingerprint: those with one key first, the rest in their order."""
    waiting: dict[bytes, list[int]] = defaultdict(list)
    for node, found in enumerate(before):
        waiting[found].append(node)
    by_key = {key: node for node, key in enumerate(old_keys)}
    same: dict[int, int] = {}
    taken: set[int] = set()
    for node, found in enumerate(after):
        old = by_key.get(new_keys[node])
        if old is not None and before[old] == found:
            same[node] = old
            taken.add(old)
    for node, found in enumerate(after):
        if node not in same and found in waiting:
            rest = waiting[found]
            while rest and rest[0] in taken:
                rest.pop(0)
            if rest:
                same[node] = rest.pop(0)
                taken.add(same[node])
    return same
