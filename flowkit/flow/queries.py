"""What can be asked of a flow: its tasks and edges, what comes before and after, what decides.

Source of the vocabulary: Prefect classic, 3.12 to 3.17, 3.22 and 3.23.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any, TypeVar

from flowkit.errors import CallError, DefinitionError
from flowkit.flow import manners
from flowkit.flow.edge import Edge, Gate
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task
from flowkit.flow.wiring import Wiring

T = TypeVar("T", bound=Task)


class Tasks(Set[T]):
    """Tasks of a flow as a set that keeps the order in which they were added."""

    __slots__ = ("_inputs",)

    def __init__(self, inputs: dict[T, Any]) -> None:
        self._inputs = inputs

    def __contains__(self, task: object) -> bool:
        return task.__hash__ is not None and task in self._inputs

    def __iter__(self) -> Iterator[T]:
        return iter(self._inputs)

    def __len__(self) -> int:
        return len(self._inputs)

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self._inputs)) + "}" if self._inputs else "set()"

    @classmethod
    def _from_iterable(cls, tasks: Iterable[Any]) -> set[Any]:
        return set(tasks)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(frozenset, name):
            raise AttributeError(f"the tasks of a flow have no `{name}`; `flow.add_task` adds one")
        return getattr(set(self._inputs), name)  # `issubset`, `union`, …, of a set of its own


class Queries:
    """The questions; `Flow` has what they are about."""

    name: str
    _references: tuple[Task, ...]

    @property
    def wiring(self) -> Wiring:
        """The graph, by columns."""
        raise NotImplementedError

    @property
    def tasks(self) -> Tasks[Task]:
        """All tasks, in the order in which they were added."""
        return Tasks(self.wiring.inputs)

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
        return task in self.tasks

    def parameters(self) -> Tasks[Parameter]:
        """The parameters, in the order in which they were added."""
        return Tasks({task: None for task in self.wiring.inputs if isinstance(task, Parameter)})

    def edges_to(self, task: Task) -> set[Edge]:
        """The edges that end at a task."""
        return set(self._known(task))

    def edges_from(self, task: Task) -> set[Edge]:
        """The edges that start at a task."""
        self._known(task)
        return set(self.wiring.outputs().get(task, ()))

    def all_upstream_edges(self) -> dict[Task, set[Edge]]:
        """The edges that end at each task."""
        return {task: set(edges) for task, edges in self.wiring.inputs.items()}

    def all_downstream_edges(self) -> dict[Task, set[Edge]]:
        """The edges that start at each task."""
        outputs = self.wiring.outputs()
        return {task: set(outputs.get(task, ())) for task in self.wiring.inputs}

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
        needed = set(self.wiring.outputs())
        needed.update(gate.condition for gates in self.wiring.gates.values() for gate in gates)
        return {task for task in self.wiring.inputs if task not in needed}

    def gates_of(self, task: Task) -> tuple[Gate, ...]:
        """The gates that a task stands behind."""
        return self.wiring.gates.get(task, ())

    def get_tasks(
        self,
        name: str | None = None,
        slug: str | None = None,
        tags: Iterable[str] | None = None,
        task_type: type[Task] | None = None,
    ) -> list[Task]:
        """The tasks that fit all that is given.

        Args:
            slug: its own, or the one that the flow has made for it; to a script of Prefect classic, its own
                alone.
            tags: those that it must at least have.
        """
        wanted = frozenset(tags or ())
        return [
            task
            for task, found in self.wiring.slugs.items()
            if (name is None or task.name == name)
            and (slug is None or slug == task.slug or (slug == found and not manners.classic))
            and wanted <= task.tags
            and (task_type is None or isinstance(task, task_type))
        ]

    def reference_tasks(self) -> set[Task]:
        """The tasks that decide the final state of a run: those that were set, else the terminal ones."""
        return set(self._references) or self._deciding()

    def _deciding(self) -> set[Task]:
        """The terminal tasks, where resource managers and what they clean up do not count."""
        from flowkit.flow.resources import ResourceCleanupTask, ResourceInitTask

        inputs = self.wiring.inputs
        needed = {
            edge.upstream
            for task, edges in inputs.items()
            if not isinstance(task, ResourceCleanupTask)
            for edge in edges
        }
        apart = (ResourceInitTask, ResourceCleanupTask)
        return {task for task in inputs if task not in needed and not isinstance(task, apart)}

    def set_reference_tasks(self, tasks: Iterable[Task]) -> None:
        """Let these tasks decide the final state; none means the terminal ones.

        Raises:
            DefinitionError: a task that is not in the flow.
            CallError: not a collection of tasks.
        """
        if not isinstance(tasks, Iterable) or isinstance(tasks, Task):
            raise CallError(
                f"the reference tasks of the flow `{self.name}` are a list, not `{type(tasks).__name__}`"
            )
        chosen = tuple(dict.fromkeys(tasks))
        for task in chosen:
            self._known(task)
        self._references = chosen

    def sorted_tasks(self, root_tasks: Iterable[Task] | None = None) -> tuple[Task, ...]:
        """All tasks, each after those that it depends on.

        Args:
            root_tasks: only these and what comes after them; none means all.

        Raises:
            DefinitionError: a cycle, shown as a path, or a root that is not in the flow.
        """
        from flowkit.flow.graph import in_order

        ordered = in_order(self)  # type: ignore[arg-type]
        roots = tuple(root_tasks or ())
        if not roots:
            return ordered
        for root in roots:
            self._known(root)
        after = set(roots)
        for task in ordered:
            if task not in after and any(edge.upstream in after for edge in self.wiring.inputs[task]):
                after.add(task)
        return tuple([task for task in ordered if task in after])

    def validate(self) -> None:
        """Check that the flow can run.

        Raises:
            DefinitionError: a cycle, or a reference task that is not in the flow.
        """
        self.sorted_tasks()
        self.set_reference_tasks(self._references)

    def serialize(self, build: bool = False) -> dict[str, Any]:
        """The flow as a document of JSON, without its code (Prefect classic, 3.22).

        Args:
            build: accepted for scripts written for Prefect classic, where it stores the code somewhere.

        Raises:
            DefinitionError: a cycle.
        """
        from flowkit.flow.serialized import flow_document

        return flow_document(self)  # type: ignore[arg-type]

    def serialized_hash(self, build: bool = False) -> str:
        """The SHA-256 of what `serialize` gives; the same in every process.

        Raises:
            DefinitionError: a cycle.
        """
        from flowkit.flow.serialized import flow_hash

        return flow_hash(self)  # type: ignore[arg-type]

    def _known(self, task: Task) -> Sequence[Edge]:
        try:
            return self.wiring.inputs[task]
        except (KeyError, TypeError):
            shown = task.name if isinstance(task, Task) else repr(task)
            raise DefinitionError(f"the flow `{self.name}` has no task `{shown}`") from None
