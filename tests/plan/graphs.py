"""Graphs of tasks that each take a time, made by hypothesis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from flowkit import Flow, task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.durations import Durations
from flowkit.plan.plan import Plan
from flowkit.plan.simulation import Script


@task
def step(number: Any = None) -> Any:
    return number


@dataclass
class Graph:
    """Tasks that wait for earlier ones, and how long each takes."""

    before: list[list[int]]
    seconds: list[float]

    @property
    def known(self) -> Durations:
        """What is known of its tasks."""
        return Durations({f"step {number}": seconds for number, seconds in enumerate(self.seconds)}, {})

    def plan(self) -> Plan:
        with Flow("graph") as flow:
            made: list[Any] = []
            for number, before in enumerate(self.before):
                made.append(step(task_args={"name": f"step {number}"}))
                for place in before:
                    made[number].set_upstream(made[place])
        return compile_flow(flow, durations=self.known)

    def script(self, plan: Plan, hand_over: float = 0.0) -> Script:
        return Script(
            seconds=[self.seconds[int(key.removeprefix("step "))] for key in plan.keys], hand_over=hand_over
        )

    @property
    def longest(self) -> float:
        """The critical path, found without any schedule."""
        ends: list[float] = []
        for before, seconds in zip(self.before, self.seconds, strict=True):
            ends.append(max((ends[place] for place in before), default=0.0) + seconds)
        return max(ends)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    size = draw(st.integers(1, 14))
    before = [
        draw(st.lists(st.integers(0, place - 1), max_size=3, unique=True)) if place else []
        for place in range(size)
    ]
    return Graph(before, [draw(st.integers(1, 20)) / 4 for _ in range(size)])
