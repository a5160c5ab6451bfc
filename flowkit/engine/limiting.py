"""The parts of an engine that only a run with limits has: others do not even import them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowkit.engine.engine import Engine
    from flowkit.engine.slots import Slots
    from flowkit.plan.limits import Limits


def slots_of(engine: Engine, folder: Path) -> Slots:
    """The slots of the machine that an engine takes."""
    from flowkit.engine.slots import Slots
    from flowkit.plan.limited import LimitedMachine

    assert isinstance(engine.machine, LimitedMachine)
    return Slots(engine, engine.machine, folder)


def waits(engine: Engine) -> list[tuple[int, str]]:
    """The tasks that are ready and wait for what there is a limit of, with what for, in words."""
    delayed = getattr(engine.machine, "delayed", None)
    if delayed is None:
        return []
    limits: Limits = engine.machine.limits  # type: ignore[attr-defined]
    slots = engine.slots
    return [
        (node, slots.waiting_for(pool) if slots is not None else f"waiting for {limits.pools[pool].said}")
        for node, pool in delayed()
    ]
