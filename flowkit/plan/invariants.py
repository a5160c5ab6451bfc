"""What holds of the machine after each stimulus, as code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowkit.plan.plan import SETTLED
from flowkit.plan.status import CANCELLED, EXPANDED, READY, SUCCESS, WAITING

if TYPE_CHECKING:
    from flowkit.plan.limited import LimitedMachine
    from flowkit.plan.machine import Machine


def invariants(machine: Machine) -> list[tuple[str, bool]]:
    """What must hold after each stimulus, and whether it does."""
    queued = machine.queued()
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


def invariants_of_limits(machine: LimitedMachine) -> list[tuple[str, bool]]:
    """What must hold besides, where calls share what there is a limit of."""
    taken = [0] * len(machine.limits.pools)
    for node, _ in machine._holders:
        for pool, amount in machine._wants(node):
            taken[pool] += amount
    running = {call[:2] for call in machine.running_calls()}
    found = [
        ("what is taken is what calls hold", taken == machine.taken),
        ("who holds something runs", machine._holders <= running),
        ("what is asked for may be had", all(machine._may_ask(pool) for pool in machine.asking)),
    ]
    for number, of in enumerate(machine.limits.pools):
        found.append((f"{of.said} is not overdrawn", machine.free(number) >= 0))
        if of.outside:
            found.append((f"no more slots of {of.said} than allowed", machine.granted[number] <= of.size))
    for line, nodes in machine._aside.items():
        key = machine.plan.keys[nodes[0]] if nodes else ""
        lacks, first = machine._lacks.get(line), machine._ready[line[0]]
        kinds = {machine.limits.kind_of.get(node) for node in first}
        found.append((f"`{key}` is not forgotten", not nodes or lacks is not None or line[1] in kinds))
    for line, lacked in machine._lacks.items():
        could = machine._may_have(lacked, line[0], machine._amount(line, lacked), machine._aside[line][0])
        waits_outside = lacked in machine.asking or not machine._may_ask(lacked)
        found += [
            (f"{line} lacks what it waits for", not could or machine.stopping),
            (f"{line} is asked for", waits_outside or machine.stopping),
        ]
    lacking = [sum(lacked == pool for lacked in machine._lacks.values()) for pool in range(len(taken))]
    found.append(("who lacks something is counted", lacking == machine._lacking))
    promised: dict[tuple[int, int], int] = {}
    for line, (pool, amount, _) in machine._promises.items():
        promised[pool, line[0]] = promised.get((pool, line[0]), 0) + amount
        kinds = {machine.limits.kind_of.get(node) for node in machine._ready[line[0]]}
        found.append(
            (f"{line} is brought back to take what is promised", line[1] in kinds or machine.stopping)
        )
    found.append(
        ("what is promised is counted", promised == {k: n for k, n in machine._promised.items() if n})
    )
    return found
