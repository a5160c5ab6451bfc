"""How a run stands, as it is stored and shown."""

from __future__ import annotations

from enum import IntEnum


class RunStatus(IntEnum):
    """Where a run stands; the numbers are stored and never change their meaning."""

    RUNNING = 0
    SUCCESS = 1
    FAILED = 2
    CANCELLED = 3
    INTERRUPTED = 4
    TIMED_OUT = 5
    CRASHED = 6
    PAUSED = 7

    @property
    def word(self) -> str:
        """What is shown."""
        return _LOOKS[self][0]

    @property
    def symbol(self) -> str:
        """One character, one cell wide."""
        return _LOOKS[self][1]

    @property
    def style(self) -> str:
        """The colour, as rich names it."""
        return _LOOKS[self][2]

    @property
    def ended(self) -> str:
        """What follows the name of a run in a sentence: `failed`, `was interrupted`."""
        return f"was {self.word}" if self in _BY_OTHERS else self.word

    @property
    def resumable(self) -> bool:
        """Whether there is something left to do."""
        return self not in (RunStatus.RUNNING, RunStatus.SUCCESS)


_BY_OTHERS = (RunStatus.CANCELLED, RunStatus.INTERRUPTED, RunStatus.PAUSED)
_LOOKS = {
    RunStatus.RUNNING: ("running", "▸", "cyan"),
    RunStatus.SUCCESS: ("ok", "✓", "green"),
    RunStatus.FAILED: ("failed", "✗", "red"),
    RunStatus.CANCELLED: ("cancelled", "⊘", "yellow"),
    RunStatus.INTERRUPTED: ("interrupted", "⊘", "yellow"),
    RunStatus.TIMED_OUT: ("timed out", "✗", "red"),
    RunStatus.CRASHED: ("crashed", "✗", "red"),
    RunStatus.PAUSED: ("paused", "‖", "yellow"),
}
