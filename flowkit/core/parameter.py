"""`prefect.core.parameter` of Prefect classic."""

from flowkit.flow.datetime_parameter import DateTimeParameter
from flowkit.flow.parameter import Parameter

__all__ = ["DateTimeParameter", "Parameter"]
