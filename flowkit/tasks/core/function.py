"""Functions as tasks, under their home in Prefect classic."""

from flowkit.flow.task import FunctionTask

__all__ = ["FunctionTask"]
