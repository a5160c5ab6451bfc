"""What holds of the machine after each stimulus, as code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowkit.plan.plan import SETTLED
from flowkit.plan.status import CANCELLED, EXPANDED, READY, SUCCESS, WAITING

if TYPE_CHECKING:
    from flowkit.plan.machine import Machine


def invariants(machine: Machine) -> list[tuple[str, bool]]:
    """What must hold after each stimulus, and whether it does."""
    queued = [node for heap in machine._ready for node in heap]
    unended = sum(status < SUCCESS for status in machine.status)
    found = [
        ("every node that has not ended is counted", machine._open == unended),
        ("every call that is out is counted", machine.running == len(machine.running_calls())),
        ("a node is queued once", len(set(queued)) == len(queued)),
        ("it is not stuck", not machine.started or not machine.stuck),
    ]
    for node, status in enumerate(machine.status):
        group = machine.groups.get(node)
        has_ready = status == READY or (status == EXPANDED and group is not None and group.has_ready)
        key = machine.plan.keys[node]
        found += [
            (f"`{key}` is queued where it is ready", machine.stopping or has_ready == (node in queued)),
            (f"`{key}` does not wait less than for nothing", machine._waits[node] >= 0),
            (
                f"`{key}` waits for nothing once it is decided",
                status in (WAITING, CANCELLED)
                or bool(machine._flags[node] & SETTLED)
                or not machine._waits[node],
            ),
        ]
        if group is not None:
            left = sum(state < SUCCESS for state in group.states)
            found += [
                (f"`{key}` counts its children", group.left == left),
                (f"`{key}` ends with its last child", (status == EXPANDED) == (left > 0)),
            ]
    return found
