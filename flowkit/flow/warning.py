"""Warnings about how a flow is written, shown at the line of whoever wrote it."""

from __future__ import annotations

import sys
import warnings


def warn(message: str) -> None:
    """Warn of the line outside of flowkit that is being carried out."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("flowkit."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)
