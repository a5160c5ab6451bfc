"""`prefect.core.flow` of Prefect classic."""

from flowkit.flow.flow import Flow

__all__ = ["Flow"]
