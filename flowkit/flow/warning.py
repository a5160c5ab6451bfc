"""Warnings about how a flow is written, shown at the line of whoever wrote it; and what is said once."""

from __future__ import annotations

import sys
import warnings
from functools import cache


def warn(message: str) -> None:
    """Warn of the line outside of flowkit that is being carried out."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("flowkit."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


@cache
def say_once(what: str) -> None:
    """Tell what a script asked for that flowkit does otherwise or not; each sentence once a process."""
    import logging  # some milliseconds that who only defines flows does not need

    logging.getLogger("flowkit").warning("%s", what)
