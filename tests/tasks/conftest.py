"""What holds for the tests of ready-made tasks: each behaviour is that of a whole flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowkit import Flow
from flowkit.executors import LocalExecutor, ThreadExecutor
from flowkit.plan.state import State

Ended = Callable[..., State]


@pytest.fixture(params=[LocalExecutor(), ThreadExecutor(2)], ids=["inline", "threads"])
def ended(request: pytest.FixtureRequest) -> Ended:
    """`ended(task, **arguments)` gives the state of a task in a flow that runs it alone, on each lane."""

    def run(task: Any, /, **arguments: Any) -> State:
        with Flow("alone") as flow:
            made = task(**arguments)
        return flow.run(executor=request.param, history=False).result[made]

    return run
