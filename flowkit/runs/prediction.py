"""What a run of a flow would take with so many workers: from the history, the settings, the machine.

The plan is that of the next run: made with what is known of earlier runs, under the limits of the settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowkit.engine.executors import CoroutineExecutor
from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.plan.compiler import compile_flow
from flowkit.plan.durations import Recording
from flowkit.plan.facts import known_rows
from flowkit.plan.plan import BESIDE_COROUTINES, COROUTINES, Plan
from flowkit.plan.prediction import Prediction, predicted
from flowkit.plan.script import Basis, basis_of
from flowkit.plan.verdicts import GATE_SHUT
from flowkit.runs.limiting import limits_for
from flowkit.runs.memory import Memory
from flowkit.store.durations import known_durations
from flowkit.store.recorded import recorded


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """A prediction, and what it rests on.

    Attributes:
        recording: what the runs tell.
        basis: what of it the prediction took.
    """

    plan: Plan
    prediction: Prediction
    recording: Recording
    basis: Basis


def outlook(
    memory: Memory | None, flow: Flow, lane: str, numbers: Sequence[int], given: Mapping[str, Any]
) -> Outlook:
    """Predict the next run of a flow.

    Args:
        memory: None: nothing is remembered.
        lane: where tasks run that name none themselves.
        numbers: of workers, in rising order.
        given: the parameters whose values are to be other than in the runs.

    Raises:
        UsageError: of no task it is known how long it takes.
    """
    recording = None
    if memory is not None:
        durations = known_durations(memory.connection, flow.name, len(flow.tasks))
        plan = compile_flow(flow, lane=lane, durations=durations)
        recording = recorded(memory.connection, flow.name, plan.keys, GATE_SHUT)
    if memory is None or recording is None:
        raise UsageError(
            f"how long the tasks of `{flow.name}` take is not known: no run of it here has finished a task",
            hints=(f"run it once (`flowkit run {flow.name}`), then it is",),
        )
    known = [row for row, _ in known_rows(plan, given)]
    basis = basis_of(plan, recording, known)
    declared = memory.settings.limits
    prediction = predicted(
        plan,
        basis.script,
        numbers,
        lambda number: workers_of(plan, number),
        limits_for(plan, declared) if declared or plan.demanding else None,
        recording.around,
    )
    return Outlook(plan=plan, prediction=prediction, recording=recording, basis=basis)


def workers_of(plan: Plan, number: int) -> list[int]:
    """The workers of each lane of a plan, as `executors_for` has them, without asking a cluster."""
    coroutines = CoroutineExecutor(number if plan.lanes[0] == COROUTINES else None)
    fixed = {
        "inline": 1,
        COROUTINES: coroutines.workers,
        BESIDE_COROUTINES: coroutines.beside.workers,
    }
    return [fixed.get(lane, number) for lane in plan.lanes]
