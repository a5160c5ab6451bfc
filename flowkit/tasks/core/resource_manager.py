"""Resource managers, under their home in Prefect classic."""

from flowkit.flow.resources import (
    ResourceCleanupTask,
    ResourceInitTask,
    ResourceManager,
    ResourceSetupTask,
    resource_manager,
)

__all__ = [
    "ResourceCleanupTask",
    "ResourceInitTask",
    "ResourceManager",
    "ResourceSetupTask",
    "resource_manager",
]
