"""What earlier runs tell about how long the tasks of a flow take."""

from __future__ import annotations

from flowkit.engine.executors.base import Executor
from flowkit.flow.flow import Flow
from flowkit.plan.durations import Durations
from flowkit.runs.memory import Memory
from flowkit.store.durations import known_durations


def known_of(memory: Memory | None, flow: Flow) -> Durations | None:
    """What is known; None where nothing is."""
    return None if memory is None else known_durations(memory.connection, flow.name, len(flow.wiring.inputs))


def deciding(durations: Durations | None, flow: Flow, executor: Executor) -> Durations | None:
    """Those that decide the order of tasks; None where only one task runs at a time: its order decides
    nothing then, and stays what it is in every run."""
    is_one_by_one = executor.workers == 1 and all(task.lane is None for task in flow.wiring.inputs)
    return None if is_one_by_one else durations


def durations_of(memory: Memory | None, flow: Flow, executor: Executor) -> Durations | None:
    """What is known, where the order of tasks depends on that."""
    return deciding(known_of(memory, flow), flow, executor)
