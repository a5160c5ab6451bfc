"""How flowkit's own tasks end as skipped: `flow/` knows no engine, so the engine says what to raise."""

from __future__ import annotations

from typing import NoReturn


class Passed(BaseException):
    """Stands for the signal SKIP where no engine has been imported."""


signal: type[BaseException] = Passed  # set by flowkit/engine/signals.py


def skip(message: str) -> NoReturn:
    """End the task that runs as Skipped."""
    raise signal(message)
