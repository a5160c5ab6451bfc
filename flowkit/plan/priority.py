"""Which of two ready tasks goes first: the one with the longer way to the end after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def heights(
    order: Sequence[int],
    needs: Sequence[Sequence[int]],
    weight: Callable[[int], float] | None = None,
) -> list[float]:
    """The length of the longest path from each node to an end, itself included.

    Args:
        order: the nodes, each after those that it waits for.
        needs: for each node, those.
        weight: a node's expected duration in seconds; default: 1 each, so that depth decides.
    """
    if weight is None:
        return _depths(order, needs)
    own = [weight(node) for node in range(len(needs))]
    found = own.copy()
    for node in reversed(order):
        height = found[node]
        for upstream in needs[node]:
            found[upstream] = max(found[upstream], height + own[upstream])
    return found


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
    pairs: dict[int, list[int]],
    weight: Callable[[int], float] | None = None,
) -> list[int]:
    """The nodes in the order in which they should start where they are ready together.

    Args:
        order, needs, weight: as for `heights`.
        pairs: for a mapped node, the mapped nodes that it follows child by child. Such chains share
            the height of their first, and the later link goes first: depth first, so that a child's
            value is used up before the next child is begun.
    """
    height = heights(order, needs, weight)
    if not pairs:
        return sorted(order, key=height.__getitem__, reverse=True)
    head = height.copy()
    for node in order:
        if node in pairs:
            head[node] = max([height[node], *(head[upstream] for upstream in pairs[node])])
    place = {node: number for number, node in enumerate(order)}
    return sorted(order, key=lambda node: (-head[node], height[node], place[node]))
