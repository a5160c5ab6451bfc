"""Conditional flows, under their home in Prefect classic."""

from flowkit import homes
from flowkit.flow.control import case, ifelse, merge, switch
from flowkit.flow.filtering import FilterTask

__all__ = ["FilterTask", "case", "ifelse", "merge", "switch"]
__getattr__ = homes.below(__name__)
