"""From a flow to a plan: names become numbers, edges become columns."""

from __future__ import annotations

import gc
from collections.abc import Collection, Sequence
from typing import Any

from flowkit.errors import DefinitionError
from flowkit.flow import demands, hooks
from flowkit.flow.control import CompareValue, Merge
from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.graph import numbered, order_of
from flowkit.flow.keeping import DEFAULT
from flowkit.flow.keys import keys_of
from flowkit.flow.parameter import Parameter
from flowkit.flow.resources import (
    ResourceCleanupTask,
    ResourceInitTask,
    ResourceSetupTask,
    ResourceTask,
)
from flowkit.flow.signature import RunSignature
from flowkit.flow.structure import Constant
from flowkit.flow.task import Task
from flowkit.plan.durations import Durations
from flowkit.plan.plan import (
    BESIDE_COROUTINES,
    CHILD,
    COROUTINES,
    ELEMENT,
    FLAT_ELEMENT,
    FLAT_WHOLE,
    GATED,
    GROUP,
    JUDGED,
    WHOLE,
    Argument,
    GateOf,
    GroupPlan,
    Needs,
    Placed,
    Plan,
)
from flowkit.plan.priority import ranks
from flowkit.plan.triggers import Trigger, all_successful, named


def compile_flow(
    flow: Flow,
    *,
    lane: str = "threads",
    only: Collection[Task] | None = None,
    given: Collection[Task] = (),
    durations: Durations | None = None,
) -> Plan:
    """Compile a flow.

    Args:
        lane: where tasks run that do not say it themselves.
        only: the tasks to run; with each, all that it waits for.
        given: tasks among those whose ends will be replayed: what they wait for need not be there.
        durations: what tasks took in earlier runs; default: depth decides what goes first.

    Raises:
        DefinitionError: a cycle, an unknown trigger, or `only` lacks what one of its tasks waits for.
    """
    # A plan has no cycles, and looking for some among its many tuples costs more than making them.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _Compiler(flow, lane, only, frozenset(given), durations).plan()
    finally:
        if collecting:
            gc.enable()


class _Compiler:
    """The work of `compile_flow`, a column at a time."""

    def __init__(
        self,
        flow: Flow,
        lane: str,
        only: Collection[Task] | None,
        given: frozenset[Task],
        durations: Durations | None,
    ) -> None:
        self.flow = flow
        self.given = given
        self.durations = durations
        tasks, needs = numbered(flow)
        order = order_of(flow, tasks, needs)
        if given:
            needs = [() if tasks[place] in given else some for place, some in enumerate(needs)]
        if only is not None:
            order = [place for place in order if tasks[place] in only]
            _check_closed(order, tasks, needs)
        keys = keys_of(flow)
        inputs = flow.wiring.inputs
        self.mapped = {tasks[place] for place in order if any(edge.mapped for edge in inputs[tasks[place]])}
        named = [keys[task] for task in tasks] if durations is not None else []
        ranked = ranks(order, needs, self._pair_places(tasks), named, durations)
        if any(tasks[place].demands is not demands.DEFAULT for place in order):
            ranked.sort(key=lambda place: -tasks[place].demands.priority)  # what is equal stays in its order
        self.tasks = [tasks[place] for place in ranked]
        self.ids = {task: node for node, task in enumerate(self.tasks)}
        size = len(ranked)
        self.result = Plan(
            name=flow.name,
            tasks=self.tasks,
            keys=[keys[task] for task in self.tasks],
            waits=[len(needs[place]) for place in ranked],
            successors=[()] * size,
            upstreams=[()] * size,
            flags=bytearray(size),
            lanes=(lane,),
            lane_of=b"",
            refs=[()] * size,
            slugs=flow.wiring.slugs,
            names=[None] * size,
            constants=[],
            references=(),
        )
        self.layouts: dict[tuple[int, tuple[str, ...]], tuple[str, ...] | None] = {}
        self.singles: dict[int, tuple[int, ...]] = {}
        self.expected: dict[int, list[Any]] = {}
        self.slots: dict[tuple[int, int], int] = {}
        self.lengths: set[int] = set()
        self.flats: set[int] = set()
        self.cached: set[int] = set()
        self.unkept: set[int] = set()
        self.durable: set[int] = set()
        self.resources: dict[int, ResourceTask] = {}
        self.handled: set[int] = set()

    def _pair_places(self, tasks: list[Task]) -> dict[int, list[int]]:
        """The mapped tasks that each mapped task follows child by child, by place."""
        if not self.mapped:
            return {}
        inputs = self.flow.wiring.inputs
        place = {task: number for number, task in enumerate(tasks)}
        return {
            place[task]: [
                place[edge.upstream]
                for edge in inputs[task]
                if edge.mapped and not edge.flattened and edge.upstream in self.mapped
            ]
            for task in self.mapped
        }

    def plan(self) -> Plan:
        plan = self.result
        followers: list[list[int] | None] = [None] * plan.size
        inputs, gates = self.flow.wiring.inputs, self.flow.wiring.gates
        ids = self.ids
        for node, task in enumerate(self.tasks):
            edges = inputs[task] if task not in self.given else ()
            ups = self._shared(tuple([ids[edge.upstream] for edge in edges]))
            if len(ups) > 1 and len(set(ups)) < len(ups):
                ups = tuple(dict.fromkeys(ups))
            plan.upstreams[node] = ups
            if task in self.mapped:
                self._group(node, edges)
            self._arguments(node, task, edges)
            waited = ups
            if task in gates and task not in self.given:
                waited = self._gates(node, task)
            pairs = plan.groups[node].pairs if task in self.mapped else ()
            for upstream in waited:
                if upstream not in pairs:
                    after = followers[upstream]
                    if after is None:
                        followers[upstream] = [node]
                    else:
                        after.append(node)
            self._policy(node, task)
        for node, after in enumerate(followers):
            plan.successors[node] = self._shared(tuple(after or ()))
            followers[node] = None  # the lists are let go one by one
        self._pairs()
        self._facts()
        self._lanes()
        plan.references = self._references()
        plan.secrets = frozenset([each.name for each in self.flow.parameters() if each.secret])
        plan.cached, plan.unkept = frozenset(self.cached), frozenset(self.unkept)
        again = (ResourceSetupTask, ResourceCleanupTask)
        plan.again = frozenset([node for node, task in self.resources.items() if isinstance(task, again)])
        plan.durable, plan.handled = frozenset(self.durable), frozenset(self.handled)
        if self.flow.state_handlers or self.flow.terminal_state_handler is not None:
            plan.followed = self.flow
        return plan

    def _shared(self, nodes: tuple[int, ...]) -> tuple[int, ...]:
        """One tuple in memory where many nodes lead to, or come from, the same single one."""
        return self.singles.setdefault(nodes[0], nodes) if len(nodes) == 1 else nodes

    # -- a node -------------------------------------------------------------------------------

    def _group(self, node: int, edges: Sequence[Edge]) -> None:
        """Sort the upstreams of a mapped node by how it is mapped over them."""
        kinds: dict[str, dict[int, None]] = {
            kind: {} for kind in ("lengths", "flats", "pairs", "flat_groups", "whole")
        }
        passed_whole = {self.ids[edge.upstream] for edge in edges if not edge.mapped}
        for edge in edges:
            source, is_group = self.ids[edge.upstream], edge.upstream in self.mapped
            if not edge.mapped:
                kind = "whole"
            elif edge.flattened:
                kind = "flat_groups" if is_group else "flats"
            else:
                kind = "pairs" if is_group else "lengths"
            kinds[kind][source] = None
            if kind == "lengths" or (kind == "pairs" and source in passed_whole):
                self.lengths.add(source)
            elif kind in ("flats", "flat_groups"):
                self.flats.add(source)
        for source in set(kinds["pairs"]) & (passed_whole | set(kinds["flat_groups"])):
            # It must have ended anyway; its children are then elements of the list of their values.
            del kinds["pairs"][source]
            kinds["lengths"][source] = None
            kinds["whole"][source] = None
        self.result.groups[node] = GroupPlan(**{kind: tuple(found) for kind, found in kinds.items()})
        known = self.durations.mapped.get(self.result.keys[node]) if self.durations is not None else None
        if known is not None and known.first:
            self.result.first[node] = known.first
        self.result.flags[node] |= GROUP

    def _gates(self, node: int, task: Task) -> tuple[int, ...]:
        """Add the gates of a node; returns all that it waits for."""
        plan = self.result
        found = []
        for gate in self.flow.wiring.gates[task]:
            condition = self.ids[gate.condition]
            if type(gate.condition) is CompareValue:
                # It has compared: it gives None, or was skipped.
                self.expected[condition] = [None]
                found.append(GateOf(condition, 0, gate.condition in self.mapped))
                continue
            mark = (condition, id(gate))
            slot = self.slots.get(mark)
            if slot is None:
                values = self.expected.setdefault(condition, [])
                slot = self.slots[mark] = len(values)
                values.append(gate.value)
            found.append(GateOf(condition, slot, gate.mapped))
        plan.gates[node] = tuple(found)
        plan.flags[node] |= GATED
        if any(gate.mapped for gate in found):
            self._pair_with_gates(node, found)
        return tuple(dict.fromkeys((*plan.upstreams[node], *(gate.condition for gate in found))))

    def _pair_with_gates(self, node: int, gates: list[GateOf]) -> None:
        """A mapped gate is followed child by child too, though it gives no argument."""
        if not self.result.flags[node] & GROUP:
            raise DefinitionError(
                f"the task `{self.tasks[node].name}` is not mapped, but its gate is",
                hints=("map the task, or take `mapped=True` from `switch` or `ifelse`",),
            )
        group = self.result.groups[node]
        ended = {*group.lengths, *group.whole, *group.flat_groups}
        conditions = dict.fromkeys(gate.condition for gate in gates if gate.mapped)
        group.gated = tuple([condition for condition in conditions if condition in ended])
        group.pairs = tuple(dict.fromkeys((*group.pairs, *(conditions.keys() - ended))))

    def _policy(self, node: int, task: Task) -> None:
        plan = self.result
        if task.trigger != "all_successful" and task.trigger is not all_successful:
            self._trigger(node, task)
        if task.timeout is not None:
            plan.timeouts[node] = task.timeout
        if task in self.given:
            return
        if type(task) is Constant and not plan.flags[node] & GATED:
            plan.known[node] = task.value
        elif isinstance(task, Parameter):
            plan.parameters[task.name] = node
        elif isinstance(task, Merge):
            plan.merges = plan.merges | {node}
        elif isinstance(task, ResourceTask):
            self.resources[node] = task
        if task.keeping is not DEFAULT:
            self._keeping(node, task)
        elif self.flow.result is not None and not task.is_carrier and not isinstance(task, Parameter):
            self._place(node, task)
        if task.hooks is not hooks.DEFAULT:
            if task.state_handlers:
                self.handled.add(node)
            if task.log_stdout:
                plan.logged.add(node)
            if task.task_run_name is not None:
                plan.run_names[node] = task.task_run_name
        if task.demands is not demands.DEFAULT:
            wanted = task.demands
            if wanted.limits or wanted.cpus is not None or wanted.memory is not None:
                plan.demanding.append(node)

    def _trigger(self, node: int, task: Task) -> None:
        """A trigger other than the default; arguments that are constants count as upstreams."""
        plan, wiring = self.result, self.flow.wiring
        constants = wiring.constants.get(task, {})
        trigger = named(task.trigger, task.name)
        if isinstance(trigger, Trigger):
            plan.triggers[node] = trigger
            if constants:
                plan.constant_inputs[node] = len(constants)
        else:
            plan.custom[node] = tuple((edge, self.ids[edge.upstream]) for edge in wiring.inputs[task])
            if constants:
                plan.custom_constants[node] = tuple(
                    (Edge(Constant(value), task, key), value) for key, value in constants.items()
                )
        plan.flags[node] |= JUDGED

    def _keeping(self, node: int, task: Task) -> None:
        """What is remembered of a task otherwise than of most."""
        if task.keeping.cache:
            self.cached.add(node)
        if not task.keeping.persist:
            self.unkept.add(node)
        if task.keeping.durability == "task":
            self.durable.add(node)
        self._place(node, task)

    def _place(self, node: int, task: Task) -> None:
        """Where the user says that a result is written: by the task, or the flow."""
        kept = task.keeping
        result = kept.result if kept.result is not None else self.flow.result
        writes = kept.checkpoint is not False and (result is not None or kept.target is not None)
        if writes or kept.target is not None:
            self.result.placed[node] = Placed(result, kept.target, writes)

    # -- arguments ----------------------------------------------------------------------------

    def _arguments(self, node: int, task: Task, edges: Sequence[Edge]) -> None:
        plan = self.result
        slots: dict[str, int] = {}
        special = False
        for edge in edges:
            if edge.key is not None:
                slots[edge.key] = self.ids[edge.upstream]
                special = special or edge.mapped or edge.flattened or edge.upstream in self.mapped
        if special:
            plan.arguments[node] = tuple(
                Argument(edge.key, self.ids[edge.upstream], self._mode(edge)) for edge in edges if edge.key
            )
            slots = {}
        constants = self.flow.wiring.constants.get(task)
        if constants:
            for key, value in constants.items():
                slots[key] = plan.size + len(plan.constants)
                plan.constants.append(value)
        if not slots:
            return
        refs = tuple(slots.values())
        if len(refs) == len(plan.upstreams[node]) and refs == plan.upstreams[node]:
            refs = plan.upstreams[node]  # one tuple in memory, not two equal ones
        plan.refs[node] = refs
        plan.names[node] = tuple(slots) if special else self._layout(node, task, slots)

    def _layout(self, node: int, task: Task, slots: dict[str, int]) -> tuple[str, ...] | None:
        """The names to call by, or None where the arguments, in this order, can go by position."""
        signature: RunSignature = task._signature
        given = tuple(slots)
        if given == signature.names[: len(given)]:
            return None
        ordered = tuple(name for name in signature.names if name in slots)
        if len(ordered) == len(given) and ordered == signature.names[: len(given)]:
            self.result.refs[node] = tuple(slots[name] for name in ordered)
            return None
        mark = (id(signature), given)
        return self.layouts.setdefault(mark, given)

    def _mode(self, edge: Edge) -> int:
        if edge.flattened:
            return FLAT_ELEMENT if edge.mapped else FLAT_WHOLE
        if not edge.mapped:
            return WHOLE
        return CHILD if edge.upstream in self.mapped else ELEMENT

    # -- the whole ----------------------------------------------------------------------------

    def _pairs(self) -> None:
        paired: dict[int, list[int]] = {}
        for node, group in self.result.groups.items():
            for source in group.pairs:
                paired.setdefault(source, []).append(node)
        self.result.paired = {source: tuple(nodes) for source, nodes in paired.items()}

    def _facts(self) -> None:
        for node in self.lengths | self.flats | set(self.expected):
            self.result.needs[node] = Needs(
                node in self.lengths, node in self.flats, tuple(self.expected.get(node, ()))
            )

    def _lanes(self) -> None:
        """An `async def` goes to the loop by itself; what is no coroutine and was asked there, beside it."""
        default = self.result.lanes[0]
        lanes = {default: 0}
        found = bytearray(self.result.size)
        asked_there = default == COROUTINES
        for node, task in enumerate(self.tasks):
            lane, is_async = task.demands.executor, task._signature.is_async
            if lane is not None or is_async or asked_there:
                lane = lane or (COROUTINES if is_async else default)
                if lane == COROUTINES and not is_async:
                    lane = BESIDE_COROUTINES
                found[node] = lanes.setdefault(lane, len(lanes))
        self.result.lanes = tuple(lanes)
        self.result.lane_of = bytes(found)

    def _references(self) -> tuple[int, ...]:
        chosen = [self.ids[task] for task in self.flow._references if task in self.ids]
        if chosen:
            return tuple(sorted(chosen))
        followed = set(self.result.paired)
        if self.resources:
            return self._references_beside_resources()
        return tuple(
            node for node, after in enumerate(self.result.successors) if not after and node not in followed
        )

    def _references_beside_resources(self) -> tuple[int, ...]:
        """As `Flow.reference_tasks` has it."""
        plan = self.result
        cleaning = {node for node, task in self.resources.items() if isinstance(task, ResourceCleanupTask)}
        apart = cleaning | {
            node for node, task in self.resources.items() if isinstance(task, ResourceInitTask)
        }
        return tuple(
            node
            for node, after in enumerate(plan.successors)
            if node not in apart and cleaning.issuperset(after + plan.paired.get(node, ()))
        )


def _check_closed(order: list[int], tasks: list[Task], needs: list[tuple[int, ...]]) -> None:
    chosen = set(order)
    for place in order:
        for upstream in needs[place]:
            if upstream not in chosen:
                name = tasks[place].name
                raise DefinitionError(
                    f"the task `{name}` needs the result of `{tasks[upstream].name}`, which is not selected",
                    hints=(f"select it with what it needs: `+{name}`",),
                )
