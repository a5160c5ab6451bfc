"""Looking at what tasks raise, under its home in Prefect classic."""

from flowkit.engine.debugging import raise_on_exception

__all__ = ["raise_on_exception"]
