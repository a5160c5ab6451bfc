"""A flow: tasks, the edges between them, and what decides whether a run of it succeeded.

The vocabulary is that of Prefect classic, group 3. `flow/` knows no engine: `Flow.run`,
`Flow.register` and `Flow.visualize` are bound in `flowkit/__init__.py`.
"""

from __future__ import annotations

import itertools
import keyword
from collections.abc import Callable, Iterable, Iterator, KeysView, Sequence
from contextvars import Token
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import ambient
from flowkit.flow.ambient import Ambient
from flowkit.flow.edge import Edge, Gate
from flowkit.flow.mapping import EdgeAnnotation, check_mappable, flatten, unmapped, unwrap
from flowkit.flow.names import check_name
from flowkit.flow.parameter import Parameter
from flowkit.flow.structure import Constant, Value, as_task, containers_with_tasks
from flowkit.flow.task import Task
from flowkit.flow.wiring import Wiring

if TYPE_CHECKING:
    from pathlib import Path

    from flowkit.plan.state import State


class Flow:
    """A graph of tasks.

    Args:
        name: what `flowkit run` calls it.
        description: a line for lists and help; default: none.
        executor: the lane of its tasks, an executor or its name; default: that of the run.
        schedule: when it is due; kept for the registry.
        tags: for lists.
        tasks, edges: what to add at once.
        reference_tasks: those that decide the final state; default: the terminal ones.

    Raises:
        DefinitionError: a name that cannot be.
    """

    # Bound in flowkit/__init__.py.
    run: Callable[..., State]
    arun: Callable[..., Any]
    register: Callable[..., str]
    visualize: Callable[..., Any]

    build_parameters: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        *,
        description: str = "",
        executor: Any = None,
        schedule: Any = None,
        tags: Iterable[str] = (),
        tasks: Iterable[Task] = (),
        edges: Iterable[Edge] = (),
        reference_tasks: Iterable[Task] | None = None,
    ) -> None:
        self.name = check_name(name)
        self.description = description
        self.executor = executor
        self.schedule = schedule
        self.tags = frozenset(tags)
        self.source: Path | None = None
        self._references: tuple[Task, ...] = ()
        self._entered: list[Token[Ambient]] = []
        for task in tasks:
            self.add_task(task)
        for edge in edges:
            self.add_edge(*edge)
        if reference_tasks is not None:
            self.set_reference_tasks(reference_tasks)

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
        self._entered.append(ambient._AMBIENT.set(Ambient(self, (), ambient.current().tags)))
        return self

    def __exit__(self, *exc: object) -> None:
        ambient._AMBIENT.reset(self._entered.pop())

    def add_task(self, task: Task) -> Task:
        """Add a task where it is not yet in the flow; inside `case` blocks it gets their gates.

        Raises:
            CallError: not a task.
            DefinitionError: its slug, or the name of a parameter, is taken.
        """
        wiring = self.wiring
        if task in wiring.inputs:
            return task
        if not isinstance(task, Task):
            raise CallError(f"a flow is made of tasks, not of `{type(task).__name__}`")
        wiring.slugs[task] = self._new_slug(task)
        wiring.inputs[task] = ()
        around = ambient.current()
        if around.gates and not isinstance(task, Parameter | Constant):
            if around.flow is not self:
                raise DefinitionError(f"the task `{task.name}` of another flow is inside a `case` block")
            wiring.gates[task] = around.gates
        return task

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
        if mapped or wiring.inputs[task]:
            for key, value in arguments:
                self.connect(value, task, key, mapped)
            return
        edges = []
        for key, value in arguments:
            if isinstance(value, Task) and value is not task:
                if value not in wiring.inputs:
                    self.add_task(value)
                edges.append(Edge(value, task, key))
            else:
                # What is left in `edges` keeps its place before this one.
                wiring.extend(task, edges)
                edges = []
                self.connect(value, task, key, False)
        wiring.extend(task, edges)

    def connect(self, value: Any, task: Task, key: str | None, mapped: bool) -> None:
        """Make `value` (a task, an annotated one, a collection of tasks, a constant) an upstream.

        A constant that is an argument as it stands is kept as a value, not as a task.
        """
        flattened = False
        if isinstance(value, EdgeAnnotation):
            value, mapped, flattened = self._unwrapped(value, mapped)
        if not isinstance(value, Task):
            if mapped and not containers_with_tasks(value):
                check_mappable(task.name, key or "upstream_tasks", value)
            if key is not None and not mapped and not flattened and not containers_with_tasks(value):
                self.wiring.constants.setdefault(task, {})[key] = value
                return
            value = as_task(value, self)
        self._append(Edge(value, task, key, mapped, flattened))

    def _unwrapped(self, value: Any, mapped: bool) -> tuple[Any, bool, bool]:
        """As `unwrap`; of a flattened flattened value, the inner one becomes a task."""
        bare, is_mapped, levels = unwrap(value, mapped)
        for _ in range(levels - 1):
            bare = Value()(flatten(unmapped(bare)), flow=self)
        return bare, is_mapped, levels > 0

    def _append(self, edge: Edge) -> None:
        upstream, downstream = edge.upstream, edge.downstream
        inputs = self.wiring.inputs
        if upstream not in inputs:
            self.add_task(upstream)
        if downstream not in inputs:
            self.add_task(downstream)
        if upstream is downstream:
            raise DefinitionError(f"the task `{upstream.name}` depends on itself")
        if isinstance(downstream, Parameter):
            raise DefinitionError(f"the parameter `{downstream.name}` cannot depend on a task")
        if edge.key is not None:
            constants = self.wiring.constants.get(downstream)
            if constants:
                constants.pop(edge.key, None)
        self.wiring.put(edge)

    def as_task(self, value: Any) -> Task:
        """The task that gives `value`, in this flow."""
        return self.add_task(as_task(value, self))

    def add_edge(
        self,
        upstream_task: Any,
        downstream_task: Task,
        key: str | None = None,
        mapped: bool = False,
        flattened: bool = False,
        validate: bool = False,
    ) -> Edge:
        """Add one edge and return it.

        Args:
            key: the argument of the downstream that takes the result; None for an order alone.
            validate: also refuse unknown keys and cycles now, not only before a run.

        Raises:
            DefinitionError: a dependency on itself, or of a parameter; with `validate`, a cycle.
            CallError: with `validate`, a key that `run` does not take.
        """
        value, mapped, annotated_flat = self._unwrapped(upstream_task, mapped)
        upstream = as_task(value, self)
        edge = Edge(upstream, downstream_task, key, mapped, flattened or annotated_flat)
        if key is not None and (not key.isidentifier() or keyword.iskeyword(key)):
            raise DefinitionError(f"`{key}` cannot be the name of an argument")
        if validate and key is not None:
            downstream_task._signature.check(downstream_task.name, key)
        self._append(edge)
        if validate:
            self.validate()
        return edge

    def chain(self, *tasks: Task) -> list[Edge]:
        """Make each task run after the one before it; returns the edges."""
        return [self.add_edge(first, second) for first, second in itertools.pairwise(tasks)]

    def set_dependencies(
        self,
        task: Task,
        upstream_tasks: Iterable[Any] | None = None,
        downstream_tasks: Iterable[Task] | None = None,
        keyword_tasks: dict[str, Any] | None = None,
        mapped: bool = False,
        validate: bool = False,
    ) -> None:
        """Set what runs before and after a task, and where its arguments come from."""
        self.add_task(task)
        for value in upstream_tasks or ():
            self.connect(value, task, None, mapped)
        for downstream in downstream_tasks or ():
            self.connect(task, downstream, None, mapped)
        for key, value in (keyword_tasks or {}).items():
            self.connect(value, task, key, mapped)
        if validate:
            self.validate()

    def copy(self) -> Flow:
        """An independent flow of the same task objects."""
        new = Flow(
            self.name,
            description=self.description,
            executor=self.executor,
            schedule=self.schedule,
            tags=self.tags,
        )
        new.source = self.source
        new.wiring = self.wiring.copy()
        new._references = self._references
        return new

    # -- reading ------------------------------------------------------------------------------

    @property
    def tasks(self) -> KeysView[Task]:
        """All tasks, in the order in which they were added."""
        return self.wiring.inputs.keys()

    @property
    def edges(self) -> set[Edge]:
        """All edges."""
        return {edge for edges in self.wiring.inputs.values() for edge in edges}

    @property
    def constants(self) -> dict[Task, dict[str, Any]]:
        """Arguments that are plain values, by task."""
        return self.wiring.constants

    @property
    def slugs(self) -> dict[Task, str]:
        """The slug of each task."""
        return self.wiring.slugs

    def __iter__(self) -> Iterator[Task]:
        return iter(self.sorted_tasks())

    def __contains__(self, task: object) -> bool:
        return task in self.wiring.inputs

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"

    def __reduce__(self) -> Any:
        return _restored, (self.copy().__dict__,)

    def parameters(self) -> list[Parameter]:
        """The parameters, in the order in which they were added."""
        return [task for task in self.wiring.inputs if isinstance(task, Parameter)]

    def edges_to(self, task: Task) -> set[Edge]:
        """The edges that end at a task."""
        return set(self._known(task))

    def edges_from(self, task: Task) -> set[Edge]:
        """The edges that start at a task."""
        self._known(task)
        return {edge for edges in self.wiring.inputs.values() for edge in edges if edge.upstream is task}

    def upstream_tasks(self, task: Task) -> set[Task]:
        """The tasks that a task depends on directly."""
        return {edge.upstream for edge in self._known(task)}

    def downstream_tasks(self, task: Task) -> set[Task]:
        """The tasks that depend on a task directly."""
        return {edge.downstream for edge in self.edges_from(task)}

    def root_tasks(self) -> set[Task]:
        """The tasks without upstreams."""
        return {task for task, edges in self.wiring.inputs.items() if not edges and not self.gates_of(task)}

    def terminal_tasks(self) -> set[Task]:
        """The tasks without downstreams."""
        inputs = self.wiring.inputs
        needed = {edge.upstream for edges in inputs.values() for edge in edges}
        needed.update(gate.condition for gates in self.wiring.gates.values() for gate in gates)
        return {task for task in inputs if task not in needed}

    def gates_of(self, task: Task) -> tuple[Gate, ...]:
        """The gates that a task stands behind."""
        return self.wiring.gates.get(task, ())

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

    def get_tasks(
        self,
        name: str | None = None,
        slug: str | None = None,
        tags: Iterable[str] | None = None,
        task_type: type[Task] | None = None,
    ) -> list[Task]:
        """The tasks that fit all that is given; `tags` are those that a task must at least have."""
        wanted = frozenset(tags or ())
        return [
            task
            for task, found in self.wiring.slugs.items()
            if (name is None or task.name == name)
            and (slug is None or slug in (task.slug, found))
            and wanted <= task.tags
            and (task_type is None or isinstance(task, task_type))
        ]

    def reference_tasks(self) -> set[Task]:
        """The tasks that decide the final state of a run: those that were set, else the terminal ones."""
        return set(self._references) or self.terminal_tasks()

    def set_reference_tasks(self, tasks: Iterable[Task]) -> None:
        """Let these tasks decide the final state; none means the terminal ones.

        Raises:
            DefinitionError: a task that is not in the flow.
        """
        chosen = tuple(tasks)
        for task in chosen:
            self._known(task)
        self._references = chosen

    def sorted_tasks(self) -> tuple[Task, ...]:
        """All tasks, each after those that it depends on.

        Raises:
            DefinitionError: a cycle, shown as a path.
        """
        from flowkit.flow.graph import in_order

        return in_order(self)

    def validate(self) -> None:
        """Check that the flow can run.

        Raises:
            DefinitionError: a cycle, or a reference task that is not in the flow.
        """
        self.sorted_tasks()
        self.set_reference_tasks(self._references)

    def _known(self, task: Task) -> Sequence[Edge]:
        try:
            return self.wiring.inputs[task]
        except (KeyError, TypeError):
            shown = task.name if isinstance(task, Task) else repr(task)
            raise DefinitionError(f"the flow `{self.name}` has no task `{shown}`") from None


def _restored(state: dict[str, Any]) -> Flow:
    flow = object.__new__(Flow)
    flow.__dict__.update(state)
    return flow
