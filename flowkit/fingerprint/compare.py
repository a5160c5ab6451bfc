"""What changed between the code of two runs, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from flowkit.fingerprint.nodes import UNFOLLOWED, VERSION, Part


@dataclass(frozen=True, slots=True)
class Change:
    """A piece of code that is not what it was.

    Args:
        kind: see `Part`.
        name: of a package without its version.
        what: how it differs.
        place: where it stands now, or stood; of a package, its versions then and now.
    """

    kind: str
    name: str
    what: Literal["added", "removed", "changed"]
    place: str

    def __str__(self) -> str:
        """``"`helpers.norm` changed (flows/helpers.py:14)"``"""
        return f"`{self.name}` {self.what}" + (f" ({self.place})" if self.place else "")


def changes(before: Sequence[Part], after: Sequence[Part]) -> list[Change]:
    """What differs between the parts of two digests, sorted by kind and name."""
    old, new = _by_name(before), _by_name(after)
    return [
        _change(key, old.get(key, []), new.get(key, []))
        for key in sorted(old.keys() | new.keys())
        if _digests(old.get(key, [])) != _digests(new.get(key, []))
    ]


def _change(key: tuple[str, str], old: list[Part], new: list[Part]) -> Change:
    kind, name = key
    # Of several with one name, those that are the same on both sides are not where it differs.
    then, now = _digests(old), _digests(new)
    place = next((part.place for part in new + old if part.digest not in then & now), "")
    if kind == VERSION:
        place = " → ".join(", ".join(_version(part) for part in side) for side in (old, new) if side)
    return Change(kind, name, "added" if not old else "changed" if new else "removed", place)


def _by_name(parts: Sequence[Part]) -> dict[tuple[str, str], list[Part]]:
    found = defaultdict(list)
    for part in parts:
        if part.kind != UNFOLLOWED:  # nothing is known of it that could change
            name = part.name.partition(" ")[0] if part.kind == VERSION else part.name
            found[part.kind, name].append(part)
    return found


def _version(part: Part) -> str:
    return part.name.partition(" ")[2]


def _digests(parts: list[Part]) -> set[str]:
    return {part.digest for part in parts}
