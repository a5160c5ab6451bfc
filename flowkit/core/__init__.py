"""Where Prefect classic keeps what flows are made of."""

from flowkit.flow.edge import Edge
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import Task

__all__ = ["Edge", "Flow", "Parameter", "Task"]
