"""What ends a run, under its home in Prefect classic."""

from flowkit.engine.signals import ENDRUN

__all__ = ["ENDRUN"]
