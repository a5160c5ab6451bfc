"""Which machine a plan needs: others than those of plans with limits do not even import what limits are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowkit.plan.machine import Machine
from flowkit.plan.plan import Plan

if TYPE_CHECKING:
    from flowkit.plan.limits import Limits


def machine_of(plan: Plan, limits: Limits | None, **options: Any) -> Machine:
    """The machine of a plan, which shares what there is a limit of."""
    if limits is None:
        return Machine(plan, **options)
    from flowkit.plan.limited import LimitedMachine

    return LimitedMachine(plan, limits, **options)
