"""Conditional flows, under their home in Prefect classic."""

from flowkit.flow.control import case, ifelse, merge, switch

__all__ = ["case", "ifelse", "merge", "switch"]
