"""Tools for those who write tasks, under their home in Prefect classic."""

from flowkit.engine.pausing import pause_task
from flowkit.flow.ambient import tags
from flowkit.flow.apply import apply_map
from flowkit.flow.defaults import defaults_from_attrs
from flowkit.flow.mapping import unmapped
from flowkit.flow.structure import task_of as as_task
from flowkit.flow.task import task

__all__ = ["apply_map", "as_task", "defaults_from_attrs", "pause_task", "tags", "task", "unmapped"]
