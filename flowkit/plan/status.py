"""The states that the machine keeps, as small integers that own their words and looks."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Where a task, or a child of a mapped task, stands.

    The numbers are stored and never change their meaning.
    From SUCCESS to CANCELLED it has ended. LOOPED and PAUSED are how an attempt can end that is followed by
    another: at once, with the next iteration of a loop; when somebody, or a time, lets it go on.
    """

    WAITING = 0
    READY = 1
    RUNNING = 2
    RETRYING = 3
    EXPANDED = 4
    SUCCESS = 5
    CACHED = 6
    MAPPED = 7
    SKIPPED = 8
    FAILED = 9
    TIMED_OUT = 10
    TRIGGER_FAILED = 11
    CANCELLED = 12
    LOOPED = 13
    PAUSED = 14

    @property
    def word(self) -> str:
        """What is shown and written, in capitals where a line stands for it."""
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
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return Status.SUCCESS <= self <= Status.CANCELLED

    @property
    def bad(self) -> bool:
        """Whether it counts as failed for triggers and for the run."""
        return Status.FAILED <= self <= Status.CANCELLED


_LOOKS = {
    Status.WAITING: ("waiting", "·", "dim"),
    Status.READY: ("ready", "·", "dim"),
    Status.RUNNING: ("running", "▸", "cyan"),
    Status.RETRYING: ("retrying", "↻", "yellow"),
    Status.EXPANDED: ("running", "▸", "cyan"),
    Status.SUCCESS: ("ok", "✓", "green"),
    Status.CACHED: ("cached", "✓", "dim green"),
    Status.MAPPED: ("ok", "✓", "green"),
    Status.SKIPPED: ("skipped", "○", "dim"),
    Status.FAILED: ("failed", "✗", "red"),
    Status.TIMED_OUT: ("timed out", "✗", "red"),
    Status.TRIGGER_FAILED: ("not run", "⊘", "yellow"),
    Status.CANCELLED: ("cancelled", "⊘", "yellow"),
    Status.LOOPED: ("looped", "↻", "cyan"),
    Status.PAUSED: ("paused", "‖", "yellow"),
}

# The machine touches these a few times a task; a plain name costs a third of an attribute of an enum.
WAITING = int(Status.WAITING)
READY = int(Status.READY)
RUNNING = int(Status.RUNNING)
RETRYING = int(Status.RETRYING)
EXPANDED = int(Status.EXPANDED)
SUCCESS = int(Status.SUCCESS)
CACHED = int(Status.CACHED)
MAPPED = int(Status.MAPPED)
SKIPPED = int(Status.SKIPPED)
FAILED = int(Status.FAILED)
TIMED_OUT = int(Status.TIMED_OUT)
TRIGGER_FAILED = int(Status.TRIGGER_FAILED)
CANCELLED = int(Status.CANCELLED)
LOOPED = int(Status.LOOPED)
PAUSED = int(Status.PAUSED)
