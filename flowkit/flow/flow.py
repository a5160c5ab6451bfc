"""A flow: tasks, the edges between them, and what decides whether a run of it succeeded.

The vocabulary is that of Prefect classic, group 3. `flow/` knows no engine: `Flow.run`,
`Flow.register` and `Flow.visualize` are bound in `flowkit/__init__.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import ambient, operators  # noqa: F401 - made inside a block, operators would get its tags
from flowkit.flow.ambient import Ambient
from flowkit.flow.edge import Edge, Gate, check_key, edge_of
from flowkit.flow.editing import check_unassigned, replace, update
from flowkit.flow.grouped import Logger
from flowkit.flow.hooks import Handler, handlers_of
from flowkit.flow.mapping import EdgeAnnotation, refuse_dict, unwrap
from flowkit.flow.names import check_name
from flowkit.flow.parameter import Parameter
from flowkit.flow.queries import Queries
from flowkit.flow.structure import Constant, as_task, containers_with_tasks
from flowkit.flow.task import Task
from flowkit.flow.unused import warn_of_unused
from flowkit.flow.wiring import Wiring

if TYPE_CHECKING:
    from pathlib import Path

    from flowkit.plan.state import State


class Flow(Queries):
    """A graph of tasks.

    Args:
        name: what `flowkit run` calls it.
        schedule: when it is due; kept for the registry.
        executor: the lane of its tasks, an executor or its name; default: that of the run.
        run_config, storage, environment: accepted and kept for scripts written for Prefect classic, where
            they say what its server does with the flow.
        tasks, edges: what to add at once.
        reference_tasks: those that decide the final state; default: the terminal ones.
        state_handlers: each is given the flow, the old and the new state at every change, and may return
            another state.
        on_failure: called with the flow and its state where it fails.
        validate: whether to refuse cycles at once, not only before a run.
        result: where results of its tasks are written that name no place of their own.
        terminal_state_handler: given the flow, its final state and those of the reference tasks; may return
            another final state.
        description: a line for lists and help; default: none.
        tags: for lists.

    Raises:
        DefinitionError: a name that cannot be.
    """

    # Bound in flowkit/__init__.py.
    run: Callable[..., State]
    arun: Callable[..., Any]
    register: Callable[..., str]
    visualize: Callable[..., Any]
    save: Callable[..., str]
    load: Callable[..., Flow]
    diagnostics: Callable[..., str]
    run_agent: Callable[..., None]

    build_parameters: tuple[str, ...] = ()
    logger = Logger()

    def __init__(
        self,
        name: str,
        schedule: Any = None,
        executor: Any = None,
        run_config: Any = None,
        storage: Any = None,
        tasks: Iterable[Task] | None = None,
        edges: Iterable[Edge] | None = None,
        reference_tasks: Iterable[Task] | None = None,
        state_handlers: Iterable[Handler] | None = None,
        on_failure: Callable[[Flow, Any], Any] | None = None,
        validate: bool | None = None,
        result: Any = None,
        terminal_state_handler: Callable[..., Any] | None = None,
        *,
        environment: Any = None,
        description: str = "",
        tags: Iterable[str] = (),
    ) -> None:
        self.name = check_name(name)
        self.description = description
        self.executor = executor
        self.schedule = schedule
        self.run_config = run_config
        self.storage = storage
        self.environment = environment
        self.result = result
        self.state_handlers = list(handlers_of(state_handlers, f"the flow `{name}`", on_failure))
        self.terminal_state_handler = terminal_state_handler
        self.tags = frozenset(tags)
        self.source: Path | None = None
        self._references: tuple[Task, ...] = ()
        self._entered: list[Token[Ambient]] = []
        for task in tasks or ():
            self.add_task(task)
        for edge in edges or ():
            self.add_edge(*edge)
        if reference_tasks is not None:
            self.set_reference_tasks(reference_tasks)
        if validate:
            self.validate()

    @cached_property
    def wiring(self) -> Wiring:
        """The graph, by columns."""
        return Wiring()

    def build(self, **values: Any) -> Flow:
        """The flow with its graph; one that is made from data is built from these values.

        Raises:
            DefinitionError: values for a flow that takes none.
        """
        if values:
            raise DefinitionError(f"the flow `{self.name}` has no build parameters")
        return self

    # -- writing ------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        around = ambient.current()
        self._entered.append(ambient._AMBIENT.set(Ambient(self, (), around.tags, {})))
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        made = ambient.current().made
        ambient._AMBIENT.reset(self._entered.pop())
        if made and kind is None:
            warn_of_unused(self, made)

    def add_task(self, task: Task) -> Task:
        """Add a task where it is not yet in the flow; inside `case` blocks it gets their gates.

        Raises:
            CallError: not a task.
            DefinitionError: its slug, or the name of a parameter, is taken.
        """
        wiring = self.wiring
        if not isinstance(task, Task):
            raise CallError(f"a flow is made of tasks, not of `{type(task).__name__}`")
        if task in wiring.inputs:
            return task
        wiring.slugs[task] = self._new_slug(task)
        wiring.inputs[task] = ()
        around = ambient.current()
        if (around.gates or around.resource is not None) and not isinstance(task, Parameter | Constant):
            self._join_blocks(task, around)
        return task

    def _join_blocks(self, task: Task, around: Ambient) -> None:
        """Put a new task into the `case` and the resource manager that are open."""
        if around.case is not None:
            around.case.join(self, task)
        if around.gates:
            self.wiring.gates[task] = around.gates
        if around.resource is not None:
            around.resource.append(task)

    def _new_slug(self, task: Task) -> str:
        wiring = self.wiring
        if task.slug is not None:
            if task.slug in wiring.taken:
                what = "parameters" if isinstance(task, Parameter) else "tasks with the slug"
                raise DefinitionError(f"the flow `{self.name}` has two {what} `{task.slug}`")
            wiring.taken.add(task.slug)
            return task.slug
        prefix = "-".join([task.name, *sorted(task.tags)]) if task.tags else task.name
        number = wiring.slug_counts.get(prefix, 0)
        slug = prefix
        while slug == prefix or slug in wiring.taken:
            number += 1
            slug = f"{prefix}-{number}"
        wiring.slug_counts[prefix] = number
        return slug

    def connect_all(self, task: Task, arguments: Iterable[tuple[str, Any]], mapped: bool) -> None:
        """Connect the arguments of a call; the names differ."""
        wiring = self.wiring
        if mapped or wiring.inputs[task] or ambient.current().mapping is not None:
            for key, value in arguments:
                self.connect(value, task, key, mapped)
            return
        edges = []
        for key, value in arguments:
            if isinstance(value, Task) and value is not task and type(value) is not Constant:
                if value not in wiring.inputs:
                    self.add_task(value)
                edges.append(edge_of((value, task, key, False, False)))
            else:
                # What is left in `edges` keeps its place before this one.
                wiring.extend(task, edges)
                edges = []
                self.connect(value, task, key, False)
        wiring.extend(task, edges)

    def connect(
        self, value: Any, task: Task, key: str | None, mapped: bool, flattened: bool = False
    ) -> Edge | None:
        """Make `value` (a task, an annotated one, a collection of tasks, a constant) an upstream.

        Returns:
            The edge; None for a constant that is an argument as it stands: that is kept as a value.
        """
        if task not in self.wiring.inputs:
            self.add_task(task)
        if isinstance(value, EdgeAnnotation):
            value, mapped, annotated = unwrap(value, mapped)
            flattened = flattened or annotated
        if not isinstance(value, Task):
            if mapped:
                refuse_dict(task.name, key or "upstream_tasks", value)
            if key is not None and not mapped and not flattened and not containers_with_tasks(value):
                self.add_task(task)
                self.wiring.constants[task][key] = value
                return None
            value = as_task(value, self)
        elif type(value) is Constant and not (key is None or mapped or flattened) and not _is_mapped(value):
            self.wiring.constants[task][key] = value.value
            return None
        return self.add(edge_of((value, task, key, mapped, flattened)))

    def add(self, edge: Edge) -> Edge:
        """Add an edge, and its tasks where they are not there yet.

        Raises:
            DefinitionError: a dependency on itself, or of a parameter.
        """
        mapping = ambient.current().mapping
        if mapping is not None:
            edge = mapping.adapted(edge)
        upstream, downstream = edge.upstream, edge.downstream
        if upstream is downstream:
            raise DefinitionError(f"the task `{upstream.name}` depends on itself")
        if isinstance(downstream, Parameter):
            raise _never_downstream(downstream)
        inputs = self.wiring.inputs
        if upstream not in inputs:
            self.add_task(upstream)
        if downstream not in inputs:
            self.add_task(downstream)
        if edge.key is not None:
            constants = self.wiring.constants.get(downstream)
            if constants:
                constants.pop(edge.key, None)
        self.wiring.put(edge)
        return edge

    def as_task(self, value: Any) -> Task:
        """The task that gives `value`, in this flow."""
        return self.add_task(as_task(value, self))

    def add_edge(
        self,
        upstream_task: Any,
        downstream_task: Any,
        key: str | None = None,
        mapped: bool = False,
        flattened: bool = False,
        validate: bool | None = None,
    ) -> Edge:
        """Add one edge and return it.

        Args:
            upstream_task, downstream_task: tasks, or what becomes one; a plain value for an argument is kept
                as it is, and is no part of the graph.
            key: the argument of the downstream that takes the result; None for an order alone.
            validate: also refuse a second value of an argument, unknown keys and cycles now.

        Raises:
            DefinitionError: a dependency on itself, or of a parameter; with `validate`, a cycle.
            CallError: with `validate`, a key that `run` does not take.
        """
        if key is not None:
            check_key(key)
        if isinstance(downstream_task, Parameter):
            raise _never_downstream(downstream_task)
        first = unwrap(upstream_task, False)[0]
        if isinstance(first, Task) and type(first) is not Constant:
            self.add_task(first)  # before the downstream, as the order is that of their slugs
        downstream = self.as_task(downstream_task)
        if validate and key is not None:
            downstream._signature.check(downstream.name, key)
            check_unassigned(self, downstream, key)
        edge = self.connect(upstream_task, downstream, key, mapped, flattened)
        if edge is None:
            with ambient.entered(Ambient()):
                edge = Edge(Constant(unwrap(upstream_task, False)[0]), downstream, key)
        if validate:
            self.validate()
        return edge

    def chain(self, *tasks: Any, validate: bool | None = None) -> list[Edge]:
        """Make each task run after the one before it; returns the edges."""
        made = [self.as_task(task) for task in tasks] if len(tasks) > 1 else []
        edges = [self.add_edge(first, second) for first, second in itertools.pairwise(made)]
        if validate:
            self.validate()
        return edges

    def set_dependencies(
        self,
        task: Any,
        upstream_tasks: Iterable[Any] | None = None,
        downstream_tasks: Iterable[Any] | None = None,
        keyword_tasks: Mapping[str, Any] | None = None,
        mapped: bool = False,
        validate: bool | None = None,
    ) -> None:
        """Set what runs before and after a task, and where its arguments come from."""
        task = self.as_task(task)
        for value in upstream_tasks or ():
            self.add_edge(value, task, mapped=mapped, validate=validate)
        for downstream in downstream_tasks or ():
            self.add_edge(task, downstream, mapped=mapped, validate=validate)
        for key, value in (keyword_tasks or {}).items():
            self.add_edge(value, task, key, mapped, validate=validate)

    def update(
        self,
        flow: Flow,
        merge_parameters: bool = False,
        validate: bool | None = None,
        merge_reference_tasks: bool = False,
    ) -> None:
        """Add the tasks, edges and constants of another flow.

        Args:
            merge_parameters: a parameter of a name that both have is the other flow's from now on.
            validate: refuse cycles now.
            merge_reference_tasks: what decides there decides here too.

        Raises:
            DefinitionError: both have a parameter, or another task with a slug of its own, of one name.
        """
        update(self, flow, merge_parameters, bool(validate), merge_reference_tasks)

    def replace(self, old: Task, new: Any, validate: bool = True) -> None:
        """Put another task, or a value, in the place of a task.

        Raises:
            DefinitionError: `old` is not in the flow; with `validate`, a cycle would be made.
        """
        replace(self, old, new, validate)

    def copy(self) -> Flow:
        """An independent flow of the same task objects."""
        new = self._blank()
        new.wiring = self.wiring.copy()
        new._references = self._references
        return new

    def _blank(self) -> Flow:
        """A flow with the same options, and no tasks."""
        new = object.__new__(type(self))
        for name, value in self.__dict__.items():
            if name not in ("wiring", "_entered"):
                new.__dict__[name] = list(value) if isinstance(value, list) else value
        new._entered = []
        new._references = ()
        return new

    def add_gates(self, task: Task, gates: Iterable[Gate]) -> None:
        """Put a task behind more gates.

        Raises:
            DefinitionError: a parameter, whose value is there whatever the run decides.
        """
        if isinstance(task, Parameter):
            raise DefinitionError(
                f"the parameter `{task.name}` cannot be a branch",
                hints=("give the branch a task that returns it",),
            )
        self.add_task(task)
        for gate in gates:
            self.add_task(gate.condition)
        self.wiring.gates[task] = self.gates_of(task) + tuple(gates)

    # -- as an object ---------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: name="{self.name}">'

    def __eq__(self, other: object) -> bool:
        """Whether both are of one type and name, and have the same tasks, edges and reference tasks."""
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, Flow)
        return (
            self.name == other.name
            and self.wiring.inputs.keys() == other.wiring.inputs.keys()
            and self.edges == other.edges
            and self.reference_tasks() == other.reference_tasks()
        )

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> Any:
        copied = self.copy()
        return _restored, (type(copied), copied.__dict__)


def _never_downstream(parameter: Parameter) -> DefinitionError:
    return DefinitionError(f"the parameter `{parameter.name}` cannot depend on a task")


def _is_mapped(task: Task) -> bool:
    """Whether an `apply_map` is running, and maps over this task."""
    mapping = ambient.current().mapping
    return mapping is not None and task in mapping.arguments


def _restored(cls: type[Flow], state: dict[str, Any]) -> Flow:
    flow = object.__new__(cls)
    flow.__dict__.update(state)
    return flow
