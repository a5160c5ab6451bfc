"""What the arguments of a task come from, and which of them are others than in another run.

Guarantees: where both runs asked the cache, arguments are compared by their digests; else what they come from
is: constants and parameters by what is remembered of them, upstreams by the stored bytes of what they gave.
What cannot be compared is not said to have changed. Nothing recurses: a list may be nested deep.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from flowkit.fingerprint import Part
from flowkit.plan.outline import Outline, key_of, size_of
from flowkit.plan.plan import CHILD, WHOLE
from flowkit.store.batch import Stored
from flowkit.why.archive import equal

_PLAIN = (int, float, bool, type(None))
_MOST_CHILDREN = 10_000
_FEW = 3


class Side(Protocol):
    """A run, of the past or about to begin, as one side of a comparison."""

    @property
    def outline(self) -> Outline: ...
    @property
    def digests(self) -> Mapping[str, str]: ...
    def code(self, node: int) -> str: ...
    def parts(self, node: int) -> list[Part]: ...
    def origin(self, node: int, child: int = -1) -> Mapping[str, Any] | None: ...
    def stored(self, node: int, child: int = -1) -> Stored: ...
    def width(self, node: int) -> int: ...


@dataclass(frozen=True, kw_only=True)
class InputChange:
    """An input that is not what it was.

    Attributes:
        name: of the argument; "" where only its place is remembered.
        sources: what it comes from: `load`, `parameter day`; none for a constant.
        what: `changed`, `added` or `removed`.
        detail: `3 → 4`, of a constant that can be said.
    """

    name: str
    sources: tuple[str, ...] = ()
    what: str = "changed"
    detail: str = ""

    def __str__(self) -> str:
        named = f"input `{self.name}`" if self.name else "an input"
        if self.what != "changed":
            return f"{named} was {self.what}"
        if self.detail:
            return f"{named} changed: {self.detail}"
        if self.sources and self.sources[0] == f"parameter {self.name}":
            return f"parameter `{self.name}` changed"
        return f"{named} changed, from {said(self.sources)}" if self.sources else f"{named} changed"


class Source(NamedTuple):
    """Where an argument comes from: a node of the outline, or, where that is negative, a constant."""

    name: str
    node: int
    mode: int = WHOLE
    constant: Any = None


def said(sources: tuple[str, ...]) -> str:
    """``"upstream `load`"``, ``"parameter `day`, upstreams `load`, `clean` and 4 more"``."""
    upstreams = [f"`{each}`" for each in sources if not each.startswith("parameter ")]
    words = [f"parameter `{each[10:]}`" for each in sources if each.startswith("parameter ")][:_FEW]
    if upstreams:
        more = f" and {len(upstreams) - _FEW:,} more" if len(upstreams) > _FEW else ""
        plural = "s" if len(upstreams) > 1 else ""
        words.append(f"upstream{plural} {', '.join(upstreams[:_FEW])}{more}")
    return ", ".join(words)


def sources_of(outline: Outline, node: int) -> list[Source]:
    """What the arguments of a node come from, in order."""
    found = [Source(name, source, mode) for name, source, mode in outline["arguments"].get(node, ())]
    names, size = outline["names"].get(node), size_of(outline)
    if names is None and "positional" in outline:
        names = outline["positional"][outline["code"][node]]
    for place, ref in enumerate(outline["refs"][node]):
        name = str(names[place]) if names and place < len(names) else ""
        if ref < size:
            found.append(Source(name, ref))
        else:
            found.append(Source(name, -1, constant=outline["constants"][ref - size]))
    return found


def roots_of(outline: Outline, node: int) -> tuple[str, ...]:
    """The tasks and parameters that a node comes from, through those that only carry values."""
    return tuple(dict.fromkeys(_named(outline, root) for root in _roots(outline, node)))


def upstreams_of(outline: Outline, node: int) -> list[int]:
    """The tasks that people know among what a node waits for, its conditions too."""
    near = [*outline["upstreams"][node], *(gate[0] for gate in outline["gates"].get(node, ()))]
    found = {root: None for each in near for root in _roots(outline, each)}
    parameters = set(outline["parameters"].values())
    return [each for each in found if each not in parameters]


def input_changes(before: Side, old: int, after: Side, new: int, child: int = -1) -> list[InputChange]:
    """The inputs of a task that differ.

    Args:
        old, new: the task, as a node of each run.
        child: of a mapped task; -1: the task as a whole.
    """
    was, now = before.origin(old, child), after.origin(new, child)
    if was is not None and now is not None:
        return list(_by_digest(was["inputs"], now["inputs"], before, old, after, new))
    return list(_by_source(before, old, after, new, child))


def _by_digest(was: Any, now: Any, before: Side, old: int, after: Side, new: int) -> Iterator[InputChange]:
    """Inputs as (name, digest, key of the upstream)."""
    first = {name: digest for name, digest, _ in was}
    second = {name: (digest, source) for name, digest, source in now}
    for name in first.keys() - second.keys():
        yield InputChange(name=name, what="removed")
    for name, (digest, source) in sorted(second.items()):
        if name not in first:
            yield InputChange(name=name, what="added")
        elif first[name] != digest:
            yield _explained(name, source, before, old, after, new)


def _explained(name: str, source: str, before: Side, old: int, after: Side, new: int) -> InputChange:
    """A change that is known by its digest, with what it comes from."""
    outline = after.outline
    if not source:
        return InputChange(name=name, detail=_constant_detail(before.outline, old, outline, new, name))
    node = _node_of(outline, source)
    changed = tuple(_differing(before, _node_of(before.outline, source), after, node, -1, WHOLE))
    return InputChange(name=name, sources=changed or (roots_of(outline, node) if node >= 0 else (source,)))


def _by_source(before: Side, old: int, after: Side, new: int, child: int) -> Iterator[InputChange]:
    first, second = sources_of(before.outline, old), sources_of(after.outline, new)
    named = {source.name: source for source in first if source.name}
    for place, source in enumerate(second):
        was = named.get(source.name) if source.name else first[place] if place < len(first) else None
        if was is None:
            yield InputChange(name=source.name, what="added")
        elif was.node < 0 and source.node < 0:
            if repr(was.constant) != repr(source.constant):
                yield InputChange(name=source.name, detail=_arrow(was.constant, source.constant))
        elif was.node < 0 or source.node < 0:
            node = after.outline, source.node
            yield InputChange(name=source.name, sources=roots_of(*node) if source.node >= 0 else ())
        else:
            changed = tuple(_differing(before, was.node, after, source.node, child, source.mode))
            if changed:
                yield InputChange(name=source.name, sources=changed)
    kept = {source.name for source in second}
    for source in first[len(second) :] if not named else [each for each in first if each.name not in kept]:
        yield InputChange(name=source.name, what="removed")


def _differing(before: Side, old: int, after: Side, new: int, child: int, mode: int) -> Iterator[str]:
    """The tasks and parameters behind a node that gave something else."""
    todo = [(old, new, child if mode == CHILD else -1)]
    seen = set()
    while todo:
        old, new, child = todo.pop()
        if old < 0 or new < 0 or (old, new) in seen:
            continue
        seen.add((old, new))
        if _is_parameter(after.outline, new) or not _is_hidden(after.outline, new):
            if _gave_other(before, old, after, new, child):
                yield _named(after.outline, new)
        elif new in after.outline["known"]:
            continue  # a constant: it has no name that says more than that
        else:
            pairs = zip(sources_of(before.outline, old), sources_of(after.outline, new), strict=False)
            todo += [(was.node, now.node, child) for was, now in pairs][::-1]


def _gave_other(before: Side, old: int, after: Side, new: int, child: int) -> bool:
    name, former = _parameter(after.outline, new), _parameter(before.outline, old)
    if name is not None:
        return former != name or before.digests.get(name) != after.digests.get(name)
    if new not in after.outline["mapped"] or child >= 0:
        return equal(before.stored(old, child), after.stored(new, child)) is False
    width = after.width(new)
    if before.width(old) != width:
        return before.width(old) >= 0 and width >= 0
    return any(
        equal(before.stored(old, each), after.stored(new, each)) is False
        for each in range(min(width, _MOST_CHILDREN))
    )


def _roots(outline: Outline, node: int) -> Iterator[int]:
    todo, seen = [node], set()
    while todo:
        each = todo.pop()
        if each in seen or each < 0:
            continue
        seen.add(each)
        if _is_parameter(outline, each) or not _is_hidden(outline, each):
            yield each
        else:
            todo += outline["upstreams"][each][::-1]


def _is_hidden(outline: Outline, node: int) -> bool:
    """Whether a node only carries values; they are listed in order."""
    hidden = outline["hidden"]
    place = bisect_left(hidden, node)
    return place < len(hidden) and bool(hidden[place] == node)


def _is_parameter(outline: Outline, node: int) -> bool:
    return _parameter(outline, node) is not None


def _parameter(outline: Outline, node: int) -> str | None:
    return next((name for name, each in outline["parameters"].items() if each == node), None)


def _named(outline: Outline, node: int) -> str:
    name = _parameter(outline, node)
    return f"parameter {name}" if name is not None else key_of(outline, node)


def _node_of(outline: Outline, key: str) -> int:
    return next((node for node in range(size_of(outline)) if key_of(outline, node) == key), -1)


def _constant_detail(before: Outline, old: int, after: Outline, new: int, name: str) -> str:
    """`3 → 4`, of the constant of that name; of the only one that differs, where they go by their places."""
    pairs = [
        (was.constant, now.constant)
        for was, now in zip(sources_of(before, old), sources_of(after, new), strict=False)
        if was.node < 0 and now.node < 0 and was.name == now.name and now.name in ("", name)
    ]
    differing = [pair for pair in pairs if repr(pair[0]) != repr(pair[1])]
    return _arrow(*differing[0]) if len(differing) == 1 else ""


def _arrow(before: Any, after: Any) -> str:
    plain = type(before) in _PLAIN and type(after) in _PLAIN
    return f"{before!r} → {after!r}" if plain else ""
