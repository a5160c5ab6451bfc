"""`case`, under its home in Prefect classic."""

from flowkit.flow.control import case

__all__ = ["case"]
