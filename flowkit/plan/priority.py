"""Which of two ready tasks goes first: the one with the longer way to the end after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def heights(needs: Sequence[Sequence[int]], weight: Callable[[int], float] | None = None) -> list[float]:
    """The length of the longest path from each node to an end, itself included.

    Args:
        needs: for each node, in topological order, the nodes that it waits for.
        weight: a node's expected duration in seconds; default: 1 each, so that depth decides.
    """
    own = [1.0] * len(needs) if weight is None else [weight(node) for node in range(len(needs))]
    found = own.copy()
    for node in range(len(needs) - 1, -1, -1):
        height = found[node]
        for upstream in needs[node]:
            if found[upstream] < height + own[upstream]:
                found[upstream] = height + own[upstream]
    return found


def ranks(
    needs: Sequence[Sequence[int]],
    pairs: dict[int, list[int]],
    weight: Callable[[int], float] | None = None,
) -> list[int]:
    """The nodes in the order in which they should start where they are ready together.

    Args:
        pairs: for a mapped node, the mapped nodes that it follows child by child. Such chains share
            the height of their first, and the later link goes first: depth first, so that a child's
            value is used up before the next child is begun.
    """
    height = heights(needs, weight)
    head = height.copy()
    for node in sorted(pairs):
        head[node] = max([height[node], *(head[upstream] for upstream in pairs[node])])
    if not pairs:
        return sorted(range(len(needs)), key=height.__getitem__, reverse=True)
    return sorted(range(len(needs)), key=lambda node: (-head[node], height[node], node))
