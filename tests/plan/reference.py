"""The rules of docs/semantics.md, read aloud: how each task of a scenario ends.

A scenario is plain data: nodes, each after those that it depends on. `evaluate` walks once over
them and decides each from the endings before it. There is no scheduling, no clock, no machine, and
nothing is imported from flowkit: this is what the real machine is held against.

Where that page is silent, it reads: the condition of a mapped gate is mapped over one by one, in
rules 2 to 5 of a mapped task too, without being an upstream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

BAD = frozenset({"Failed", "TimedOut", "TriggerFailed", "Cancelled"})


@dataclass(frozen=True)
class Attempt:
    """What one attempt does.

    Attributes:
        kind: "value", "fail", "timeout", a raised "skip" or "retry", or "refuse": a trigger that is a
            function returned false.
    """

    kind: str
    value: Any = None


@dataclass(frozen=True)
class Trigger:
    """A trigger by name, or "function"; the bounds are those of `some_successful` and `some_failed`."""

    name: str = "all_successful"
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Edge:
    """A dependency on the node at position `upstream`; `data` ones carry its result."""

    upstream: int
    data: bool = True
    mapped: bool = False
    flattened: bool = False


@dataclass(frozen=True)
class Gate:
    """The node runs only where the node at position `condition` gave `value`."""

    condition: int
    value: Any
    mapped: bool = False


@dataclass(frozen=True)
class Node:
    """A task.

    Attributes:
        behaviour: a row a child, and in it an entry an attempt; both repeat their last.
        lane: where it runs, which decides nothing.
    """

    name: str
    behaviour: tuple[tuple[Attempt, ...], ...] = ((Attempt("value"),),)
    edges: tuple[Edge, ...] = ()
    gates: tuple[Gate, ...] = ()
    trigger: Trigger = Trigger()
    skip_on_upstream_skip: bool = True
    max_retries: int = 0
    lane: int = 0

    @property
    def is_mapped(self) -> bool:
        return any(edge.mapped for edge in self.edges)

    @property
    def mapped_over(self) -> tuple[Edge, ...]:
        """The mapped edges; a mapped gate too goes child by child, though its condition is no upstream."""
        gates = (Edge(gate.condition, False, mapped=True) for gate in self.gates if gate.mapped)
        return (*(edge for edge in self.edges if edge.mapped), *gates)

    def attempt(self, child: int | None, number: int) -> Attempt:
        """What attempt `number` (1, 2, …) of a child does; a plain task is its only child."""
        row = self.behaviour[min(child or 0, len(self.behaviour) - 1)]
        return row[min(number, len(row)) - 1]


Scenario = Sequence[Node]


@dataclass(frozen=True)
class Ending:
    """How a node ended; `children` is None unless it expanded, `attempts` is 0 unless it ran."""

    state: str
    attempts: int = 0
    value: Any = None
    children: tuple[Ending, ...] | None = None

    @property
    def states(self) -> tuple[str, ...]:
        """What comes after sees the children, where there was an expansion."""
        return (self.state,) if self.children is None else tuple(child.state for child in self.children)


def evaluate(scenario: Scenario) -> list[Ending]:
    """How each node ends, in the order of the scenario."""
    before: list[Ending] = []
    for node in scenario:
        before.append(_mapped_task(node, scenario, before) if node.is_mapped else _plain_task(node, before))
    return before


def run_state(scenario: Scenario, endings: Sequence[Ending], references: Iterable[int] = ()) -> str:
    """How the run ends: the reference nodes decide, by default those that nothing comes after."""
    followed = {edge.upstream for node in scenario for edge in node.edges}
    followed |= {gate.condition for node in scenario for gate in node.gates}
    deciding = list(references) or [number for number in range(len(scenario)) if number not in followed]
    is_bad = any(state in BAD for number in deciding for state in endings[number].states)
    return "Failed" if is_bad else "Success"


# -- a plain task -----------------------------------------------------------------------------


def _plain_task(node: Node, before: Sequence[Ending]) -> Ending:
    gates = [(before[gate.condition], gate.value) for gate in node.gates]
    upstreams = dict.fromkeys(edge.upstream for edge in node.edges)
    seen = [state for upstream in upstreams for state in before[upstream].states]
    return _by_the_rules(node, None, gates, seen)


def _by_the_rules(
    node: Node, child: int | None, gates: Sequence[tuple[Ending, Any]], seen: Sequence[str]
) -> Ending:
    """Rules 1 to 4 of a plain task: the first that fits wins."""
    state = _by_gates(gates) or _by_skips(node, seen) or _by_trigger(node.trigger, seen)
    return Ending(state) if state else _by_running(node, child)


def _by_gates(gates: Sequence[tuple[Ending, Any]]) -> str | None:
    answers = [_answer(condition, value) for condition, value in gates]
    if "shut" in answers:
        return "Skipped"
    if "broken" in answers:
        return "TriggerFailed"
    return "Skipped" if "skipped" in answers else None


def _answer(condition: Ending, value: Any) -> str:
    if condition.state == "Skipped":
        return "skipped"
    if condition.state in BAD:
        return "broken"
    try:
        return "open" if condition.value == value else "shut"
    except Exception:
        return "broken"


def _by_skips(node: Node, seen: Sequence[str]) -> str | None:
    skips = node.skip_on_upstream_skip and "Skipped" in seen and not any(state in BAD for state in seen)
    return "Skipped" if skips else None


def _by_trigger(trigger: Trigger, seen: Sequence[str]) -> str | None:
    n, b, s = len(seen), sum(state in BAD for state in seen), seen.count("Skipped")
    if trigger.name == "not_all_skipped" and s == n:
        return "Skipped"
    return None if RUNS[trigger.name](trigger, n, b) else "TriggerFailed"


def _within(trigger: Trigger, count: int, n: int) -> bool:
    """Bounds are inclusive; one below 1 is a share of `n`, one that is missing does not bind."""
    low, high = trigger.at_least, trigger.at_most
    low = 0 if low is None else low * n if low < 1 else low
    high = n if high is None else high * n if high < 1 else high
    return low <= count <= high


RUNS: dict[str, Callable[[Trigger, int, int], bool]] = {
    "all_successful": lambda trigger, n, b: b == 0,
    "all_failed": lambda trigger, n, b: b == n,
    "any_successful": lambda trigger, n, b: n == 0 or b < n,
    "any_failed": lambda trigger, n, b: n == 0 or b > 0,
    "all_finished": lambda trigger, n, b: True,
    "always_run": lambda trigger, n, b: True,
    "some_successful": lambda trigger, n, b: n == 0 or _within(trigger, n - b, n),
    "some_failed": lambda trigger, n, b: n == 0 or _within(trigger, b, n),
    "not_all_skipped": lambda trigger, n, b: b == 0,
    "function": lambda trigger, n, b: True,  # its answer is part of the behaviour: "refuse"
}


def _by_running(node: Node, child: int | None) -> Ending:
    number = 0
    while True:
        number += 1
        attempt = node.attempt(child, number)
        if attempt.kind == "value":
            return Ending("Success", number, attempt.value)
        if attempt.kind == "skip":
            return Ending("Skipped", number)
        if attempt.kind == "refuse":
            return Ending("TriggerFailed", number)
        if attempt.kind == "retry":
            continue
        if number > node.max_retries:
            return Ending("TimedOut" if attempt.kind == "timeout" else "Failed", number)


# -- a mapped task ----------------------------------------------------------------------------


def _mapped_task(node: Node, scenario: Scenario, before: Sequence[Ending]) -> Ending:
    state = (
        _by_gates([(before[gate.condition], gate.value) for gate in node.gates if not gate.mapped])
        or _by_what_cannot_be_mapped(before[edge.upstream] for edge in node.mapped_over)
        or _by_skips(node, _seen_as_a_whole(node, scenario, before))
    )
    if state:
        return Ending(state)
    if not all(_is_mappable(before[edge.upstream]) for edge in node.mapped_over):
        return Ending("Failed")
    width = min(len(_elements(edge, before[edge.upstream])) for edge in node.mapped_over)
    children = tuple(_child(node, number, before) for number in range(width))
    return Ending("Mapped", value=[child.value for child in children], children=children)


def _by_what_cannot_be_mapped(upstreams: Iterable[Ending]) -> str | None:
    return "Failed" if any(up.children is None and up.state in BAD for up in upstreams) else None


def _is_one_by_one(edge: Edge, scenario: Scenario) -> bool:
    return edge.mapped and not edge.flattened and scenario[edge.upstream].is_mapped


def _seen_as_a_whole(node: Node, scenario: Scenario, before: Sequence[Ending]) -> list[str]:
    """The states that may skip the whole task, rule 3; what expanded one by one is each child's affair."""
    seen: list[str] = []
    for edge in node.edges:
        if not edge.mapped:
            seen += before[edge.upstream].states
    for edge in node.mapped_over:
        upstream = before[edge.upstream]
        if upstream.children is None or not _is_one_by_one(edge, scenario):
            seen.append(upstream.state)
    return seen


def _is_mappable(upstream: Ending) -> bool:
    return upstream.children is not None or (upstream.state != "Skipped" and _has_elements(upstream.value))


def _has_elements(value: Any) -> bool:
    return isinstance(value, list)


def _elements(edge: Edge, upstream: Ending) -> list[Ending]:
    """What an edge is mapped over: for each element the ending that it counts as."""
    if upstream.children is None:
        items = [(upstream, item) for item in upstream.value]
        # A value is taken apart as a whole, or not at all.
        flattened = edge.flattened and all(_has_elements(item) for item in upstream.value)
    else:
        items = [(child, child.value) for child in upstream.children]
        flattened = edge.flattened
    if not flattened:
        return [ending for ending, _ in items]
    return [ending for ending, item in items for _ in range(len(item) if _has_elements(item) else 1)]


def _child(node: Node, number: int, before: Sequence[Ending]) -> Ending:
    conditions = [(before[gate.condition].children, gate.value) for gate in node.gates if gate.mapped]
    gates = [(children[number], value) for children, value in conditions if children is not None]
    seen: list[str] = []
    for upstream in dict.fromkeys(edge.upstream for edge in node.edges):
        seen += _states_for_child(node, number, upstream, before)
    return _by_the_rules(node, number, gates, seen)


def _states_for_child(node: Node, number: int, upstream: int, before: Sequence[Ending]) -> tuple[str, ...]:
    """One state for what it is mapped over, one by one before flattened, else all that there are."""
    edges = [edge for edge in node.edges if edge.upstream == upstream and edge.mapped]
    if not edges:
        return before[upstream].states
    edge = min(edges, key=lambda edge: edge.flattened)
    return (_elements(edge, before[upstream])[number].state,)
