"""What earlier runs tell about how long the tasks of a flow take, where its order depends on that."""

from __future__ import annotations

from flowkit.engine.executors.base import Executor
from flowkit.flow.flow import Flow
from flowkit.plan.durations import Durations
from flowkit.runs.memory import Memory
from flowkit.store.durations import known_durations


def durations_of(memory: Memory | None, flow: Flow, executor: Executor) -> Durations | None:
    """What is known; None where nothing is, or only one task runs at a time: its order decides nothing then,
    and stays what it is in every run."""
    if memory is None:
        return None
    tasks = flow.wiring.inputs
    if executor.workers == 1 and all(task.lane is None for task in tasks):
        return None
    return known_durations(memory.connection, flow.name, len(tasks))
