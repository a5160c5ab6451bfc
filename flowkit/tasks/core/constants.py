"""Values as tasks, under their home in Prefect classic."""

from flowkit.flow.structure import Constant

__all__ = ["Constant"]
