"""Scenarios: flows as plain data, drawn by hypothesis, and built as real flows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from reference import Attempt, Edge, Gate, Node, Scenario, Trigger

from flowkit.flow.edge import Gate as FlowGate
from flowkit.flow.flow import Flow
from flowkit.flow.task import Task
from flowkit.plan import triggers

FAIL, TIMEOUT, SKIP, RETRY = Attempt("fail"), Attempt("timeout"), Attempt("skip"), Attempt("retry")
REFUSE = Attempt("refuse")
LANES = ("threads", "inline")


class Incomparable:
    """A value that no gate can look at."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise TypeError("not to be compared")

    def __repr__(self) -> str:
        return "Incomparable()"


_SCALARS = [0, 1, 2, None, {"a": 1}, Incomparable()]
_LISTS = [[1, 0], [0], [0, 1, 2], [], [[1], [0, 2]], [[], [1, 2], 0], [[0, 1], None]]
_GIVEN = [Attempt("value", value) for value in [*_LISTS, *_SCALARS, *_LISTS]]
_ATTEMPTS = st.sampled_from(_GIVEN * 2 + [FAIL] * 6 + [SKIP] * 9 + [TIMEOUT, RETRY] * 2)
_SOURCES = st.sampled_from([((Attempt("value", value),),) for value in _LISTS])
_ROWS = st.lists(_ATTEMPTS, min_size=1, max_size=2).map(tuple)
_ONE_ROW, _MORE_ROWS = st.tuples(_ROWS), st.lists(_ROWS, min_size=2, max_size=3).map(tuple)
_EXPECTED = st.sampled_from([[1, 0], 0, [0], 1])
_BOUNDS = st.sampled_from([None, 0, 0.25, 0.5, 1, 2])
_COUNTED = {"some_successful": triggers.some_successful, "some_failed": triggers.some_failed}
_NAMED = (
    "always_run",
    "any_successful",
    "all_failed",
    "any_failed",
    "all_finished",
    "not_all_skipped",
)
_TRIGGERS = st.one_of(
    st.just(Trigger()),
    st.sampled_from(_NAMED).map(Trigger),
    st.just(Trigger()),
    st.builds(Trigger, st.sampled_from(list(_COUNTED)), _BOUNDS, _BOUNDS),
    st.just(Trigger("function")),
)
# (mapped, flattened): of a plain task, and of one that is probably mapped.
_SHAPES = (
    st.sampled_from([(False, False), (False, False), (False, True)]),
    st.sampled_from([(True, False), (True, True), (False, False), (True, False)]),
)


@st.composite
def scenarios(draw: st.DrawFn, max_size: int = 11) -> list[Node]:
    """A few nodes with all that the rules speak of, after one that gives something to map over."""
    nodes = [Node("t0", draw(_SOURCES))]
    for number in range(1, 1 + draw(st.integers(0, max_size))):
        edges = tuple(_edges(draw, number))
        is_mapped = any(edge.mapped for edge in edges)
        trigger = draw(_TRIGGERS)
        nodes.append(
            Node(
                name=f"t{number}",
                behaviour=_possible(draw(_MORE_ROWS if is_mapped else _ONE_ROW), trigger),
                edges=edges,
                gates=tuple(_gates(draw, nodes, is_mapped)),
                trigger=trigger,
                skip_on_upstream_skip=draw(st.integers(0, 2)) < 2,
                max_retries=draw(st.integers(0, 2)),
                lane=draw(st.integers(0, 1)),
            )
        )
    return nodes


def _possible(
    behaviour: tuple[tuple[Attempt, ...], ...], trigger: Trigger
) -> tuple[tuple[Attempt, ...], ...]:
    """Only a function refuses; and what a row repeats at its end is not to ask for another attempt."""
    other = REFUSE if trigger.name == "function" else FAIL
    return tuple((*row[:-1], other if row[-1].kind == "retry" else row[-1]) for row in behaviour)


def _edges(draw: st.DrawFn, number: int) -> list[Edge]:
    upstreams = {draw(st.integers(0, number - 1)): None for _ in range(draw(st.integers(0, 4)))}
    shapes = _SHAPES[min(draw(st.integers(0, 2)), 1)]
    edges = [Edge(upstream, draw(st.booleans()), *draw(shapes)) for upstream in upstreams]
    return edges + edges[:1] * draw(st.integers(0, 1))


def _gates(draw: st.DrawFn, nodes: Sequence[Node], is_mapped: bool) -> list[Gate]:
    """Gates for a fifth of the nodes; a mapped one looks at the children of a mapped task."""
    if draw(st.integers(0, 4)) < 4:
        return []
    conditions = draw(st.lists(st.integers(0, len(nodes) - 1), min_size=1, max_size=2))
    return [
        Gate(condition, draw(_EXPECTED), nodes[condition].is_mapped)
        for condition in conditions
        if nodes[condition].is_mapped <= is_mapped
    ]


# -- as real flows ----------------------------------------------------------------------------


class Scripted(Task):
    """A task whose work is told by the scenario; it is never called here, only planned."""

    def run(self, **inputs: Any) -> Any:
        raise AssertionError("the machine calls nothing")


def build(scenario: Scenario) -> Flow:
    """The flow of a scenario; the name of a task is that of its node."""
    flow = Flow("scenario")
    tasks = [_task(node) for node in scenario]
    for task, node in zip(tasks, scenario, strict=True):
        flow.add_task(task)
        for number, edge in enumerate(node.edges):
            key = f"input_{number}" if edge.data else None
            flow.add_edge(tasks[edge.upstream], task, key, edge.mapped, edge.flattened)
        gates = [FlowGate(tasks[gate.condition], gate.value, gate.mapped) for gate in node.gates]
        if gates:
            flow.add_gates(task, gates)
    return flow


def _task(node: Node) -> Scripted:
    times_out = any(attempt.kind == "timeout" for row in node.behaviour for attempt in row)
    return Scripted(
        node.name,
        slug=node.name,
        trigger=_trigger(node.trigger),
        skip_on_upstream_skip=node.skip_on_upstream_skip,
        max_retries=node.max_retries,
        retry_delay=delay_of(node) if node.max_retries else None,
        timeout=timeout_of(node) if times_out else None,
        executor=LANES[node.lane],
    )


def delay_of(node: Node) -> float:
    """Seconds before another attempt: some at once, some later than others time out."""
    return 3.0 * len(node.edges)


def timeout_of(node: Node) -> float:
    """Seconds for one attempt, not the same for all."""
    return 5.0 + len(node.behaviour)


def _trigger(trigger: Trigger) -> str | Callable[..., bool]:
    if trigger.name in _COUNTED:
        return _COUNTED[trigger.name](trigger.at_least, trigger.at_most)
    return _never_asked if trigger.name == "function" else trigger.name


def _never_asked(states: object) -> bool:
    raise AssertionError("the machine calls nothing")
