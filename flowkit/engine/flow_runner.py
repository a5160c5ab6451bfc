"""Running a flow in one pass, under its home in Prefect classic."""

from flowkit.runs.runners import FlowRunner

__all__ = ["FlowRunner"]
