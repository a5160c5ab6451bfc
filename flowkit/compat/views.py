"""Views of flows and runs: what a server of Prefect classic knew, and here this process and the history.

Source of the names: Prefect 1.4.1 (20.19).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flowkit.compat.exceptions import ClientError
from flowkit.compat.kept import Kept, names
from flowkit.runs import seen
from flowkit.runs.seen import SeenRun, SeenTask


class View(Kept):
    """What a server knows of something."""

    @classmethod
    def _unknown(cls, *args: Any, **options: Any) -> Any:
        raise ClientError(
            f"`{cls.__name__}` would have asked a server; `flowkit runs --json` tells of runs here"
        )

    from_flow_id = from_flow_run_id = from_task_run_id = from_id = from_flow_name = _unknown


class FlowView(View):
    takes = names(
        "flow_id settings run_config serialized_flow archived project_name core_version storage name"
        " flow_group_labels"
    )


class FlowRunView(View):
    """A run, as it stood when it was looked at.

    Attributes:
        flow_run_id: its id.
        name: as `flowkit runs` shows it.
        flow_id: the name of its flow.
        state: how it stood.
        parameters, context: of the run.
    """

    flow_run_id: str
    name: str
    state: Any
    takes = names(
        "flow_run_id name flow_id labels parameters context state states updated_at run_config task_runs"
    )

    @classmethod
    def of(cls, run: SeenRun) -> FlowRunView:
        """The view of a run."""
        return cls(
            flow_run_id=run.id,
            name=run.name,
            flow_id=run.flow,
            labels=set(),
            parameters=dict(run.parameters),
            context=dict(run.context),
            state=run.state,
            states=[run.state],
            updated_at=datetime.now(UTC),
        )

    @classmethod
    def from_flow_run_id(cls, flow_run_id: str, *args: Any, **options: Any) -> FlowRunView:
        """The run of an id, as it stands now.

        Raises:
            ValueError: there is none.
        """
        return cls.of(seen.look(flow_run_id))

    def get_latest(self, load_static_tasks: bool = False) -> FlowRunView:
        """The same run, as it stands now."""
        return self.from_flow_run_id(self.flow_run_id)

    def get_task_run(
        self, task_slug: str | None = None, task_run_id: str | None = None, map_index: int | None = None
    ) -> TaskRunView:
        """A task of the run.

        Args:
            task_slug: `clean-1`.
            task_run_id: as in a view of a task; one of the two.
            map_index: which child of a mapped task.

        Raises:
            ValueError: neither of the two; no such task.
        """
        if task_run_id is not None:
            _, _, task = task_run_id.rpartition("/")
            task_slug, _, index = task.rstrip("]").partition("[")
            map_index = int(index) if index else -1
        if not task_slug:
            raise ValueError("`task_slug` or `task_run_id` must be provided")
        run = seen.look(self.flow_run_id)
        return TaskRunView.of_task(run, run.source.task(task_slug, -1 if map_index is None else map_index))

    def get_all_task_runs(self) -> list[TaskRunView]:
        """All tasks of the run, a mapped one with none of its children."""
        run = seen.look(self.flow_run_id)
        return [TaskRunView.of_task(run, task) for task in run.source.tasks()]

    def get_task_run_ids(self) -> list[str]:
        """The ids of its tasks."""
        return [view.task_run_id for view in self.get_all_task_runs()]

    def __repr__(self) -> str:
        return f"<FlowRunView flow_run_id={self.flow_run_id!r} name={self.name!r} state={self.state!r}>"


class TaskRunView(View):
    """A task of a run, as it stood when it was looked at."""

    task_run_id: str
    task_slug: str
    flow_run_id: str
    state: Any
    takes = names("task_run_id task_id task_slug name state map_index flow_run_id")

    @classmethod
    def of_task(cls, run: SeenRun, task: SeenTask) -> TaskRunView:
        """The view of a task."""
        child = f"[{task.index}]" if task.index >= 0 else ""
        return cls(
            task_run_id=f"{run.id}/{task.slug}{child}",
            task_id=task.slug,
            task_slug=task.slug,
            name=task.name,
            state=task.state,
            map_index=task.index,
            flow_run_id=run.id,
        )

    def get_result(self) -> Any:
        """The result of the task; of a mapped one, a list.

        Raises:
            ValueError: it has none.
        """
        if not self.state.is_finished():
            raise ValueError("The task result cannot be loaded if it is not finished.")
        return self._task().read()

    def iter_mapped(self) -> Iterator[TaskRunView]:
        """The children of a mapped task."""
        run = seen.look(self.flow_run_id)
        for index in range(self._task().width):
            yield self.of_task(run, run.source.task(self.task_slug, index))

    def _task(self) -> SeenTask:
        return seen.look(self.flow_run_id).source.task(self.task_slug, vars(self)["map_index"])


class TenantView(View):
    takes = names("tenant_id name slug")
