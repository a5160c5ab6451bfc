"""Runs flows on each lane, for the tests that say what comes out of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowkit.engine.engine import Engine
from flowkit.engine.executors.inline import LocalExecutor
from flowkit.engine.executors.threads import ThreadExecutor
from flowkit.flow.flow import Flow
from flowkit.plan.compiler import compile_flow
from flowkit.plan.state import State
from flowkit.runs.start import executors_for

Run = Callable[..., State]


def _runner(executor: LocalExecutor | ThreadExecutor) -> Run:
    def run(flow: Flow, /, **parameters: Any) -> State:
        plan = compile_flow(flow, lane=executor.name)
        return Engine(plan, executors_for(plan, executor), parameters=parameters).run().state

    return run


@pytest.fixture(scope="session", params=[LocalExecutor(), ThreadExecutor(4)], ids=["inline", "threads"])
def run(request: pytest.FixtureRequest) -> Run:
    """`run(flow, **parameters)` gives the final state; every test that takes it is made for each lane."""
    return _runner(request.param)


@pytest.fixture(scope="session")
def run_inline() -> Run:
    """The same in this thread alone, for properties that do not depend on the lane."""
    return _runner(LocalExecutor())


@pytest.fixture(scope="session")
def run_threads() -> Run:
    """The same on threads alone, for what only happens where tasks overlap."""
    return _runner(ThreadExecutor(4))
