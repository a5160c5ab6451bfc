"""Annotations of arguments, under their home in Prefect classic."""

from flowkit.flow.mapping import EdgeAnnotation, flatten, mapped, unmapped

__all__ = ["EdgeAnnotation", "flatten", "mapped", "unmapped"]
