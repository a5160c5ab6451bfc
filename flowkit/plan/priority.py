"""Which of two ready tasks goes first: the one with the longer way to the end after it.

Source of the rule: list scheduling by critical path ("highest level first"), whose makespan is at most
2 - 1/workers times the least possible one (Graham 1969), and mostly within a few percent of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from flowkit.plan.durations import Durations

# An order that is wrong by so much costs a run hardly more than that. Orders that differ by less would follow
# from what happened by chance, and each would be kept as an outline of its own.
_SHARE = 0.01  # of the critical path
_LEAST = 0.01  # seconds


class Weights(NamedTuple):
    """Expected durations in seconds, by place.

    Attributes:
        own: of a call; of a mapped task, of a child on average: its children stand in the queue as one, and
            mostly are as long as that.
        whole: from the first start to the last end where there are workers enough: of a mapped task, of its
            longest child.
    """

    own: Sequence[float]
    whole: Sequence[float]


def weights_of(durations: Durations, keys: Sequence[str]) -> Weights | None:
    """The weights of tasks with these keys; None where nothing is known.

    A task that was never seen is taken to last as long as the median one.
    """
    mapped = {key: some.mean for key, some in durations.mapped.items()}
    known = {**durations.tasks, **mapped}
    if not known:
        return None
    middle = sorted(known.values())[len(known) // 2]
    own = [known.get(key, middle) for key in keys]
    if not mapped:
        return Weights(own, own)
    longest = {key: some.longest for key, some in durations.mapped.items()}
    return Weights(own, [longest.get(key, seconds) for key, seconds in zip(keys, own, strict=True)])


def heights(
    order: Sequence[int], needs: Sequence[Sequence[int]], weights: Weights | None = None
) -> list[float]:
    """The length of the longest path from the start of each node to an end.

    Args:
        order: the nodes, each after those that it waits for.
        needs: for each node, those.
        weights: default: 1 each, so that depth decides.
    """
    if weights is None:
        return _depths(order, needs)
    own, whole = weights
    after = [0.0] * len(needs)
    for node in reversed(order):
        way = whole[node] + after[node]
        for upstream in needs[node]:
            if after[upstream] < way:
                after[upstream] = way
    return [seconds + way for seconds, way in zip(own, after, strict=True)]


def _depths(order: Sequence[int], needs: Sequence[Sequence[int]]) -> list[float]:
    found: list[float] = [1] * len(needs)
    for node in reversed(order):
        above = found[node] + 1
        for upstream in needs[node]:
            if found[upstream] < above:
                found[upstream] = above
    return found


def ranks(
    order: Sequence[int],
    needs: Sequence[Sequence[int]],
    pairs: Mapping[int, Sequence[int]],
    keys: Sequence[str],
    durations: Durations | None = None,
) -> list[int]:
    """The nodes in the order in which they should start where they are ready together.

    Args:
        order, needs: as for `heights`.
        pairs: for a mapped node, the mapped nodes that it follows child by child. Such chains share
            the height of their first, and the later link goes first: depth first, so that a child's
            value is used up before the next child is begun.
        keys: of all nodes, where durations are given.
        durations: what is known by them; the order of that run stays where another is hardly better.
    """
    weights = weights_of(durations, keys) if durations is not None else None
    height = heights(order, needs, weights)
    head = height.copy() if pairs else height
    for node in order if pairs else ():
        if node in pairs:
            head[node] = max([height[node], *(head[upstream] for upstream in pairs[node])])
    if durations is not None and weights is not None:
        before = _before(durations.order, order, keys)
        if before and _holds(before, head, pairs):
            return before
    if not pairs:
        return sorted(order, key=height.__getitem__, reverse=True)
    place = {node: number for number, node in enumerate(order)}
    return sorted(order, key=lambda node: (-head[node], height[node], place[node]))


def _before(earlier: Sequence[str], order: Sequence[int], keys: Sequence[str]) -> list[int]:
    """The nodes in the order of an earlier run; none where it was one of other tasks."""
    if len(earlier) != len(order):
        return []
    places = {keys[node]: node for node in order}
    found = [places[key] for key in earlier if key in places]
    return found if len(found) == len(order) == len(set(found)) else []


def _holds(before: Sequence[int], head: Sequence[float], pairs: Mapping[int, Sequence[int]]) -> bool:
    """Whether no node stands before one whose way to the end is longer by more than matters."""
    slack = max(_LEAST, _SHARE * max(head[node] for node in before))
    least = head[before[0]]
    for node in before:
        if head[node] > least + slack:
            return False
        if head[node] < least:
            least = head[node]
    place = {node: number for number, node in enumerate(before)} if pairs else {}
    return all(place[node] < place[source] for node, sources in pairs.items() for source in sources)
