"""Resource managers, under their home in Prefect classic."""

from flowkit.flow.resources import ResourceManager, resource_manager

__all__ = ["ResourceManager", "resource_manager"]
