"""One thing that `flowkit doctor` has looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a thing stands; only an error makes the command fail."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Check:
    """What was found.

    Args:
        mend: repairs it and says what was done; None where a person must.
    """

    name: str
    state: State
    text: str
    hints: tuple[str, ...] = ()
    mend: Callable[[], str] | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The check for other programs."""
        return {
            "check": self.name,
            "state": self.state.value,
            "text": self.text,
            "hints": list(self.hints),
            "mendable": self.mend is not None,
        }
