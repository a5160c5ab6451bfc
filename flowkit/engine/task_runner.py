"""Running one task, under its home in Prefect classic."""

from flowkit.runs.runners import TaskRunner

__all__ = ["TaskRunner"]
