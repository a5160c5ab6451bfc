"""`prefect.core.edge` of Prefect classic."""

from flowkit.flow.edge import Edge

__all__ = ["Edge"]
