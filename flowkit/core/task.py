"""`prefect.core.task` of Prefect classic."""

from flowkit.flow.task import FunctionTask, Task

__all__ = ["FunctionTask", "Task"]
