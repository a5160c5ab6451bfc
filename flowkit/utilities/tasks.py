"""Tools for those who write tasks, under their home in Prefect classic."""

from flowkit.flow.defaults import defaults_from_attrs

__all__ = ["defaults_from_attrs"]
