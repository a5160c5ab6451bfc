"""Runs whose rows are shown in one piece, so that what is shown does not depend on the machine's speed."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from flowkit.cli.console import Console
from flowkit.engine.capture import Line
from flowkit.engine.engine import Engine
from flowkit.engine.executors.inline import LocalExecutor
from flowkit.engine.observers import Observer
from flowkit.engine.outcome import Outcome
from flowkit.flow.flow import Flow
from flowkit.plan.compiler import compile_flow
from flowkit.plan.events import Row


class InOnePiece:
    """Gives an observer all that happened in one call, before the end."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def begin(self, engine: Engine) -> None:
        self._rows: list[Row] = []
        self._lines: list[Line] = []
        self._observer.begin(engine)

    def see(self, rows: Sequence[Row], lines: Sequence[Line]) -> None:
        self._rows += rows
        self._lines += lines

    def end(self, outcome: Outcome) -> None:
        self._observer.see(self._rows, self._lines)
        self._observer.end(outcome)


class Screen:
    """A console whose streams are kept; colours and so on by `environ`."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.console = Console(stdout=self.out, stderr=self.err, environ=environ or {})

    @property
    def shown(self) -> str:
        """What stderr got, with times that are always the same."""
        text = re.sub(r"\d\d:\d\d:\d\d", "09:12:01", self.err.getvalue())
        return re.sub(r"(\b\d+\.\ds|\b\d+ms|<1ms)(?=[\s,]|$)", "0.1s", text)


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def screen_in() -> Callable[[Mapping[str, str]], Screen]:
    return Screen


@pytest.fixture
def run() -> Callable[..., Outcome]:
    def run(flow: Flow, *observers: Observer, executor: Any = None, **options: Any) -> Outcome:
        executor = executor or LocalExecutor()
        whole = [InOnePiece(observer) for observer in observers]
        plan = compile_flow(flow, lane=executor.name)
        return Engine(plan, [executor], observers=whole, capture=True, **options).run()

    return run
