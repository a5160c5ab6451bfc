"""The plugin for pytest: a fixture that runs flows, and reports that show why one failed.

It is loaded at each start of pytest where flowkit is installed, so it imports flowkit only when the fixture
is used.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow
    from flowkit.plan.state import State
    from flowkit.testing import FakeClock

_RUNS = pytest.StashKey[list["FlowRun"]]()


class FlowRun:
    """The fixture `flow_run`: runs flows as `flowkit.testing.run` does, which has the options.

    Attributes:
        states: of the runs of this test, in order.
    """

    def __init__(self, root: Path, store: Path) -> None:
        self._root = root
        self._store = store
        self._clock: FakeClock | None = None
        self.states: list[State] = []

    @property
    def clock(self) -> FakeClock:
        """The time of the runs of this test."""
        from flowkit.testing import FakeClock

        if self._clock is None:
            self._clock = FakeClock()
        return self._clock

    def load(self, ref: str) -> Flow:
        """The flow that is meant, by `flows/etl.py:etl` from pytest's root folder, or by its name."""
        from flowkit.testing import load

        return load(ref, self._root)

    def __call__(
        self,
        flow: Flow | str,
        parameters: dict[str, Any] | None = None,
        *,
        history: bool = False,
        **options: Any,
    ) -> State:
        """Run a flow; see `flowkit.testing.run`.

        Args:
            flow: a `Flow`, or as `load` takes it.
            history: keep what the run gives in a `.flowkit` of this test, so that other runs find it.
            **options: values of parameters, and the options of `flowkit.testing.run`.

        Raises:
            FlowkitError: the flow cannot be run at all.
        """
        __tracebackhide__ = True
        from flowkit import testing
        from flowkit.errors import FlowkitError

        if not options.get("real_time"):
            options.setdefault("clock", self.clock)
        if history:
            options.setdefault("store", self._store)
        try:
            found = self.load(flow) if isinstance(flow, str) else flow
            state = testing.run(found, parameters, **options)
        except FlowkitError as error:
            raise error.with_traceback(None) from None  # it says what is wrong; our frames do not
        self.states.append(state)
        return state


@pytest.fixture
def flow_run(request: pytest.FixtureRequest, tmp_path: Path) -> FlowRun:
    """Runs flows in memory, without waiting: `state = flow_run("flows/etl.py:etl", day="mon")`."""
    made = FlowRun(request.config.rootpath, tmp_path)
    request.node.stash.setdefault(_RUNS, []).append(made)
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Below a test that failed: what failed in the flows that it ran."""
    report = yield
    if report.when == "call" and report.failed:
        told = str(call.excinfo.value) if call.excinfo else ""
        for state in [state for made in item.stash.get(_RUNS, []) for state in made.states]:
            if state.is_failed():
                _add(report, state, told)
    return report


def _add(report: pytest.TestReport, state: State, told: str) -> None:
    """Tell of a run that failed, unless an assertion of `flowkit.testing` has."""
    from flowkit.testing import failures

    said = failures(state)
    if said not in told:
        report.sections.append((f"a flow run failed: {state.message}", said))
