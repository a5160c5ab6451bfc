"""Groups: nodes that a picture may show as one, by what their names begin with, by a tag or by their stage.

Guarantee: a drawing stays without cycles when any of its groups are taken together: one that would
close a circle is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flowkit.draw.drawing import Drawing, Edge, Node
from flowkit.draw.mark import WORST, Mark, Marks
from flowkit.draw.ranks import longest_paths

_FEWEST = 2
_MANY = 80  # nodes, of which more are grouped by stage where names and tags leave too many or too few
_TOO_FEW = 3
_MOST = 400  # groups of a kind, the largest: each is looked at for circles
_NUMBER = re.compile(r"(.*?[^\W\d_])(?:[-_./: ]*(?:ID)?\d+)+")


@dataclass(frozen=True, slots=True)
class Grouping:
    """A way to group nodes.

    Args:
        by: `name`, `tag` or `stage`.
        groups: by name, the keys of the nodes that belong together, at least two.
    """

    by: str
    groups: Mapping[str, tuple[str, ...]]


def groupings_of(drawing: Drawing, tags: Mapping[str, Sequence[str]]) -> list[Grouping]:
    """The ways to group a drawing in which there is any group.

    Args:
        tags: of the nodes, by key; a node counts for its first tag.
    """
    names = {node.key: _stem(node.label) for node in drawing.nodes if node.kind == "task"}
    first = {node.key: tags[node.key][0] for node in drawing.nodes if tags.get(node.key)}
    found = (Grouping(by, _groups(drawing, of)) for by, of in (("name", names), ("tag", first)))
    found_any = [grouping for grouping in found if grouping.groups]
    if len(drawing.nodes) > _MANY and not any(_suits(drawing, grouping) for grouping in found_any):
        stages = Grouping("stage", _stages(drawing))
        if _suits(drawing, stages):
            return [stages, *found_any]
    return found_any


def _suits(drawing: Drawing, grouping: Grouping) -> bool:
    """Whether the drawing can be read with the groups closed, and says something."""
    left = len(drawing.nodes) - sum(len(keys) - 1 for keys in grouping.groups.values())
    return _TOO_FEW < left <= _MANY


def _stages(drawing: Drawing) -> dict[str, tuple[str, ...]]:
    """The tasks that have as many others before them in a row, together: edges lead only to later stages."""
    number = {node.key: place for place, node in enumerate(drawing.nodes)}
    arcs = [(number[edge.source], number[edge.target], 1) for edge in drawing.merged_edges()]
    members: dict[int, list[str]] = {}
    for node, stage in zip(drawing.nodes, longest_paths(len(number), arcs), strict=True):
        if node.kind == "task":
            members.setdefault(stage, []).append(node.key)
    by_stage = enumerate((members[stage] for stage in sorted(members)), 1)
    return {f"stage {place}": tuple(keys) for place, keys in by_stage if len(keys) >= _FEWEST}


def grouped(drawing: Drawing, grouping: Grouping, marks: Marks) -> tuple[Drawing, dict[str, Mark]]:
    """The drawing with every group as one node, whose key is `group` and its name, and its marks."""
    group_of = {key: name for name, keys in grouping.groups.items() for key in keys}
    taken = _Taken(drawing, group_of)
    together = {
        taken.key(keys[0]): mark
        for name, keys in grouping.groups.items()
        if (mark := _together([marks[key] for key in keys if key in marks], len(keys))) is not None
    }
    rest = {
        key: replace(mark, critical_after=taken.key(mark.critical_after)) if mark.critical_after else mark
        for key, mark in marks.items()
        if key not in group_of
    }
    return taken.drawing(), {**rest, **together}


def _stem(name: str) -> str:
    """`load` for `load-2`, `mProject` for `mProject_ID0000001`."""
    found = _NUMBER.fullmatch(name)
    return found[1] if found else name


def _groups(drawing: Drawing, name_of: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    members: dict[str, list[str]] = {}
    for key, name in name_of.items():
        members.setdefault(name, []).append(key)
    sizes = Counter({name: len(keys) for name, keys in members.items() if len(keys) >= _FEWEST})
    found: dict[str, tuple[str, ...]] = {}
    group_of: dict[str, str] = {}
    for name, _ in sizes.most_common(_MOST):
        attempt = {**group_of, **dict.fromkeys(members[name], name)}
        if _Taken(drawing, attempt).has_no_cycle():
            group_of, found[name] = attempt, tuple(members[name])
    return found


class _Taken:
    """A drawing with some of its nodes taken together."""

    def __init__(self, whole: Drawing, group_of: Mapping[str, str]) -> None:
        self.whole, self.group_of = whole, group_of

    def key(self, key: str) -> str:
        """Of the node that a node is part of, or its own."""
        name = self.group_of.get(key)
        return key if name is None else f"group {name}"

    def has_no_cycle(self) -> bool:
        try:
            self.drawing()
        except ValueError:
            return False
        return True

    def drawing(self) -> Drawing:
        counts = Counter(self.group_of.values())
        nodes: dict[str, Node] = {}
        for node in self.whole.nodes:
            name = self.group_of.get(node.key)
            key = self.key(node.key)
            label = node.label if name is None else f"{name} · {counts[name]:,} tasks"
            nodes.setdefault(key, Node(key, label, node.mapped or name is not None, node.kind))
        edges = dict.fromkeys(
            Edge(self.key(edge.source), self.key(edge.target), edge.label)
            for edge in self.whole.edges
            if self.key(edge.source) != self.key(edge.target)
        )
        return Drawing(self.whole.name, tuple(nodes.values()), tuple(edges))


def _together(marks: Sequence[Mark], size: int) -> Mark | None:
    """How a group stands: as the worst of it does."""
    if not marks:
        return None
    worst = min(marks, key=lambda mark: WORST.index(mark.tone))
    good = sum(mark.tone in ("good", "kept") for mark in marks)
    return Mark(
        word=worst.word,
        symbol=worst.symbol,
        tone=worst.tone,
        count=f"{good:,} of {size:,} ok" if worst.tone != "good" or good != size else "",
        is_critical=any(mark.is_critical for mark in marks),
    )
