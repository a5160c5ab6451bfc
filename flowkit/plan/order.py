"""The order in which one worker would carry a plan out."""

from __future__ import annotations

from flowkit.plan.plan import Plan


def order_of(plan: Plan) -> list[int]:
    """The nodes, each after those that it waits for; those that nothing is waited for by their priority."""
    waits = list(plan.waits)
    successors, paired = plan.successors, plan.paired
    ready = [node for node, count in enumerate(waits) if not count]
    for node in ready:  # grows as it is walked
        for follower in (*successors[node], *paired[node]) if node in paired else successors[node]:
            waits[follower] -= 1
            if not waits[follower]:
                ready.append(follower)
    return ready
