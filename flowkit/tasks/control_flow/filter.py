"""`FilterTask`, under its home in Prefect classic."""

from flowkit.flow.filtering import FilterTask

__all__ = ["FilterTask"]
