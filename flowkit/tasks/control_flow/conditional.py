"""`switch`, `ifelse` and `merge`, under their home in Prefect classic."""

from flowkit.flow.control import CompareValue, Merge, ifelse, merge, switch

__all__ = ["CompareValue", "Merge", "ifelse", "merge", "switch"]
