"""What the tasks of the demonstration do instead of work: let time pass, or wait for their cue."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from directed_clock import DirectedClock

CUES = Path("cues")
CLOCK: DirectedClock | None = None  # none where a flow is only looked at


def act(name: str, seconds: float = 0.0) -> None:
    """Let so many seconds pass; where there are cues, none do, and who has one waits for it."""
    cue = CUES / name
    if cue.exists():
        cue.read_bytes()
    elif CLOCK is not None and not is_directed():
        CLOCK.go_on(seconds)


def is_directed() -> bool:
    """Whether there are cues."""
    return CUES.exists()


def make_cue(folder: Path, name: str) -> None:
    """Have there be one."""
    (folder / CUES).mkdir(exist_ok=True)
    os.mkfifo(folder / CUES / name)


def give_cue(folder: Path, name: str) -> None:
    """Let go on who waits for it, or will; the next one of that name has none."""
    cue = folder / CUES / name
    with cue.open("wb"):
        cue.unlink()


def take_cues_away(folder: Path) -> None:
    """Let time pass again."""
    shutil.rmtree(folder / CUES)
