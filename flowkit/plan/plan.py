"""A plan: a flow in small integers, ready to be decided and carried out.

Nodes are numbered in the order of their priority, so that a heap of plain numbers is a ready queue.
Columns are lists and tuples; what few nodes have lies in dicts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from flowkit.plan.triggers import Trigger

if TYPE_CHECKING:
    from flowkit.flow.edge import Edge
    from flowkit.flow.flow import Flow
    from flowkit.flow.task import Task

# Flags of a node. Where one is set, the end of its last upstream leads to a decision, not to a start.
TROUBLE = 1  # an upstream did not simply succeed: found out during the run
JUDGED = 2  # a trigger other than the default
GATED = 4
GROUP = 8
SETTLED = 16  # its end was given, not found out
WAITED = 32  # an earlier session left it waiting for another attempt
AHEAD = 64  # somebody has it together with what it still waits for

# The lane of the tasks that are coroutines, and that of the others which were asked there: they would hold
# the loop.
COROUTINES = "coroutines"
BESIDE_COROUTINES = "coroutines-threads"


class GateOf(NamedTuple):
    """A node runs only where what `condition` found out about its value number `slot` is OPEN."""

    condition: int
    slot: int
    mapped: bool


class Needs(NamedTuple):
    """The facts about a node's result that others are decided by."""

    length: bool = False
    flat: bool = False
    expected: tuple[Any, ...] = ()


# How an argument is made from what its upstream gave.
WHOLE = 0  # the value; of a mapped task, the list of its children's
ELEMENT = 1  # element i of a value
CHILD = 2  # the value of child i
FLAT_WHOLE = 3  # the elements of the elements, as a list
FLAT_ELEMENT = 4  # element i of those


class Argument(NamedTuple):
    """An argument of a node whose making is not just looking a value up."""

    name: str
    source: int
    mode: int


@dataclass(slots=True)
class GroupPlan:
    """What a mapped node is mapped over.

    Attributes:
        lengths: plain nodes whose values are mapped over.
        flats: plain nodes whose flattened values are.
        pairs: mapped nodes that are followed child by child.
        flat_groups: mapped nodes whose children's values are flattened.
        whole: other upstreams, by their state; what is also mapped over counts as passed whole.
        gated: conditions of mapped gates whose end it waits for anyway.
    """

    lengths: tuple[int, ...] = ()
    flats: tuple[int, ...] = ()
    pairs: tuple[int, ...] = ()
    flat_groups: tuple[int, ...] = ()
    whole: tuple[int, ...] = ()
    gated: tuple[int, ...] = ()

    @property
    def sources(self) -> tuple[int, ...]:
        """All that it is mapped over."""
        return self.lengths + self.flats + self.pairs + self.flat_groups + self.gated


class Placed(NamedTuple):
    """Where a user says that the result of a task is written.

    Attributes:
        result: of `flowkit.results`; None: in the default place.
        target: the name there under which it is looked for before the task runs, or None.
        writes: whether it is written.
    """

    result: Any
    target: Any
    writes: bool


@dataclass(slots=True)
class Plan:
    """A compiled flow.

    Attributes:
        tasks, keys: by node; a key is what is stored and shown.
        waits: how many ends or expansions a node waits for.
        successors: the nodes that wait for the end of this one.
        upstreams: the nodes whose states a node's trigger sees, once each.
        paired: for a mapped node, those that wait for its expansion only.
        lanes, lane_of: names of the lanes, and the lane of each node.
        refs, names: the arguments of a node: slots of values, and their names; None: by position.
        constants: values of the slots after those of the nodes.
        arguments: for the nodes whose arguments are not plain look-ups.
        first: for a mapped node, the children that go before the others, where that is known.
        known: nodes whose values are known before the run: ungated constants.
        parameters: nodes of parameters, by name.
        secrets: names of the secret parameters of the flow, also of those that have no node here.
        merges: nodes that leave out the inputs that were skipped.
        cached: nodes whose results are looked for before they are made.
        unkept: nodes whose results are not to be kept.
        placed: where users say that results are written, and found.
        durable: nodes whose end is committed before anything follows from it.
        custom: nodes whose trigger is a function, with their edges and the nodes that those start at.
        custom_constants: for those, an edge for each argument that is a constant, with its value.
        constant_inputs: for nodes whose trigger counts, how many of their arguments are constants.
        again: nodes that run again in a resumed run, however they ended.
        handled: nodes whose task has state handlers.
        slugs: of the tasks in their flow: what Prefect classic called them by.
        logged: nodes whose task has its prints logged.
        run_names: what runs of a node are called, where its task says so: a template, or a function.
        demanding: nodes that name limits, or say how much of the machine they take.
        followed: the flow, where it has handlers.
        references: the nodes that decide the final state.
    """

    name: str
    tasks: list[Task]
    keys: list[str]
    waits: list[int]
    successors: list[tuple[int, ...]]
    upstreams: list[tuple[int, ...]]
    flags: bytearray
    lanes: tuple[str, ...]
    lane_of: bytes
    refs: list[tuple[int, ...]]
    names: list[tuple[str, ...] | None]
    constants: list[Any]
    references: tuple[int, ...]
    arguments: dict[int, tuple[Argument, ...]] = field(default_factory=dict)
    groups: dict[int, GroupPlan] = field(default_factory=dict)
    first: dict[int, tuple[int, ...]] = field(default_factory=dict)
    paired: dict[int, tuple[int, ...]] = field(default_factory=dict)
    gates: dict[int, tuple[GateOf, ...]] = field(default_factory=dict)
    needs: dict[int, Needs] = field(default_factory=dict)
    triggers: dict[int, Trigger] = field(default_factory=dict)
    custom: dict[int, tuple[tuple[Edge, int], ...]] = field(default_factory=dict)
    custom_constants: dict[int, tuple[tuple[Edge, Any], ...]] = field(default_factory=dict)
    constant_inputs: dict[int, int] = field(default_factory=dict)
    again: frozenset[int] = frozenset()
    timeouts: dict[int, float] = field(default_factory=dict)
    known: dict[int, Any] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    merges: frozenset[int] = frozenset()
    cached: frozenset[int] = frozenset()
    unkept: frozenset[int] = frozenset()
    placed: dict[int, Placed] = field(default_factory=dict)
    durable: frozenset[int] = frozenset()
    handled: frozenset[int] = frozenset()
    logged: set[int] = field(default_factory=set)
    slugs: Mapping[Task, str] = field(default_factory=dict)
    run_names: dict[int, str | Callable[..., str]] = field(default_factory=dict)
    demanding: list[int] = field(default_factory=list)
    followed: Flow | None = None

    @property
    def size(self) -> int:
        """The number of nodes."""
        return len(self.tasks)

    def key(self, node: int, index: int = -1) -> str:
        """`clean`, or `clean[3]` for a child; the flow's name for the run itself, see `RUN`."""
        if node < 0:
            return self.name
        return self.keys[node] if index < 0 else f"{self.keys[node]}[{index}]"

    def hidden(self, node: int) -> bool:
        """Whether a node only carries values about: constants, collections, items, parameters."""
        from flowkit.flow.parameter import Parameter

        task = self.tasks[node]
        return task.is_carrier or isinstance(task, Parameter)
